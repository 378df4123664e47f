"""What both clients are made with: where the server is, and who asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import acrcast
from acrcast.client.operations import Operation

# A key, or what gives the token that holds now, asked before each call.
Key = str | Callable[[], str] | None


@dataclass(frozen=True, slots=True)
class Connection:
    """Shown without its key. url: of the server, with the path under which a proxy has it."""

    url: str
    key: Key = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")) or "@" in self.url:
            raise ValueError("url: expected http:// or https://, without a user or a password")

    def request(self, operation: Operation[Any]) -> tuple[str, Mapping[str, str], str]:
        """Address, headers, and the request's id, by which the server's log and every error name it."""
        request_id = uuid4().hex
        headers = {"User-Agent": f"acrcast/{acrcast.__version__}", "X-Request-Id": request_id, **operation.headers}
        key = self.key() if callable(self.key) else self.key
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return self.url.rstrip("/") + operation.path, headers, request_id
