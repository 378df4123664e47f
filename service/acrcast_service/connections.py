"""What a connection may do before a request is whole: its headers have a size and a time."""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from acrcast_service.in_one_piece import InOnePiece
from acrcast_service.problems import HEADERS_TOO_LARGE, HEADERS_TOO_SLOW, NOT_HTTP, ProblemType, problem_response

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

HEADER_BYTES = 32_768
HEADER_SECONDS = 10.0

# In the scope of a request whose body has arrived, so that nobody need measure how long it takes: how many connections there
# were then. Each has one request at a time.
CONNECTIONS = "acrcast.connections"


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's, which by itself waits for ever for headers of any size."""

    _deadline: asyncio.TimerHandle | None = None
    _incomplete = False
    _received = _at_most = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._incomplete, self._received = True, 0

    def on_headers_complete(self) -> None:
        self._incomplete = False
        self._stop_clock()
        # most requests come whole, in less than their headers may have
        if self._at_most > HEADER_BYTES and self._header_bytes() > HEADER_BYTES:
            self._refuse(HEADERS_TOO_LARGE)
        else:
            super().on_headers_complete()

    def _header_bytes(self) -> int:
        return sum([len(name) + len(value) for name, value in self.headers], len(self.url))

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.transport.is_closing():
            self.cycle.scope[CONNECTIONS] = len(self.connections)  # type: ignore[literal-required]  # an addition of ours
            super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        def in_one_piece(scope: Any, receive: Any, _send: Any) -> Any:  # noqa: ANN401  uvicorn's own
            return app(scope, receive, InOnePiece(cycle).send)  # type: ignore[arg-type]  # the same messages by starlette's types

        super()._start_asgi_task(cycle, in_one_piece)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words
        """To what is no HTTP: a problem, as every other error."""
        self._stop_clock()
        self.transport.write(as_bytes(NOT_HTTP))
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        self._at_most = self._received + len(data)
        super().data_received(data)
        if self._incomplete and not self.transport.is_closing():
            # the clock starts once for all the pieces that headers come in
            self._start_clock()
            self._received += len(data)
            if self._received > HEADER_BYTES:
                self._refuse(HEADERS_TOO_LARGE)

    def _start_clock(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._refuse, HEADERS_TOO_SLOW)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, kind: ProblemType) -> None:
        self._stop_clock()
        if self.transport.is_closing():
            return
        if self._incomplete or self.cycle is None or self.cycle.response_complete:
            self.transport.write(as_bytes(kind))
        self.transport.close()


def as_bytes(kind: ProblemType) -> bytes:
    """The problem as the whole of an answer, after which the connection is closed."""
    answer = problem_response(kind, headers={"Connection": "close", "Cache-Control": "no-store"})
    headers: list[tuple[bytes, Any]] = answer.raw_headers
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return b"HTTP/1.1 %d Refused\r\n%b\r\n%b" % (kind.status, lines, bytes(answer.body))
