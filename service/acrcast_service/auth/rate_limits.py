"""How often a key may ask."""

import math
import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from acrcast_service.problems import TOO_MANY_REQUESTS, HttpProblem


class RateLimit:
    """Counts in this process alone, over the window that ends now. text: such as `100/second`."""

    def __init__(self, text: str) -> None:
        self._item = parse(text)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._policy = f'"key";q={self._item.amount};w={self._item.get_expiry()}'

    def count(self, key: str) -> None:
        """One more request of the key. Raises HttpProblem: 429 when it is one too many, which does not count."""
        if self._limiter.hit(self._item, key):
            return
        reset = self._limiter.get_window_stats(self._item, key).reset_time
        wait = max(math.ceil(reset - time.time()), 1)
        raise HttpProblem(
            TOO_MANY_REQUESTS,
            f"each key may ask {self._item}",
            {"Retry-After": str(wait), "RateLimit-Policy": self._policy, "RateLimit": f'"key";r=0;t={wait}'},
        )
