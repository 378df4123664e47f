"""Routes that take a request as it is: documented like any other, they need nothing of the framework when they are asked."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from acrcast_service.around import Around
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

    server: what its routes share.
    """

    def __init__(self, server: ServerState, around: Around, **options: Any) -> None:  # noqa: ANN401  the framework's
        super().__init__(**options)
        self.server = server
        self._around = around
        self._whole: dict[tuple[str, str], WholeRequestRoute] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._whole_request_route(scope) if scope["type"] == "http" else None
        if route is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"], scope["route"] = self, route
        await self._around.answer(route.app, scope, receive, send)

    def _whole_request_route(self, scope: Scope) -> WholeRequestRoute | None:
        if self._whole is None:
            routes = [route for route in self.routes if isinstance(route, WholeRequestRoute)]
            self._whole = {(method, route.path): route for route in routes for method in route.methods or ()}
        return self._whole.get((scope["method"], scope["path"]))
