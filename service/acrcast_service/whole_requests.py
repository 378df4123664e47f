"""Routes that take a request as it is: documented like any other, they need nothing of the framework when they are asked.

They and the few that are asked from the first moment on are there when the server starts. The other rooms, with what they
need of databases, templates and clients, are opened when the first of their addresses is asked for: a server that only
predicts never spends their time or their memory.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from acrcast_service.around import Around
from acrcast_service.auth.guard import guarded
from acrcast_service.server_state import ServerState


class WholeRequestRoute(APIRoute):
    """A route whose function takes the request as it is, with no parameters to look for.

    Its errors go to the handlers of the application, as any route's do.
    """

    def __init__(self, path: str, endpoint: Callable[[Request], Coroutine[Any, Any, Response]], **options: Any) -> None:  # noqa: ANN401  the framework's
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        self.app = app


class Application(FastAPI):
    """A request to a whole-request route's own address passes `around` and its guard; every other one the framework too.

    server: what its routes share. first: the routes that are there from the start.
    """

    def __init__(self, server: ServerState, around: Around, first: Iterable[BaseRoute], **options: Any) -> None:  # noqa: ANN401  the framework's
        super().__init__(**options)
        self.server = server
        self._around = around
        self._opening = asyncio.Lock()
        self._is_open = False
        self._rooms: list[BaseRoute] = []
        # not include_router, which matches every request twice: once for the router, once within it
        self._put(list(guarded(first)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._whole.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"], scope["route"] = self, route
        await self._around.answer(route.app, scope, receive, send)

    @property
    def routes(self) -> list[BaseRoute]:
        """Those of all rooms."""
        if not self._is_open:
            self._put(_of_all_rooms())
            self._is_open = True
        return self.router.routes

    async def open_for(self, path: str) -> None:
        """Opens all rooms, unless what is at this address is there already."""
        if self._is_open or path in self._addresses:
            return
        async with self._opening:
            if not self._is_open:
                # in a thread: whoever predicts is answered meanwhile
                self._put(await asyncio.to_thread(_of_all_rooms))
                self._is_open = True

    def _put(self, routes: list[BaseRoute]) -> None:
        """These in place of the ones before, which are among them; whatever else was added stays."""
        added = [route for route in self.router.routes if route not in self._rooms]
        self._rooms = routes
        self.router.routes[:] = [*routes, *added]
        own = [route for route in routes if isinstance(route, APIRoute)]
        self._addresses = {route.path for route in own}
        self._whole = {
            (method, route.path): route
            for route in own
            if isinstance(route, WholeRequestRoute)
            for method in route.methods or ()
        }


class AllRooms:
    """Opens the room that a request goes to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await scope["app"].open_for(scope["path"])
        await self._app(scope, receive, send)


def _of_all_rooms() -> list[BaseRoute]:
    """The routes of all rooms, each behind its guard. What they bring along stays, as what the server started with does."""
    collects = gc.isenabled()
    gc.disable()
    try:
        from acrcast_service.all_rooms import ALL_ROUTES  # noqa: PLC0415  slow to import

        return list(guarded(ALL_ROUTES))
    finally:
        if collects:
            gc.freeze()
            gc.enable()
