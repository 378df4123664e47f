"""What every answer tells a browser and the caches on its way."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOTHING = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]

# A route that shows a page, or a file that never changes, says otherwise itself.
UNLESS_SAID = [(b"cache-control", b"no-store"), (b"content-security-policy", NOTHING)]


class SecurityHeaders:
    """Adds them to every response, errors included. also: further headers; whoever made the list may change it."""

    def __init__(self, app: ASGIApp, also: list[tuple[bytes, bytes]]) -> None:
        self.app, self.also = app, also

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *ALWAYS,
                    *self.also,
                    *(header for header in UNLESS_SAID if header[0] not in said),
                ]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
