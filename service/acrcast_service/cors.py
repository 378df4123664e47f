"""Which pages of other origins may call from a browser: those that the operator lists, and CDS Hooks alone.

A preflight carries no key and is answered before anybody is asked for one (CDS Hooks 2.0, Cross-Origin Resource Sharing).
"""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/cds-services"


class Cors:
    """Adds what a browser asks for to every answer, errors included. origins: as a browser writes them."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type"),
            # who is listed may also ask from the Internet for a server within
            allow_private_network=True,
            expose_headers=("Retry-After", "WWW-Authenticate", "X-Request-Id"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hooks = scope["type"] == "http" and (scope["path"] == PATH or scope["path"].startswith(f"{PATH}/"))
        await (self._cors if hooks else self._app)(scope, receive, send)
