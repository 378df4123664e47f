"""So many requests at a time, so many waiting, and the rest refused at once; and a time for a body to arrive.

A request takes its place when its body is whole: a client that sends slowly takes none.
"""

import asyncio
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acrcast_service.connections import CONNECTIONS
from acrcast_service.error_forms import form_at
from acrcast_service.problems import BODY_TOO_SLOW, OVERLOADED, ErrorForm, HttpProblem, problem_response
from acrcast_service.settings import Settings

# What a body's time grows by one second for, in bytes: the slowest line that is served.
BYTES_A_SECOND = 65_536

# Whoever restarts or measures this process is answered in every case.
ALWAYS_ANSWERED = ("/health/", "/v2/health/")

RETRY_AFTER = "1"


class Overload:
    """Of one server process."""

    def __init__(self, settings: Settings) -> None:
        self._places = asyncio.Semaphore(settings.requests_in_progress)
        self._most_waiting = settings.requests_waiting
        self._most = settings.requests_in_progress + settings.requests_waiting
        self._waiting = 0
        self._body_seconds = settings.body_seconds
        self._refusals: dict[ErrorForm, Sequence[Message]] = {}

    async def admit(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the application answer, or refuses at once, which costs next to nothing."""
        if scope["path"].startswith(ALWAYS_ANSWERED):
            await app(scope, receive, send)
        elif self._is_full:
            form = form_at(scope["path"])
            refusal = self._refusals.get(form) or self._refusals.setdefault(form, _refusal(form))
            for message in refusal:
                # a copy: a server may add to what it is sent
                await send({**message})
        else:
            request = _Request(self, receive, connections=scope.get(CONNECTIONS))
            try:
                await app(scope, request.receive, send)
            finally:
                if request.has_place:
                    self._places.release()

    async def take_place(self, connections: int | None) -> None:
        """Raises HttpProblem (503) when all places, and those to wait in, are taken. connections: how many there are, if known."""
        if self._is_full:
            raise HttpProblem(OVERLOADED, headers={"Retry-After": RETRY_AFTER})
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        if connections is not None and connections <= self._most:
            return
        try:
            # an answer may be made without a pause: whoever has arrived meanwhile is counted before it is begun
            await asyncio.sleep(0)
        except BaseException:
            self._places.release()
            raise

    @property
    def body_seconds(self) -> float:
        return self._body_seconds

    @property
    def _is_full(self) -> bool:
        return self._places.locked() and self._waiting >= self._most_waiting


class _Request:
    """What one request receives."""

    __slots__ = ("_body_is_whole", "_connections", "_deadline", "_overload", "_receive", "has_place")

    def __init__(self, overload: Overload, receive: Receive, connections: int | None) -> None:
        self._overload = overload
        self._receive = receive
        self._connections = connections
        self._deadline = 0.0
        self._body_is_whole = False
        self.has_place = False

    async def receive(self) -> Message:
        """Raises HttpProblem: 408 when the body does not come in time, 503 when there is no place for the request."""
        if self._body_is_whole:
            return await self._receive()
        message = await (self._receive() if self._connections is not None else self._in_time())
        if not message.get("more_body", False):
            self._body_is_whole = True
            await self._overload.take_place(self._connections)
            self.has_place = True
        return message

    async def _in_time(self) -> Message:
        self._deadline = self._deadline or asyncio.get_running_loop().time() + self._overload.body_seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise HttpProblem(BODY_TOO_SLOW, headers={"Connection": "close"}) from None
        self._deadline += len(message.get("body", b"")) / BYTES_A_SECOND
        return message


def _refusal(form: ErrorForm) -> Sequence[Message]:
    answer = problem_response(OVERLOADED, headers={"Retry-After": RETRY_AFTER}, form=form)
    start = {
        "type": "http.response.start",
        "status": OVERLOADED.status,
        "headers": answer.raw_headers,
    }
    return start, {"type": "http.response.body", "body": bytes(answer.body)}
