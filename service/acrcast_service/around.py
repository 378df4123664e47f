"""Around every request, in one layer: each layer more costs as much as what it does.

A request is given an id and a place, its answer the headers that every answer has, and whatever is raised becomes a problem.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acrcast_service.errors import answer_to
from acrcast_service.observation.middleware import Observer
from acrcast_service.overload import Overload
from acrcast_service.prediction.routes import WholeRequestRoute
from acrcast_service.security_headers import Header, with_security


class Around:
    """The outermost part of the application. also: further headers of every answer; whoever made the list may change it."""

    def __init__(self, app: ASGIApp, observer: Observer, overload: Overload, also: list[Header]) -> None:
        self._app, self._observer, self._overload, self._also = app, observer, overload, also
        self._routes: dict[tuple[str, str], WholeRequestRoute] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = self._observer.began(scope)

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message["headers"] = [*with_security(message["headers"]), *self._also, seen.header]
                await send(message)
            else:
                await send(message)
                seen.complete = not message.get("more_body", False)

        try:
            await self._overload.admit(self._application(scope), scope, receive, answering)
        except Exception as error:  # noqa: BLE001  whatever it is, its message stays here
            answer = answer_to(error, scope["path"])
            if not seen.is_answered:
                await answer(scope, receive, answering)
        finally:
            self._observer.over(scope, seen)

    def _application(self, scope: Scope) -> ASGIApp:
        """A route that takes whole requests at its address, without the framework, which has nothing to do for it; else the framework."""
        if self._routes is None:
            routes = [route for route in scope["app"].routes if isinstance(route, WholeRequestRoute)]
            self._routes = {(method, route.path): route for route in routes for method in route.methods or ()}
        route = self._routes.get((scope["method"], scope["path"]))
        if route is None:
            return self._app
        scope["route"] = route
        return route.app
