"""The keys that an identity provider signs with (RFC 7517), read from one configured place and no other."""

import asyncio
import json
import logging
import math
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from acrcast.errors import UsageError
from acrcast_service.auth.refusals import identity_unavailable
from acrcast_service.settings import PREFIX, is_loopback

log = logging.getLogger("acrcast_service")

# Each kind of key signs by these and nothing else: no `none`, nothing symmetric.
RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
EC_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ED25519_ALGORITHMS = frozenset({"EdDSA"})
RSA_BITS = 2048  # RFC 7518, section 3.3

# In seconds: how old a set may grow unasked, and how soon an unknown key's name may ask for it again.
REFRESHED_AFTER, ASKED_AGAIN_AFTER = 300.0, 10.0
FETCH_SECONDS, FETCH_BYTES = 5.0, 262_144


@dataclass(frozen=True, slots=True)
class VerificationKey:
    public: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
    algorithms: frozenset[str]


class KeySet:
    """Belongs to one event loop. source: an address or a path. kept_seconds: how long the last set holds by itself.

    changed: called when the keys are others than before. owner: whose keys they are, in the log.
    """

    def __init__(
        self, source: str, kept_seconds: float, changed: Callable[[], None] = lambda: None, owner: str = "oidc"
    ) -> None:
        self._source, self._owner = source, owner
        self._kept_seconds = kept_seconds
        self._changed = changed
        self._keys: Mapping[str, VerificationKey] = {}
        self._reading = asyncio.Lock()
        # moments of the monotonic clock: read well, tried at all, tried for a name that was not known
        self._read_at = self._tried_at = self._asked_at = -math.inf

    async def refresh_if_old(self) -> None:
        async with self._reading:
            due = ASKED_AGAIN_AFTER if self._failing else REFRESHED_AFTER
            if time.monotonic() - self._tried_at >= due:
                await self._read()

    async def key(self, name: str | None) -> VerificationKey | None:
        """The key of that name (`kid`); None when there is none. A token without a name means the only key of the set.

        An unknown name asks for the set once more, and not again for a while. Raises HttpProblem (503) while the set
        cannot be read, for a name that it may have by now, and for every name once the last set is too old.
        """
        self._check_age()
        found = self._named(name)
        if found is not None:
            return found
        async with self._reading:
            if self._named(name) is None and time.monotonic() - self._asked_at >= ASKED_AGAIN_AFTER:
                self._asked_at = time.monotonic()
                await self._read()
        found = self._named(name)
        if found is None and self._failing:
            raise identity_unavailable()
        return found

    @property
    def _failing(self) -> bool:
        return self._tried_at != self._read_at

    def _named(self, name: str | None) -> VerificationKey | None:
        if name is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(name)

    def _check_age(self) -> None:
        if self._failing and time.monotonic() - self._read_at > self._kept_seconds:
            raise identity_unavailable()

    async def _read(self) -> None:
        was_failing, self._tried_at = self._failing, time.monotonic()
        try:
            keys = verification_keys(await asyncio.to_thread(_content, self._source))
        except (OSError, ValueError, HTTPException) as error:
            if not was_failing:
                log.error("%s-keys-unreadable error=%s", self._owner, type(error).__name__)  # noqa: TRY400  no traceback
            return
        if was_failing:
            log.warning("%s-keys-recovered", self._owner)
        self._read_at = self._tried_at
        if keys != self._keys:
            self._keys = keys
            self._changed()


def checked_source(source: str, setting: str = f"{PREFIX}OIDC_KEYS") -> str:
    """Raises UsageError, naming the setting, for an address that could be listened in on, or a file that is not there."""
    address = urlsplit(source)
    if address.scheme == "https" and address.hostname:
        return source
    if address.scheme == "http" and is_loopback(address.hostname or ""):
        return source
    if address.scheme in ("", "file") or len(address.scheme) == 1:
        if Path(source).is_file():
            return source
        raise UsageError(f"{setting}: {source}: no such file")
    raise UsageError(f"{setting}: expected an https:// address (http:// only on this machine), or a path")


def verification_keys(document: bytes) -> dict[str, VerificationKey]:
    """The usable keys of a set, by name; one without a name has the name ''. Others are left out, as RFC 7517 asks.

    Raises ValueError when it is no key set, or has not one usable key.
    """
    content = json.loads(document)
    listed = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a key set")  # noqa: TRY004  a value that came in
    keys = {str(item.get("kid", "")): key for item in listed if isinstance(item, dict) and (key := _key(item))}
    if not keys:
        raise ValueError("no usable key in the set")
    return keys


def _key(item: dict[str, Any]) -> VerificationKey | None:
    if item.get("kty") not in ("RSA", "EC", "OKP") or item.get("use", "sig") != "sig":
        return None
    try:
        # the private part, should somebody have published it, is not even parsed
        public = PyJWK(
            {name: value for name, value in item.items() if name not in ("d", "p", "q", "dp", "dq", "qi")}
        ).key
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(public, RSAPublicKey):
        allowed = RSA_ALGORITHMS if public.key_size >= RSA_BITS else frozenset[str]()
    elif isinstance(public, EllipticCurvePublicKey):
        allowed = frozenset({EC_ALGORITHMS.get(public.curve.name, "")}) - {""}
    elif isinstance(public, Ed25519PublicKey):
        allowed = ED25519_ALGORITHMS
    else:
        return None
    if "alg" in item:
        allowed &= {str(item["alg"])}
    return VerificationKey(public, allowed) if allowed else None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Only the configured address is ever asked: what it sends elsewhere for is an error."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None: ...


_OPENER = urllib.request.build_opener(_NoRedirects)


def _content(source: str) -> bytes:
    if "://" not in source:
        return Path(source).read_bytes()
    request = urllib.request.Request(source, headers={"Accept": "application/json"})  # noqa: S310  checked_source
    with _OPENER.open(request, timeout=FETCH_SECONDS) as answer:
        content: bytes = answer.read(FETCH_BYTES + 1)
    if len(content) > FETCH_BYTES:
        raise ValueError("the key set is too large")
    return content
