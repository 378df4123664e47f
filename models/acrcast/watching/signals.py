"""Evidence as a signal: how much there is, where its line is, and whether that is an alarm."""

import math
from dataclasses import dataclass
from datetime import date

from acrcast.monitoring.evidence import Evidence
from acrcast.response_model import DEFAULT_LEVEL
from acrcast.validation.calibration import SLOPE_LIMITS
from acrcast.watching.codes import check_of
from acrcast.watching.defaults import FALSE_ALARMS, TOLERANCE

LARGEST_SHOWN = 1e12


@dataclass(frozen=True, slots=True)
class Rules:
    """How is judged.

    alpha: chance of any false alarm of any code, ever, for one tenant. level: of the limits of figures. tolerance: in log-odds,
    by which risks may be off on the whole. slopes: that are tolerated. accept: codes that somebody looked into,
    or of one measure as CODE:MEASURE. arm: of outcomes that name none.
    """

    alpha: float = FALSE_ALARMS
    level: float = DEFAULT_LEVEL
    tolerance: float = TOLERANCE
    slopes: tuple[float, float] = SLOPE_LIMITS
    accept: frozenset[str] = frozenset()
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """One hypothesis under watch. measure: the column that it is about, or empty.

    evidence: the most that was owned so far (`acrcast.monitoring.evidence`). now: what is owned now. line: at which it counts.
    crossed: the first day on which it was reached. small: what differs is too little to matter, so that it is no alarm.
    accepted: somebody looked into it and takes it as it is.
    """

    code: str
    measure: str
    evidence: float
    now: float
    line: float
    crossed: str | None
    small: bool
    accepted: bool

    @property
    def alarm(self) -> bool:
        return self.crossed is not None and not self.small and not self.accepted


def signal(
    code: str, evidence: Evidence, rules: Rules, *, measure: str = "", among: int = 1, small: bool = False
) -> Signal:
    """Each code has its share of alpha, in equal parts for the hypotheses that it is asked of (`among`)."""
    line = among / (check_of(code).share * rules.alpha)
    crossed = evidence.crossed(math.log(line))
    return Signal(
        code=code,
        measure=measure,
        evidence=_owned(evidence.largest),
        now=_owned(evidence.now),
        line=line,
        crossed=None if crossed is None else date.fromordinal(crossed).isoformat(),
        small=small,
        accepted=not rules.accept.isdisjoint({code, f"{code}:{measure}"}),
    )


def _owned(log_e: float) -> float:
    return math.exp(min(log_e, math.log(LARGEST_SHOWN)))
