"""A JSON answer that is whole when it begins is written in one piece, from headers of which the usual ones are written already.

uvicorn writes head and body apart, and looks through every header of every answer for what none may hold.
"""

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from acrcast_service.answers import JSON_TYPE
from acrcast_service.observation.middleware import REQUEST_ID
from acrcast_service.security_headers import USUAL, Header

LENGTH = b"content-length"
USUAL_LINES: dict[Header, bytes] = {header: b"%b: %b\r\n" % header for header in (*USUAL, JSON_TYPE)}
# What is made by uvicorn, here, or taken over only when it is well-formed.
VARYING = frozenset({b"date", LENGTH, REQUEST_ID})


class InOnePiece:
    """Sends the answer of one request. What is not whole, or has another header, is left to uvicorn."""

    __slots__ = ("_cycle", "_start")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        cycle, start = self._cycle, self._start
        if start is None:
            headers = message.get("headers")
            if headers and headers[0][0] == LENGTH and cycle.keep_alive and not cycle.flow.write_paused:
                self._start = message
            else:
                await cycle.send(message)  # type: ignore[arg-type]  # the same message by uvicorn's own types
            return
        self._start = None
        head, body = _head(start["status"], [*cycle.default_headers, *start["headers"]]), message["body"]
        whole = not message.get("more_body", False) and start["headers"][0][1] == b"%d" % len(body)
        if head is None or not whole or cycle.disconnected or cycle.scope["method"] == "HEAD":
            await cycle.send(start)  # type: ignore[arg-type]  # as above
            await cycle.send(message)  # type: ignore[arg-type]
            return
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(head + body)
        cycle.message_event.set()
        cycle.on_response()


def _head(status: int, headers: list[Header]) -> bytes | None:
    """Status and headers of an answer; None when there is one among them that is not known to be harmless."""
    lines = [STATUS_LINE[status]]
    for header in headers:
        line = USUAL_LINES.get(header)
        if line is None:
            if header[0] not in VARYING:
                return None
            line = b"%b: %b\r\n" % header
        lines.append(line)
    lines.append(b"\r\n")
    return b"".join(lines)
