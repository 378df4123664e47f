"""When a call is sent again, and after how long."""

from dataclasses import dataclass
from typing import Any

from acrcast.client.exchange import Answer, Lost, problem_in, retry_after
from acrcast.client.operations import Operation

# Too often; full, starting or stopping; and what a proxy says that did not reach the server.
PASSING = (429, 502, 503, 504)
STILL_ANSWERING = "/problems/idempotency-key-in-use"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent, and how long is waited in between.

    attempts: at most; 1 never sends again. The wait doubles from `first_seconds` to `longest_seconds`; between half of it
    and all is taken by chance, so that clients do not come back together. What Retry-After asks for is waited as well, unless
    it is more than `patience_seconds`: then the error is raised at once.
    """

    attempts: int = 8
    first_seconds: float = 0.25
    longest_seconds: float = 8.0
    patience_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.first_seconds, self.longest_seconds, self.patience_seconds) < 0:
            raise ValueError("expected at least one attempt, and no time below zero")

    def wait(self, operation: Operation[Any], outcome: Answer | Lost, attempt: int, chance: float) -> float | None:
        """Seconds until the call is sent again after this attempt, the first is 1; None when it is not.

        Never when sending it twice could do it twice. chance: 0 to 1, drawn anew for each wait.
        """
        if attempt >= self.attempts or not operation.repeatable or not _passes(outcome):
            return None
        asked = retry_after(outcome) if isinstance(outcome, Answer) else None
        if asked is not None and asked > self.patience_seconds:
            return None
        doubled = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        return (asked or 0.0) + doubled * (0.5 + 0.5 * chance)


def _passes(outcome: Answer | Lost) -> bool:
    """Whether the same call may be answered a little later."""
    if isinstance(outcome, Lost) or outcome.status in PASSING:
        return True
    return outcome.status == 409 and problem_in(outcome).type == STILL_ANSWERING
