"""Models that must be signed: by whom, of what, and what becomes of one that is not."""

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.service.champion.conftest import until

from acrcast.errors import TamperedError, UsageError
from acrcast_service.champion.signature import UnsignedError
from acrcast_service.model_store import load_model
from acrcast_service.settings import Settings


def public(private, path):
    path.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


@pytest.fixture
def signer():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def key(signer, tmp_path):
    return public(signer, tmp_path / "key.pem")


@pytest.fixture
def signed(made, tmp_path):
    """A copy of a model, signed by whom is named."""

    def sign(private, number=0):
        folder = shutil.copytree(made[number].folder, tmp_path / f"signed-{number}")
        (folder / "manifest.sig").write_bytes(private.sign((folder / "manifest.json").read_bytes()))
        return folder

    return sign


def load(folder, key):
    return load_model(Settings(model=str(folder), model_key=key))


def test_a_model_that_was_signed_is_loaded_and_also_where_nobody_asks_for_a_signature(signed, signer, key, made):
    folder = signed(signer)
    for asked in (key, None):
        assert load(folder, asked).identity.digest == made[0].digest


def test_a_model_that_nobody_signed_is_refused(made, key):
    with pytest.raises(UnsignedError, match=r"manifest\.sig is missing, and ACRCAST_MODEL_KEY asks for it"):
        load(made[0].folder, key)


def test_a_model_that_somebody_else_signed_is_refused(signed, key):
    with pytest.raises(UnsignedError, match="is not made by the key"):
        load(signed(Ed25519PrivateKey.generate()), key)


def test_the_signature_of_another_model_is_refused(signed, signer, key, made):
    folder = signed(signer)
    shutil.copy(made[1].folder / "manifest.json", folder / "manifest.json")
    for name in ("arrays.npz", "self_test.npz"):
        shutil.copy(made[1].folder / name, folder / name)
    with pytest.raises(UnsignedError, match="is not made by the key"):
        load(folder, key)


def test_a_file_that_was_changed_after_signing_is_refused(signed, signer, key):
    folder = signed(signer)
    (folder / "card.json").write_text("{}")
    with pytest.raises(TamperedError):
        load(folder, key)


def test_openssl_signs_as_the_docs_say(made, signer, key, tmp_path, needs_program):
    private = tmp_path / "private.pem"
    private.write_bytes(signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    folder = shutil.copytree(made[0].folder, tmp_path / "by-openssl")
    names = {"-in": folder / "manifest.json", "-out": folder / "manifest.sig", "-inkey": private}
    options = [str(part) for pair in names.items() for part in pair]
    subprocess.run([needs_program("openssl"), "pkeyutl", "-sign", "-rawin", *options], check=True)
    assert load(folder, key).identity.digest == made[0].digest


@pytest.mark.parametrize("kind", ["another kind", "no key", "absent"])
def test_a_key_that_cannot_be_used_is_bad_usage(made, tmp_path, kind):
    path = tmp_path / "other.pem"
    if kind == "another kind":
        public(elliptic(SECP256R1()), path)
    elif kind == "no key":
        path.write_text("Zz81734")
    with pytest.raises(UsageError, match=r"ACRCAST_MODEL_KEY: .*other\.pem") as refused:
        load(made[0].folder, path)
    assert "Zz81734" not in str(refused.value)


def test_an_unsigned_model_does_not_replace_a_signed_one(start, made, place, signed, signer, key):
    place.becomes(signed(signer))
    server = start(
        "--model", str(place.path), "--port", "0", ACRCAST_MODEL_KEY=str(key), ACRCAST_MODEL_REFRESH_SECONDS="0.05"
    )
    place.becomes(made[1].folder)
    said = until(server.url, lambda said: "refused" in said)
    assert said["refused"] == "it is not signed by the key that models must be signed with"
    assert said["model"] == made[0].digest
    place.becomes(signed(signer, number=2))
    until(server.url, lambda said: said["model"] == made[2].digest)
