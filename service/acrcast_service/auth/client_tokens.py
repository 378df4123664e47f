"""Tokens that CDS Hooks clients sign for each request (CDS Hooks 2.0, section Trusting CDS Clients)."""

import asyncio
import time
from collections.abc import Mapping

import jwt
from jwt.exceptions import PyJWTError
from sqlalchemy.exc import SQLAlchemyError

from acrcast_service.auth.callers import OUTCOME, PREDICT, Caller
from acrcast_service.auth.cds_clients import CdsClient
from acrcast_service.auth.key_set import KeySet
from acrcast_service.auth.refusals import identity_unavailable, unauthenticated
from acrcast_service.auth.tokens import LEEWAY_SECONDS, LONGEST_TOKEN, proven_claims
from acrcast_service.auth.used_tokens import UsedTokens

REQUIRED = ("iss", "aud", "exp", "iat", "jti")
# What a token is remembered for at most, in seconds: one that is good for longer is refused.
LONGEST_LIFE = 86_400
LONGEST_TEXT = 200


class ClientTokens:
    """Proves the tokens of the listed clients. kept_seconds: how long a client's last key set holds by itself."""

    def __init__(self, clients: Mapping[str, CdsClient], kept_seconds: float, used: UsedTokens) -> None:
        self._clients, self._used = clients, used
        self._keys = {
            issuer: KeySet(client.keys, kept_seconds, owner="cds-client") for issuer, client in clients.items()
        }

    async def refresh_if_old(self) -> None:
        await asyncio.gather(*(keys.refresh_if_old() for keys in self._keys.values()))

    def client_of(self, token: bytes) -> CdsClient | None:
        """Whose the token says it is, which is not proven; None when it is nobody's that is listed."""
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except PyJWTError:
            return None
        return self._clients.get(issuer) if isinstance(issuer, str) else None

    async def proven(self, token: bytes, client: CdsClient, address: str) -> Caller:
        """Who asks, once the token is proven for this address and used up.

        Raises HttpProblem: 401 with what is wrong, 503 when the client's keys or the database cannot be read.
        """
        _check_header(jwt.get_unverified_header(token), client)
        claims = await proven_claims(token, self._keys[client.issuer], address, client.issuer, REQUIRED)
        expires = float(claims["exp"]) + LEEWAY_SECONDS
        if expires > time.time() + LONGEST_LIFE + LEEWAY_SECONDS:
            raise unauthenticated("the token is good for more than a day: sign one for each request")
        name = claims["jti"]
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_TEXT:
            raise unauthenticated(f"the token's jti must be a text of 1 to {LONGEST_TEXT} characters")
        try:
            first = await asyncio.to_thread(self._used.use, client.issuer, name, expires)
        except SQLAlchemyError:
            raise identity_unavailable() from None
        if not first:
            raise unauthenticated("the token was used before: sign one for each request")
        tenant = _tenant(client, claims.get("tenant"))
        return Caller(client.issuer, tenant, frozenset({PREDICT, OUTCOME}), key=f"{tenant}\0{client.issuer}")


def _check_header(header: Mapping[str, object], client: CdsClient) -> None:
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise unauthenticated('the token\'s header must say "typ": "JWT"')
    if not isinstance(header.get("kid"), str):
        raise unauthenticated("the token's header must name its key: kid")
    # a key is never fetched from where a token points to; that it points elsewhere is a reason to distrust it
    if "jku" in header and header["jku"] != client.address_of_keys:
        raise unauthenticated("the token's jku is not the key set that is listed for its issuer")


def _tenant(client: CdsClient, organisation: object) -> str:
    """The client's tenant, and within it the organisation that it asks for, when it names one."""
    if organisation is None:
        return client.tenant
    if not isinstance(organisation, str) or not 0 < len(organisation) <= 90 or not organisation.isprintable():
        raise unauthenticated("the token's tenant must be a text of 1 to 90 printable characters")
    return f"{client.tenant}/{organisation}"
