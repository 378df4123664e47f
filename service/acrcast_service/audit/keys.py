"""The audit's key: what is derived from it, and the file that it is kept in."""

import base64
import binascii
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from acrcast.errors import AcrcastError, TamperedError
from acrcast_service.settings import PREFIX

KEY_BYTES = 32
NONCE_BYTES = 12

# A payload's key seals one payload, ever: its nonce need not differ from another's.
_ONLY_NONCE = bytes(NONCE_BYTES)


class AuditKeys:
    """Seals payloads, names subjects and signs the chain, each with a key of its own derived from the master (RFC 5869)."""

    def __init__(self, master: bytes) -> None:
        self._wrapping = AESGCM(_derived(master, b"seals the keys of payloads"))
        self._naming, self._chaining, self._requests, self._api_keys, self._links = (
            HMAC(_derived(master, purpose), SHA256())
            for purpose in (
                b"names subjects",
                b"signs the chain",
                b"recognises requests",
                b"recognises API keys",
                b"signs links",
            )
        )

    def subject(self, tenant: str, reference: str) -> bytes:
        """The subject's name in the database, from which the reference cannot be found without the key."""
        return _tagged(self._naming, f"{len(tenant)}:{tenant}{reference}".encode())

    def request(self, body: bytes) -> bytes:
        """What a request's body is recognised by. Without a key, a hash of few values could be guessed."""
        return _tagged(self._requests, body)

    def api_key(self, content: bytes) -> bytes:
        """What an API key is recognised by."""
        return _tagged(self._api_keys, content)

    def link(self, content: bytes) -> bytes:
        """What a link to a page is recognised by."""
        return _tagged(self._links, content)

    def sign(self, content: bytes) -> bytes:
        return _tagged(self._chaining, content)

    def seal(self, record_id: str, inputs: bytes, answer: bytes) -> tuple[bytes, bytes]:
        """Payload and its key, both sealed for this record and no other."""
        key, nonce, name = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES), record_id.encode()
        payload = AESGCM(key).encrypt(_ONLY_NONCE, len(inputs).to_bytes(8, "big") + inputs + answer, name)
        return payload, nonce + self._wrapping.encrypt(nonce, key, name)

    def open(self, record_id: str, payload: bytes, sealed_key: bytes) -> tuple[bytes, bytes]:
        """Inputs and answer, as they were sealed. Raises TamperedError when either is not what `seal` made."""
        name = record_id.encode()
        try:
            key = self._wrapping.decrypt(sealed_key[:NONCE_BYTES], sealed_key[NONCE_BYTES:], name)
            content = AESGCM(key).decrypt(_ONLY_NONCE, payload, name)
        except (InvalidTag, ValueError):
            raise TamperedError("the payload or its key was changed, or the audit's key is another") from None
        end = 8 + int.from_bytes(content[:8], "big")
        return content[8:end], content[end:]


def read_keys(path: Path) -> AuditKeys:
    """Raises AcrcastError when the file is not there or holds no key."""
    try:
        master = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except OSError as error:
        raise AcrcastError(f"{path}: the audit's key cannot be read: {error.strerror}") from None
    except (ValueError, binascii.Error):
        master = b""
    if len(master) != KEY_BYTES:
        raise AcrcastError(f"{path}: expected {KEY_BYTES} random bytes in Base64; see {PREFIX}AUDIT_KEY_FILE")
    return AuditKeys(master)


def make_key_file(path: Path) -> None:
    """A new key, for its owner alone, on disk when this returns. A file that is there already is left as it is."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # linked into place when complete: another process that starts now reads all of it or finds none
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:  # noqa: PTH123  a descriptor
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except OSError as error:
        raise AcrcastError(f"{path}: the audit's key cannot be made: {error.strerror}") from None


def _tagged(key: HMAC, content: bytes) -> bytes:
    """The keyed hash (RFC 2104). A copy of what was made with the key takes half as long as making it anew."""
    tag = key.copy()
    tag.update(content)
    return tag.finalize()


def _derived(master: bytes, purpose: bytes) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, b"acrcast audit " + purpose).derive(master)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
