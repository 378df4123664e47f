"""Reading from the record system's FHIR server: only a listed one, only so much, only so long, and never elsewhere."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from acrcast_service.problems import OVERLOADED, HttpProblem
from acrcast_service.settings import Settings

if TYPE_CHECKING:
    import httpcore

# For one request of a client, over all that is read for it.
MOST_BYTES = 4_194_304
MOST_ANSWERS = 20
# Requests for which is read at a time: a slow server keeps these waiting, and leaves places for everybody else.
READERS = 16
CONNECTIONS = 4 * READERS

# In the path of a page: what could lead out of the listed address once a server resolves it.
LEADS_OUT = ("..", "%2e", "%2f", "%5c", "\\")


class Unreadable(Exception):  # noqa: N818  a reason, which the answer gives
    """Something could not be read; the message says why, without anything that a server sent."""


class FhirServers:
    """The listed servers, and the connections to them. Belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._listed = frozenset(settings.fhir_servers)
        self._seconds = settings.fhir_seconds
        self._private = settings.fhir_networks
        self._readers = 0

    @cached_property
    def _pool(self) -> "httpcore.AsyncConnectionPool":
        import httpcore  # noqa: PLC0415  slow to import

        from acrcast_service.cds_hooks.network import CheckedNetwork  # noqa: PLC0415  as above

        trusted, network = ssl.create_default_context(), CheckedNetwork(self._private)
        return httpcore.AsyncConnectionPool(ssl_context=trusted, max_connections=CONNECTIONS, network_backend=network)

    @contextmanager
    def reader(self, base: str, token: str | None) -> Iterator["FhirReader"]:
        """Reads from the server at `base` for one request.

        Raises Unreadable unless it is listed, exactly as written; HttpProblem (503) while too many read already.
        """
        base = base.removesuffix("/")
        if base not in self._listed:
            raise Unreadable("the FHIR server is not one that this service may read from")
        if self._readers >= READERS:
            raise HttpProblem(OVERLOADED, headers={"Retry-After": "1"})
        self._readers += 1
        try:
            yield FhirReader(self._pool, base, token, self._seconds)
        finally:
            self._readers -= 1

    async def close(self) -> None:
        if "_pool" in self.__dict__:
            await self._pool.aclose()


class FhirReader:
    """What one request may still read of one server. token: sent to that server alone. seconds: for all of it."""

    def __init__(self, pool: "httpcore.AsyncConnectionPool", base: str, token: str | None, seconds: float) -> None:
        self._pool, self._base, self._seconds = pool, base, seconds
        self._headers = [("Accept", "application/fhir+json"), ("Accept-Encoding", "identity")]
        if token is not None:
            self._headers.append(("Authorization", f"Bearer {token}"))
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._bytes_left, self._answers_left = MOST_BYTES, MOST_ANSWERS

    async def read(self, query: str) -> dict[str, Any]:
        """The resource at a query that is relative to the server. Raises Unreadable."""
        return await self._resource(f"{self._base}/{query}")

    async def pages(self, bundle: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The pages after this one. Raises Unreadable when one is not there, or lies elsewhere."""
        address = next_page(bundle)
        while address is not None:
            bundle = await self._resource(self._checked(address))
            yield bundle
            address = next_page(bundle)

    def _checked(self, address: str) -> str:
        address = urljoin(f"{self._base}/", address)
        below = address.startswith((f"{self._base}/", f"{self._base}?"))
        path = address.removeprefix(self._base).partition("?")[0].lower()
        if not below or any(part in path for part in LEADS_OUT) or not address.isascii():
            raise Unreadable("its next page is not on the FHIR server that this service may read from")
        return address

    async def _resource(self, address: str) -> dict[str, Any]:
        if self._answers_left == 0:
            raise Unreadable(f"it has more than {MOST_ANSWERS} pages")
        self._answers_left -= 1
        import httpcore  # noqa: PLC0415  slow to import

        try:
            async with asyncio.timeout_at(self._deadline):
                content = await self._content(address)
        except TimeoutError:
            raise Unreadable(f"the FHIR server did not answer within {self._seconds:g} seconds") from None
        except httpcore.ConnectError:
            raise Unreadable("the FHIR server cannot be reached") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            raise Unreadable("the FHIR server broke off its answer") from None
        try:
            resource = json.loads(content)
        except (ValueError, RecursionError):
            resource = None
        if not isinstance(resource, dict):
            raise Unreadable("what the FHIR server answered is no FHIR resource in JSON")
        return resource

    async def _content(self, address: str) -> bytes:
        async with self._pool.stream("GET", address, headers=self._headers) as answer:
            if answer.status != 200:
                # 3xx too: a redirect would carry the token to wherever it points
                raise Unreadable(f"the FHIR server answered with status {answer.status}")
            parts = []
            async for part in answer.aiter_stream():
                self._bytes_left -= len(part)
                if self._bytes_left < 0:
                    raise Unreadable(f"it is larger than {MOST_BYTES >> 20} MiB")
                parts.append(part)
        return b"".join(parts)


def next_page(bundle: dict[str, Any]) -> str | None:
    """The address of the page after this one; None when it is the last."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None
