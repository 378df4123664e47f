"""Finds out who asks, and whether they may: API keys, tokens of an identity provider, or nobody yet on this machine."""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

from acrcast.errors import UsageError
from acrcast_service.auth.callers import BEHIND_PROXY, LOCAL, MARK, Caller
from acrcast_service.auth.refusals import missing_scope, unauthenticated
from acrcast_service.problems import NOT_READY, HttpProblem
from acrcast_service.settings import PREFIX, Settings, is_loopback

if TYPE_CHECKING:
    from acrcast_service.auth.api_key_ring import ApiKeyRing
    from acrcast_service.auth.client_tokens import ClientTokens
    from acrcast_service.auth.key_set import KeySet
    from acrcast_service.auth.tokens import TokenVerifier
    from acrcast_service.auth.used_tokens import UsedTokens

# A key that is made or revoked is known after so many seconds, and the time that reading the database takes.
REFRESH_SECONDS = 2.0

# Recognised tokens are remembered by their SHA-256, up to so many: then all are recognised anew.
REMEMBERED = 4096


class Auth:
    """Of one server process. Until somebody made a key or named an issuer or a client, this machine's callers may do everything."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._without_key = LOCAL if is_loopback(settings.host) else None
        if settings.behind_authenticating_proxy:
            self._without_key = BEHIND_PROXY
        self._remembered: dict[bytes, tuple[Caller, float]] = {}
        self._ring: ApiKeyRing | None = None
        self._open = False
        self._rate_limit = None
        if settings.rate_limit is not None:
            from acrcast_service.auth.rate_limits import RateLimit  # noqa: PLC0415  slow to import

            self._rate_limit = RateLimit(settings.rate_limit)
        self._tokens: TokenVerifier | None = None
        self._key_set: KeySet | None = None
        self._client_tokens: ClientTokens | None = None
        self._used: UsedTokens | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises UsageError or AcrcastError, in one line what to do, when who may ask cannot be found out."""
        self._ring = await asyncio.to_thread(_ring_of, self._settings)
        if self._ring is not None:
            await asyncio.to_thread(self._ring.read)
        if has_issuer(self._settings):
            from acrcast_service.auth.key_set import KeySet, checked_source  # noqa: PLC0415  slow to import
            from acrcast_service.auth.tokens import TokenVerifier  # noqa: PLC0415

            source = checked_source(str(self._settings.oidc_keys))
            self._key_set = KeySet(source, self._settings.oidc_keys_kept_seconds, self._remembered.clear)
            self._tokens = TokenVerifier(self._settings, self._key_set)
            await self._key_set.refresh_if_old()
        if self._settings.cds_clients is not None:
            from acrcast_service.auth.cds_clients import read_clients  # noqa: PLC0415  slow to import
            from acrcast_service.auth.client_tokens import ClientTokens  # noqa: PLC0415
            from acrcast_service.auth.used_tokens import UsedTokens  # noqa: PLC0415

            self._used = UsedTokens(self._settings.database_url)
            clients = read_clients(self._settings.cds_clients)
            self._client_tokens = ClientTokens(clients, self._settings.oidc_keys_kept_seconds, self._used)
            await self._client_tokens.refresh_if_old()
        self._decide()
        self._refreshing = asyncio.create_task(self._refresh())

    async def stop(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refreshing
        if self._ring is not None:
            self._ring.close()
        if self._used is not None:
            self._used.close()

    @property
    def asks(self) -> bool:
        """Whether callers have to say who they are."""
        return self.anybody is None

    @property
    def anybody(self) -> Caller | None:
        """Who everybody is while nobody is asked; None where callers have to say who they are."""
        return self._without_key if self._open else None

    async def caller(self, headers: Iterable[tuple[bytes, bytes]], scope: str, address: str | None = None) -> Caller:
        """Who sent these headers. Raises HttpProblem: 401, 403 without the scope, 503 when that cannot be found out.

        address: what is asked, where CDS Hooks clients may ask with a token for it.
        """
        if self.anybody is not None:
            return self.anybody
        if self._refreshing is None:
            raise HttpProblem(NOT_READY, headers={"Retry-After": "1"})
        token = _bearer(headers)
        caller = await self._client(token, address) or await self._known(token)
        if scope not in caller.scopes:
            raise missing_scope(scope)
        return caller

    def count(self, caller: Caller) -> None:
        """Raises HttpProblem (429) when the caller's key asks too often."""
        if self._rate_limit is not None and caller.key:
            self._rate_limit.count(caller.key)

    async def _client(self, token: bytes, address: str | None) -> Caller | None:
        """The CDS Hooks client whose token this is; None when it is none, or none may ask here."""
        if address is None or self._client_tokens is None:
            return None
        client = self._client_tokens.client_of(token)
        if client is not None:
            return await self._client_tokens.proven(token, client, address)
        if self._tokens is None and not token.startswith(MARK.encode()):
            raise unauthenticated("the token is of no issuer that this server lists")
        return None

    async def _known(self, token: bytes) -> Caller:
        mark = sha256(token).digest()
        known = self._remembered.get(mark)
        if known is None or known[1] <= time.time():
            known = await self._recognised(token)
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[mark] = known
        return known[0]

    async def _recognised(self, token: bytes) -> tuple[Caller, float]:
        """The caller and until when, at the longest, that may be remembered."""
        if not token.startswith(MARK.encode()):
            if self._tokens is None:
                raise unauthenticated(f"expected an API key, which begins with {MARK}_")
            return await self._tokens.proven(token)
        key = self._ring.opened_by(token) if self._ring is not None else None
        if key is None:
            raise unauthenticated("the API key is unknown, expired or revoked")
        return key.caller, time.time() + REFRESH_SECONDS

    async def _refresh(self) -> None:
        """Keeps what is known of keys fresh, until it is cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            if await asyncio.to_thread(self._read_again):
                self._remembered.clear()
                self._decide()
            for keys in (self._key_set, self._client_tokens):
                if keys is not None:
                    await keys.refresh_if_old()

    def _read_again(self) -> bool:
        """Whether the keys changed."""
        if self._ring is None:
            self._ring = _ring_of(self._settings)
        return self._ring is not None and self._ring.read_if_possible()

    def _decide(self) -> None:
        somebody = self._tokens is not None or self._client_tokens is not None
        self._open = not somebody and (self._ring is None or self._ring.is_empty)


def _ring_of(settings: Settings) -> "ApiKeyRing | None":
    """The API keys; None while there is no database that could hold one."""
    if settings.database is None and not settings.database_file.exists():
        return None
    from acrcast_service.auth.api_key_ring import ApiKeyRing  # noqa: PLC0415  slow to import

    return ApiKeyRing(settings)


def has_issuer(settings: Settings) -> bool:
    """Raises UsageError when only some of what tokens need is set."""
    needed = {name: getattr(settings, name) for name in ("oidc_issuer", "oidc_audience", "oidc_keys")}
    missing = [PREFIX + name.upper() for name, value in needed.items() if value is None]
    if missing and len(missing) < len(needed):
        raise UsageError(f"tokens of an identity provider also need {' and '.join(missing)}")
    return not missing


def check_clients(settings: Settings) -> None:
    """Raises UsageError when the file of CDS Hooks clients is wrong, or something that their tokens need is not set."""
    if settings.cds_clients is None:
        return
    from acrcast_service.auth.cds_clients import read_clients  # noqa: PLC0415  slow to import

    read_clients(settings.cds_clients)
    if not settings.audit:
        raise UsageError(f"{PREFIX}CDS_CLIENTS needs the audit, which remembers the tokens that were used")
    if settings.public_url is None and not is_loopback(settings.host):
        raise UsageError(f"{PREFIX}CDS_CLIENTS needs {PREFIX}PUBLIC_URL: a token names the address that it is for")


def check_who_may(settings: Settings) -> None:
    """Raises UsageError when other machines could reach this server and it would ask nobody who they are."""
    check_clients(settings)
    if has_issuer(settings) or settings.cds_clients is not None:
        return
    if is_loopback(settings.host) or settings.behind_authenticating_proxy:
        return
    ring = _ring_of(settings)
    if ring is not None:
        try:
            ring.read()
            if not ring.is_empty:
                return
        finally:
            ring.close()
    raise UsageError(
        f"--host {settings.host} can be reached from other machines, and no authentication is configured: make a key with "
        f"acrcast keys create, set {PREFIX}OIDC_ISSUER or {PREFIX}CDS_CLIENTS, or use 127.0.0.1; or set {PREFIX}BEHIND_AUTHENTICATING_PROXY=1 if "
        "something in front authenticates every request"
    )


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """What stands after `Bearer`. Raises HttpProblem (401) unless it is there exactly once."""
    sent = [value for name, value in headers if name == b"authorization"]
    if not sent:
        raise unauthenticated()
    scheme, _, token = sent[0].partition(b" ")
    if len(sent) > 1 or scheme.lower() != b"bearer" or not token:
        raise unauthenticated("expected one header Authorization: Bearer KEY")
    return token.strip()
