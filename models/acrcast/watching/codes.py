"""What monitoring looks for, each with its permanent code. A retired code is not used again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """share: of the chance of a false alarm that is its own. asks: what is tested. remedy: what to do when it alarms.

    Outcomes come slowly and are what matters, so that they have the larger shares.
    """

    code: str
    share: float
    title: str
    asks: str
    remedy: str


CHECKS = (
    Check(
        "MON001",
        0.4,
        "Risks right on the whole",
        "the patients' log-odds of response are within the tolerance of those that were served",
        "Look whether the outcomes are complete and defined as in the trial. Then `acrcast recalibrate`, or retrain.",
    ),
    Check(
        "MON002",
        0.2,
        "Risks neither too extreme nor too cautious",
        "the calibration slope is within the limits of the gate GATE002",
        "Look whether a measure is taken by another assay or in another unit. Then `acrcast recalibrate`, or retrain.",
    ),
    Check(
        "MON003",
        0.1,
        "Patients inside the training data",
        "of patients like those of the training data 5 % are at its edge or outside",
        "See which measures differ (MON005): these patients are others than the trial's. Retrain with them.",
    ),
    Check(
        "MON004",
        0.1,
        "Patients not outside the training data",
        "of patients like those of the training data 1 % are outside",
        "Look for wrong units and other assays first, then as for MON003.",
    ),
    Check(
        "MON005",
        0.1,
        "A measure's values",
        "the measure has the mean, or the share, of the training data",
        "Ask whoever takes or sends the measure what changed. Other patients are no fault: accept the code.",
    ),
    Check(
        "MON006",
        0.1,
        "How often a measure is missing",
        "the measure is missing as often as in the training data",
        "Look whether an interface stopped sending it. What is missing is averaged over, and intervals widen.",
    ),
)
CODES = tuple(check.code for check in CHECKS)


def check_of(code: str) -> Check:
    return next(check for check in CHECKS if check.code == code)
