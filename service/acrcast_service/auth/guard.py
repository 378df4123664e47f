"""Stands before every route: no request reaches a function whose access it does not have."""

from collections.abc import Iterable, Iterator
from copy import copy

from fastapi import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from acrcast_service.addresses import public_address
from acrcast_service.auth.callers import SIGNED_LINK, asks_itself, scope_needed, takes_client_tokens
from acrcast_service.auth.signed_links import check_link
from acrcast_service.problems import (
    BODY_TOO_SLOW,
    IDENTITY_UNAVAILABLE,
    MISSING_SCOPE,
    OVERLOADED,
    TOO_MANY_REQUESTS,
    UNAUTHENTICATED,
    HttpProblem,
)
from acrcast_service.server_state import ServerState

# What any route that is behind a guard may answer.
REFUSALS = (UNAUTHENTICATED, MISSING_SCOPE, BODY_TOO_SLOW, TOO_MANY_REQUESTS, OVERLOADED, IDENTITY_UNAVAILABLE)


def guarded(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes, each behind what its function is marked with; what asks itself, as it is.

    Raises TypeError for a route that is not marked, or that cannot be.
    """
    for route in routes:
        if not isinstance(route, Route):
            raise TypeError(f"{route}: expected a route with a function to mark")
        scope = scope_needed(route.endpoint)
        if scope is not None and not asks_itself(route.endpoint):
            # a room's routes are shared by every application of this process
            route = copy(route)  # noqa: PLW2901  the same route, behind its guard
            if scope == SIGNED_LINK:
                route.app = LinkGuard(route.app)
            else:
                route.app = Guard(route.app, scope, of_clients=takes_client_tokens(route.endpoint))
        yield route


class Guard:
    """Asks who it is, whether they may, and whether it is too much, before the body is read."""

    def __init__(self, app: ASGIApp, needed: str, *, of_clients: bool) -> None:
        self._app = app
        self._needed = needed
        self._of_clients = of_clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: ServerState = scope["app"].server
        caller = server.auth.anybody
        if caller is None:
            address = public_address(server.settings, scope) + scope["path"] if self._of_clients else None
            caller = await server.auth.caller(scope["headers"], self._needed, address)
            server.auth.count(caller)
        scope["caller"] = caller
        await self._app(scope, receive, send)


class LinkGuard:
    """Asks whether the address is one that this server signed, and still good; who it was given to may read it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            check_link(scope["app"].server.audit.chain.keys, scope["path"], scope["query_string"].decode("latin-1"))
        except HttpProblem as refused:
            from acrcast_service.basis.pages import problem_page  # noqa: PLC0415  slow to import

            # whoever follows a link reads a page
            await problem_page(Request(scope), refused.kind)(scope, receive, send)
            return
        await self._app(scope, receive, send)
