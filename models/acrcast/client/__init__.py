"""Clients of a server: `Client`, and `AsyncClient` for asyncio. They need httpx, the extra `client`; nothing else of acrcast does.

Both take the same calls, return the dataclasses of `acrcast.prediction` and `acrcast.protocol`, and raise the errors of
`acrcast.client.errors`.
"""

try:
    import httpx as _httpx  # noqa: F401  says what is missing before a module of the client needs it
except ModuleNotFoundError:
    raise ImportError("acrcast.client needs httpx: install acrcast[client]") from None

from acrcast.client.asynchronous import AsyncClient
from acrcast.client.errors import (
    ClientError,
    Conflict,
    Forbidden,
    NoAnswer,
    NotFound,
    NotSent,
    NotUnderstood,
    ProblemAnswered,
    Refused,
    ServerFailed,
    TooManyRequests,
    Unauthorised,
    Unavailable,
)
from acrcast.client.retries import Retries
from acrcast.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Conflict",
    "Forbidden",
    "NoAnswer",
    "NotFound",
    "NotSent",
    "NotUnderstood",
    "ProblemAnswered",
    "Refused",
    "Retries",
    "ServerFailed",
    "TooManyRequests",
    "Unauthorised",
    "Unavailable",
]
