"""Who asks, and what a route asks of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from fastapi import Request

from acrcast_service.audit.records import DEFAULT_TENANT, LOCAL_CALLER

PREDICT, OUTCOME, AUDIT, ADMIN = SCOPES = ("predict", "outcome", "audit", "admin")

LONGEST_NAME = 200

# What the text that opens an API key begins with.
MARK = "acr"

_ACCESS = "acrcast_access"
_ASKS_ITSELF = "acrcast_asks_itself"
_CLIENTS = "acrcast_cds_clients"
_ANYBODY = ""
# Not a scope that a key can have: the address itself is the credential.
SIGNED_LINK = "signed link"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. name: for the audit. key: what its requests are counted by; empty when nobody was asked."""

    name: str
    tenant: str
    scopes: frozenset[str]
    key: str = ""


LOCAL = Caller(LOCAL_CALLER, DEFAULT_TENANT, frozenset(SCOPES))
BEHIND_PROXY = Caller("proxy", DEFAULT_TENANT, frozenset(SCOPES))


def needs(scope: str) -> Callable[[Endpoint], Endpoint]:
    """Marks a route's function: only a caller with the scope reaches it, and `caller_of` tells it who."""
    if scope not in SCOPES:
        raise ValueError(f"{scope}: no such scope")
    return lambda endpoint: _marked(endpoint, scope)


def also_of_cds_clients(endpoint: Endpoint) -> Endpoint:
    """Marks a route's function: the tokens that CDS Hooks clients sign for one request are accepted here, and nowhere else."""
    setattr(endpoint, _CLIENTS, True)
    return endpoint


def takes_client_tokens(endpoint: Callable[..., Any]) -> bool:
    return getattr(endpoint, _CLIENTS, False)


def open_to_all(endpoint: Endpoint) -> Endpoint:
    """Marks a route's function: anybody may ask. Nothing that it answers was sent by a client."""
    return _marked(endpoint, _ANYBODY)


def needs_in_form(scope: str) -> Callable[[Endpoint], Endpoint]:
    """As `needs`, for a page's form, whose key may be one of its entries: the function asks by `sender_of`, and no guard does."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ASKS_ITSELF, True)
        return needs(scope)(endpoint)

    return mark


def asks_itself(endpoint: Callable[..., Any]) -> bool:
    """Whether the function finds out who asks, from the form that it reads."""
    return getattr(endpoint, _ASKS_ITSELF, False)


def needs_signed_link(endpoint: Endpoint) -> Endpoint:
    """Marks a route's function: only who was given a link to that very address reaches it, while the link is good."""
    return _marked(endpoint, SIGNED_LINK)


def scope_needed(endpoint: Callable[..., Any]) -> str | None:
    """None when anybody may, `SIGNED_LINK` where no scope but a link opens. Raises TypeError for a function that is not marked: who may is never left open."""
    scope = getattr(endpoint, _ACCESS, None)
    if scope is None:
        raise TypeError(f"{endpoint.__module__}.{endpoint.__qualname__}: mark it with needs(...) or open_to_all")
    return cast(str, scope) or None


def caller_of(request: Request) -> Caller:
    """Who sent this request, in a route that needs a scope."""
    return cast(Caller, request.scope["caller"])


def _marked(endpoint: Endpoint, scope: str) -> Endpoint:
    setattr(endpoint, _ACCESS, scope)
    return endpoint
