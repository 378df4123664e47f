"""What may be said of a look in a word: all is as it should be, something is not, or there is too little to tell."""

from collections.abc import Collection
from typing import Literal

from acrcast.validation.calibration import SLOPE_LIMITS
from acrcast.validation.performance import Estimate
from acrcast.watching.judging import Look
from acrcast.watching.measures import SMALLEST_DIFFERENCE, SMALLEST_SHARE, MeasureSeen

# "few" is no accusation and no acquittal: it is said wherever limits reach from harmless to harmful.
Verdict = Literal["good", "bad", "few"]

OF_RISKS, OF_PATIENTS = ("MON001", "MON002"), ("MON003", "MON004")
OF_VALUES, OF_MISSING = ("MON005",), ("MON006",)
# Limits of responders over expected within which a model that is watched may be called right on the whole; as for slopes.
RIGHT = SLOPE_LIMITS
# A share is as expected when its limits leave out this many times what is expected.
TIMES_EXPECTED = 2


def of_risks(look: Look) -> Verdict:
    ratio = look.received.observed_over_expected
    return _verdict(look, OF_RISKS, is_close=RIGHT[0] <= ratio.low and ratio.high <= RIGHT[1])


def of_support(look: Look) -> Verdict:
    seen = look.inputs.support
    pairs = ((seen.not_inside, seen.expected_not_inside), (seen.outside, seen.expected_outside))
    is_close = all(share.high < TIMES_EXPECTED * expected for share, expected in pairs)
    return _verdict(look, OF_PATIENTS, is_close=is_close)


def of_values(look: Look, measure: MeasureSeen) -> Verdict:
    limit = SMALLEST_SHARE if measure.kind == "share" else SMALLEST_DIFFERENCE
    found = measure.difference
    return _verdict(look, OF_VALUES, measure.name, is_close=found is not None and _within(found, limit))


def of_missing(look: Look, measure: MeasureSeen) -> Verdict:
    before, now = measure.missing_before, measure.missing
    is_close = before is not None and _within(
        Estimate(now.value - before, now.low - before, now.high - before), SMALLEST_SHARE
    )
    return _verdict(look, OF_MISSING, measure.name, is_close=is_close)


def of_inputs(look: Look) -> Verdict:
    """Of support, and of every measure's values and how often it is missing."""
    each = [
        of_support(look),
        *(verdict(look, measure) for measure in look.inputs.measures for verdict in (of_values, of_missing)),
    ]
    return "bad" if "bad" in each else "few" if "few" in each else "good"


def differing(look: Look) -> list[str]:
    """Labels of the measures that alarm."""
    return [
        measure.label
        for measure in look.inputs.measures
        if "bad" in (of_values(look, measure), of_missing(look, measure))
    ]


def _verdict(look: Look, codes: Collection[str], measure: str = "", *, is_close: bool) -> Verdict:
    if any(signal.code in codes and signal.measure == measure for signal in look.alarms):
        return "bad"
    return "good" if is_close else "few"


def _within(found: Estimate, limit: float) -> bool:
    return -limit < found.low and found.high < limit
