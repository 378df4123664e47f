"""Both clients asked in the same way, and what may stand between a client and its server."""

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from acrcast.client import AsyncClient, Client


class Waiting:
    """An AsyncClient whose calls are waited for, so that a test asks both clients in the same words."""

    def __init__(self, *of: Any, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = self._runner.run(self._made(*of, **options))

    async def _made(self, *of: Any, **options: Any) -> AsyncClient:
        return await AsyncClient(*of, **options).__aenter__()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)
        assert inspect.iscoroutinefunction(call)
        return lambda *of, **more: self._runner.run(call(*of, **more))

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()


@pytest.fixture(params=[Client, Waiting], ids=["sync", "async"])
def asking(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes a client of each kind; closed with the test."""
    with ExitStack() as stack:
        yield lambda *of, **options: stack.enter_context(closing(request.param(*of, **options)))


class Cutting:
    """Passes connections on to a server; the first `left` answers are cut off when the server gives them."""

    def __init__(self, port: int, cut: int) -> None:
        self._port, self.left = port, cut
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                for pump in (self._requests, self._answers):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with server, suppress(OSError):
            while part := client.recv(65_536):
                server.sendall(part)

    def _answers(self, client: socket.socket, server: socket.socket) -> None:
        with client, suppress(OSError):
            while part := server.recv(65_536):
                if self.left > 0:
                    self.left -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(part)


@pytest.fixture
def cutting() -> Iterator[Callable[[int, int], Cutting]]:
    with ExitStack() as stack:
        yield lambda port, cut: stack.enter_context(closing(Cutting(port, cut)))


@pytest.fixture
def another_program() -> Iterator[Callable[..., str]]:
    """Address of a program that is not acrcast's, and gives the same answer to whatever it is asked."""
    with ExitStack() as stack:

        def start(status: int, body: bytes, **headers: str) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(status)
                    for name, text in headers.items():
                        self.send_header(name, text)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

                def log_message(self, *_: object) -> None:
                    pass

            server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start


@pytest.fixture
def unused_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port at which connections are taken, and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
