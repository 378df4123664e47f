"""Tokens of an identity provider (JWT, RFC 7519 and RFC 8725): who they say the caller is, once they are proven."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)

from acrcast_service.audit.records import DEFAULT_TENANT
from acrcast_service.auth.callers import LONGEST_NAME, SCOPES, Caller
from acrcast_service.auth.key_set import KeySet
from acrcast_service.auth.refusals import unauthenticated
from acrcast_service.settings import Settings

LEEWAY_SECONDS = 60
LONGEST_TOKEN = 8192

# A token that was proven is proven again after so long: its issuer may have withdrawn the key meanwhile.
HOLDS_SECONDS = 60

REQUIRED = ("iss", "aud", "sub", "exp")

# What the caller is told; the first that fits. The token itself is never repeated.
WRONG: Mapping[type[PyJWTError], str] = {
    ExpiredSignatureError: "the token has expired",
    ImmatureSignatureError: "the token is not valid yet",
    InvalidAudienceError: "the token is for another audience",
    InvalidIssuerError: "the token is of another issuer",
    MissingRequiredClaimError: "the token lacks one of {required}",
    PyJWTError: "the token is not one that this server trusts",
}


class TokenVerifier:
    """Proves tokens of the settings' issuer with the keys that it signs with."""

    def __init__(self, settings: Settings, keys: KeySet) -> None:
        self._settings = settings
        self._keys = keys

    async def proven(self, token: bytes) -> tuple[Caller, float]:
        """Who the token says the caller is, and until when, in seconds since 1970.

        Raises HttpProblem: 401 with what is wrong, 503 when the issuer's keys cannot be had.
        """
        claims = await proven_claims(
            token, self._keys, self._settings.oidc_audience, self._settings.oidc_issuer, REQUIRED
        )
        return self._caller(claims), min(float(claims["exp"]) + LEEWAY_SECONDS, time.time() + HOLDS_SECONDS)

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        name = _text(claims["sub"])
        tenant_claim = self._settings.oidc_tenant_claim
        tenant = DEFAULT_TENANT if tenant_claim is None else _text(claims.get(tenant_claim))
        if name is None or tenant is None:
            raise unauthenticated(
                f"the token's sub and tenant must be texts of 1 to {LONGEST_NAME} printable characters"
            )
        given = claims.get(self._settings.oidc_scope_claim, ())
        words = given.split() if isinstance(given, str) else given if isinstance(given, list) else ()
        scopes = frozenset(scope for scope in SCOPES if scope in words)
        return Caller(name, tenant, scopes, key=f"{tenant}\0{name}")


async def proven_claims(
    token: bytes, keys: KeySet, audience: str | None, issuer: str | None, required: Sequence[str]
) -> dict[str, Any]:
    """What the token says, signed by one of the keys, of the issuer and for the audience, with at least these claims.

    Raises HttpProblem: 401 with what is wrong, 503 when the keys cannot be had.
    """
    if len(token) > LONGEST_TOKEN:
        raise unauthenticated(f"the token is longer than {LONGEST_TOKEN} bytes")
    try:
        header = jwt.get_unverified_header(token)
        algorithm, name = header.get("alg"), header.get("kid")
        key = await keys.key(name)
        if key is None or not isinstance(algorithm, str) or algorithm not in key.algorithms:
            raise unauthenticated("the token is not signed by a key of the issuer's set, or by an algorithm not for it")
        return jwt.decode(
            token,
            key.public,
            algorithms=[algorithm],
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(required)},
        )
    except PyJWTError as error:
        said = next(said for kind, said in WRONG.items() if isinstance(error, kind))
        raise unauthenticated(said.format(required=", ".join(required))) from None


def _text(value: object) -> str | None:
    is_name = isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
    return str(value) if is_name else None
