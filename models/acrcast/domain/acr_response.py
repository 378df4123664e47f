"""ACR20, ACR50, ACR70 and ACR-N.

At least X % improvement in the tender and in the swollen joint count, and in at least three of five: pain, patient
global, physician global, function (HAQ-DI), acute-phase reactant.

Sources: Felson 1993, Arthritis Rheum 36:729 (core set); Felson 1995, Arthritis Rheum 38:727 (definition); Siegel and
Zhen 2005, Arthritis Rheum 52:1637 (ACR-N).
"""

import numpy as np
import numpy.typing as npt

from acrcast.domain.core_set import AcutePhase, CoreSet, measured
from acrcast.domain.floating_point import without_float_noise

_REQUIRED_OF_FIVE = 3


def relative_improvement(baseline: npt.ArrayLike, follow_up: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Improvement as a percentage of the baseline, 100 (baseline - follow-up) / baseline; negative is worsening.

    Both arguments are 0 or more, of any shapes that broadcast. NaN where either is missing. A zero baseline that stays
    zero gives 0, no improvement; one that rises gives minus infinity, worse than any finite worsening: bound it
    (a floor of -100 is usual) before averaging. Rounded to nine decimals, so that exactly 20 % is 20.0.
    """
    before, after = np.broadcast_arrays(measured("baseline", baseline), measured("follow_up", follow_up))
    # 0 / 0 is put right below; -x / 0, and a quotient too large for a float, are minus infinity as documented.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        percent = without_float_noise(100 * ((before - after) / before))
    return np.where((before == 0) & (after == 0), 0.0, percent)


def acr_response(
    baseline: CoreSet, follow_up: CoreSet, level: float = 20, acute_phase: AcutePhase = "esr"
) -> npt.NDArray[np.bool_]:
    """Whether each patient improved by at least `level` % as the ACR defines it. (n,) bool.

    `level` is 20, 50 or 70, or any other percentage above 0 and up to 100; exactly `level` counts.
    `acute_phase` is the one reactant chosen beforehand for all patients.

    A component missing at either visit is not improved: without a tender or a swollen joint count, or with fewer than
    three of the five, nobody responds. So a patient without a follow-up visit, whose row is all NaN, is a
    non-responder, which is what non-responder imputation asks for.

    Raises:
        ValueError: the visits differ in length, or the level is outside (0, 100].
    """
    if not 0 < level <= 100:
        raise ValueError("level: expected a percentage above 0 and up to 100, such as 20, 50 or 70")
    tender, swollen, five = _improvements(baseline, follow_up, acute_phase)
    return np.asarray(
        (tender >= level) & (swollen >= level) & (np.sum(five >= level, axis=1) >= _REQUIRED_OF_FIVE), dtype=np.bool_
    )


def acr_n(baseline: CoreSet, follow_up: CoreSet, acute_phase: AcutePhase = "esr") -> npt.NDArray[np.float64]:
    """The largest level at which the patient is an ACR responder, %. (n,); negative is worsening.

    The smallest of the improvement in tender joints, in swollen joints, and the third best of the five others.

    A missing component of the five ranks below every other, as in `acr_response`, so that the third best is that of
    those present and the result is the least that it can be. NaN when the tender or swollen improvement is missing, or
    fewer than three of the five are present. Hence `acr_n >= level` exactly where `acr_response` holds, missing or not.
    Minus infinity when a zero baseline rose and decides (see `relative_improvement`).

    Raises:
        ValueError: the visits differ in length.
    """
    tender, swollen, five = _improvements(baseline, follow_up, acute_phase)
    missing = np.isnan(five)
    third_best = np.sort(np.where(missing, -np.inf, five), axis=1)[:, -_REQUIRED_OF_FIVE]
    enough = np.sum(~missing, axis=1) >= _REQUIRED_OF_FIVE
    return np.minimum(np.minimum(tender, swollen), np.where(enough, third_best, np.nan))


def _improvements(
    baseline: CoreSet, follow_up: CoreSet, acute_phase: AcutePhase
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Improvement (%) in tender (n,) and swollen (n,) joints and in the five others (n, 5)."""
    if len(baseline) != len(follow_up):
        raise ValueError(
            f"baseline and follow-up: expected the same patients in the same order; "
            f"found {len(baseline)} and {len(follow_up)}"
        )
    five = [
        relative_improvement(before, after)
        for before, after in (
            (baseline.pain_mm, follow_up.pain_mm),
            (baseline.patient_global_mm, follow_up.patient_global_mm),
            (baseline.physician_global_mm, follow_up.physician_global_mm),
            (baseline.haq_di, follow_up.haq_di),
            (baseline.acute_phase_reactant(acute_phase), follow_up.acute_phase_reactant(acute_phase)),
        )
    ]
    return (
        relative_improvement(baseline.tender_joint_count_28, follow_up.tender_joint_count_28),
        relative_improvement(baseline.swollen_joint_count_28, follow_up.swollen_joint_count_28),
        np.stack(five, axis=1),
    )
