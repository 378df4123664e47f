"""Around every request, in one layer: each layer more costs as much as what it does.

A request is given an id and a place, its answer the headers that every answer has, and whatever is raised becomes a problem.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acrcast_service.errors import answer_to
from acrcast_service.observation.middleware import Observer
from acrcast_service.overload import Overload
from acrcast_service.security_headers import Header, with_security


class Around:
    """also: further headers of every answer; whoever made the list may change it."""

    def __init__(self, observer: Observer, overload: Overload, also: list[Header]) -> None:
        self._observer, self._overload, self._also = observer, overload, also

    def outside(self, app: ASGIApp) -> ASGIApp:
        """The application with this around it, as a middleware of the framework."""

        async def around(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await self.answer(app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return around

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets `app` answer one request."""
        seen = self._observer.began(scope)

        def answering(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message["headers"] = [*with_security(message["headers"]), *self._also, seen.header]
            else:
                seen.complete = not message.get("more_body", False)
            return send(message)

        try:
            await self._overload.admit(app, scope, receive, answering)
        except Exception as error:  # noqa: BLE001  whatever it is, its message stays here
            answer = answer_to(error, scope)
            if not seen.is_answered:
                await answer(scope, receive, answering)
        finally:
            self._observer.over(scope, seen)
