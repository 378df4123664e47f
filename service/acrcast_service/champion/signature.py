"""Models that somebody signed: with a key configured, a model answers only when its manifest was signed by the owner of that key.

The manifest has the digest of every other file, so its signature is the model's. What a model is checked for by itself
shows that it is whole; a signature shows who vouches for it, also to a server whose registry was taken over.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from acrcast import artefact
from acrcast.errors import ArtefactError, UsageError
from acrcast.prediction import ModelIdentity
from acrcast.response_model import ResponseModel
from acrcast.studies import Study
from acrcast_service.settings import PREFIX, Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Load = Callable[[Path, Study | None], ResponseModel]

SETTING = f"{PREFIX}MODEL_KEY"


class UnsignedError(ArtefactError):
    """A model that is not signed by the key that models must be signed with."""


def loading(settings: Settings) -> Load:
    """How this server reads a model from a folder. Raises UsageError when the key of the settings cannot be used."""
    if settings.model_key is None:
        return artefact.load
    key = _public_key(settings.model_key)

    def load(folder: Path, study: Study | None) -> ResponseModel:
        model = artefact.load(folder, study)
        _check(folder, model.identity, key)
        return model

    return load


def _check(folder: Path, identity: ModelIdentity, key: "Ed25519PublicKey") -> None:
    """Raises UnsignedError unless the manifest that the loaded model is of was signed."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  slow to import

    try:
        manifest, signature = ((folder / name).read_bytes() for name in (artefact.MANIFEST, artefact.SIGNATURE))
        key.verify(signature, manifest)
    except OSError:
        raise UnsignedError(f"{folder}: {artefact.SIGNATURE} is missing, and {SETTING} asks for it") from None
    except InvalidSignature:
        raise UnsignedError(f"{folder}: {artefact.SIGNATURE} is not made by the key of {SETTING}") from None
    if artefact.digest_of(manifest) != identity.digest:
        raise UnsignedError(f"{folder}: {artefact.MANIFEST} was exchanged while the model was read")


def _public_key(path: Path) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  slow to import
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415  as above

    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{SETTING}: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{SETTING}: {path}: expected an Ed25519 public key in PEM")
    return key
