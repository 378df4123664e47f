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
    it is more than `patience_seconds`: then the error is raised at once. attempts_held: instead of `attempts`, unless that is
    1, while the server says that it is still answering the same call: one that was killed keeps its name for a minute.
    """

    attempts: int = 8
    first_seconds: float = 0.25
    longest_seconds: float = 8.0
    patience_seconds: float = 30.0
    attempts_held: int = 20

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.first_seconds, self.longest_seconds, self.patience_seconds) < 0:
            raise ValueError("expected at least one attempt, and no time below zero")

    def wait(self, operation: Operation[Any], outcome: Answer | Lost, attempt: int, chance: float) -> float | None:
        """Seconds until the call is sent again after this attempt, the first is 1; None when it is not.

        Never when sending it twice could do it twice. chance: 0 to 1, drawn anew for each wait.
        """
        is_held = isinstance(outcome, Answer) and _is_held(outcome)
        most = max(self.attempts, self.attempts_held) if is_held and self.attempts > 1 else self.attempts
        if attempt >= most or not operation.repeatable or not (is_held or _passes(outcome)):
            return None
        asked = retry_after(outcome) if isinstance(outcome, Answer) else None
        if asked is not None and asked > self.patience_seconds:
            return None
        doubled = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        return (asked or 0.0) + doubled * (0.5 + 0.5 * chance)


def _passes(outcome: Answer | Lost) -> bool:
    """Whether the same call may be answered a little later."""
    return isinstance(outcome, Lost) or outcome.status in PASSING


def _is_held(answer: Answer) -> bool:
    """Whether the first request of this name is still being answered, as far as the server knows."""
    return answer.status == 409 and problem_in(answer).type == STILL_ANSWERING
