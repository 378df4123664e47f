"""Connections to FHIR servers: a name must not lead to a private address, unless the operator lists the network."""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpcore

from acrcast_service.settings import is_loopback


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the address that it has checked, so that a name cannot lead elsewhere a moment later.

    private: networks that names may lead to. A server that is listed by its number, or as localhost, is not looked up.
    """

    def __init__(self, private: Iterable[str]) -> None:
        self._private = [ip_network(text) for text in private]
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the library's own
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        address = host.strip("[]")
        if not _is_written_out(address):
            address = await self._looked_up(host, port)
        return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)

    async def _looked_up(self, host: str, port: int) -> str:
        """Raises ConnectError unless every address of the name may be reached: who answers for the name chooses one."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise httpcore.ConnectError("no such host") from None
        addresses = [ip_address(item[4][0]) for item in found]
        if not addresses or not all(map(self._may_be_reached, addresses)):
            raise httpcore.ConnectError("a private address")
        return str(addresses[0])

    def _may_be_reached(self, address: IPv4Address | IPv6Address) -> bool:
        inner = getattr(address, "ipv4_mapped", None) or address
        public = inner.is_global and not inner.is_multicast
        return public or any(inner.version == network.version and inner in network for network in self._private)


def _is_written_out(host: str) -> bool:
    """Whether the operator's own list has the address itself."""
    try:
        return is_loopback(host) or bool(ip_address(host))
    except ValueError:
        return False
