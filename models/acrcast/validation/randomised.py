"""Patients of a randomised trial of two arms, beside what a model that has not seen them says of each arm."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Why a question cannot be asked of these patients."""

    reason: str


@dataclass(frozen=True, slots=True)
class Randomised:
    """n patients of a trial of two arms.

    y: (n,) 0 or 1. treated: (n,). control_risk, treated_risk: (n,) probabilities of response in either arm, from fits
    without the patient: from the fit to these very patients every figure of benefit is flattered.
    allocation: probability of the treated arm by design, above 0 and below 1; a number, or (n,) where it differed by
    stratum. Raises ValueError outside that range, and when one arm has nobody: `two_arms` asks first.
    """

    y: Floats
    treated: Bools
    control_risk: Floats
    treated_risk: Floats
    allocation: Floats | float = 0.5

    def __post_init__(self) -> None:
        if not np.all((np.asarray(self.allocation) > 0) & (np.asarray(self.allocation) < 1)):
            raise ValueError("allocation: expected a probability above 0 and below 1, known from the trial's design")
        if self.treated.all() or not self.treated.any():
            raise ValueError("treated: expected patients in both arms")

    def __len__(self) -> int:
        return len(self.y)

    @property
    def benefit(self) -> Floats:
        """(n,) predicted benefit, from -1 to 1."""
        return self.treated_risk - self.control_risk

    def arm_scores(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Scores under control and treated, each (B, n): over a group their means estimate its response rate.

        Inverse-probability weighting by the known allocation, augmented by the arm's response rate (Robins, Rotnitzky
        & Zhao 1994, JASA 89:846): over everybody the means are the arms' own rates, and nothing of the model enters
        its own test.
        weights: (B, n), not negative, with somebody in each arm; each patient once without them.
        """
        w = np.ones((1, len(self))) if weights is None else weights
        chance = np.broadcast_to(self.allocation, self.y.shape)
        return (
            _augmented(self.y, ~self.treated, 1 - chance, w),
            _augmented(self.y, self.treated, chance, w),
        )


def two_arms(
    y: Floats, treated: Bools, control_risk: Floats | None, treated_risk: Floats, allocation: Floats | float = 0.5
) -> Randomised | NotApplicable:
    """The patients as `Randomised`, if there are two arms. control_risk: None in a study of one arm."""
    if control_risk is None or treated.all() or not treated.any():
        return NotApplicable("one arm only: a benefit is a difference between two")
    return Randomised(y, treated, control_risk, treated_risk, allocation)


def _augmented(y: Floats, member: Bools, chance: Floats, weights: Floats) -> Floats:
    """(B, n): the arm's response rate, to which members add what they differ from it by their chance to be one."""
    inverse = member / chance
    standing_for = weights * inverse
    rate = (standing_for @ y / standing_for.sum(axis=1))[:, None]
    scores: Floats = rate + inverse * (y - rate)
    return scores
