"""Links to one page, good for a while: whoever has one may open that page, and nothing else."""

import hmac
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from acrcast_service.problems import LINK_EXPIRED, NOT_FOUND, HttpProblem

if TYPE_CHECKING:
    from acrcast_service.audit.keys import AuditKeys

# Long enough to be followed from a card that is on the screen; who comes later asks for a new card.
GOOD_FOR_SECONDS = 3600


def signed_link(keys: "AuditKeys", path: str) -> str:
    """The path with what opens it."""
    until = str(int(time.time()) + GOOD_FOR_SECONDS)
    return f"{path}?{urlencode({'until': until, 'seal': _seal(keys, path, until)})}"


def check_link(keys: "AuditKeys", path: str, query: str) -> None:
    """Raises HttpProblem: 404 when this server did not sign it, 410 when it is too old."""
    given = parse_qs(query)
    until, seal = given.get("until", [""])[0], given.get("seal", [""])[0]
    if not hmac.compare_digest(_seal(keys, path, until).encode(), seal.encode()):
        raise HttpProblem(NOT_FOUND)
    if int(until) < time.time():
        raise HttpProblem(LINK_EXPIRED)


def _seal(keys: "AuditKeys", path: str, until: str) -> str:
    return keys.link(f"{until} {path}".encode()).hex()
