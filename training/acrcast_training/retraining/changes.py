"""What changed between the champion and the retrained model: coefficients, and risks by group of patients."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.response_model import DEFAULT_LEVEL, ResponseModel, interval
from acrcast.validation.performance import Estimate
from acrcast_training.data.cohort import Cohort
from acrcast_training.subgroups import parts_of

FEWEST_IN_GROUP = 5
# A risk that moved by more is told apart.
FAR = 0.1


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One term of both models, in log-odds per standard deviation of the champion's training data, about its mean.

    Value: of the estimate; limits: of the ensemble.
    """

    term: str
    champion: Estimate
    retrained: Estimate


@dataclass(frozen=True, slots=True)
class Moved:
    """Risks of a group of patients by both models. change: mean of the differences; size: mean of their absolute values.

    far: share of the patients whose risk moved by more than 10 points.
    """

    group: str
    subgroup: str
    patients: int
    champion: float
    retrained: float
    change: float
    size: float
    far: float


def coefficients(champion: ResponseModel, retrained: ResponseModel) -> tuple[Coefficient, ...]:
    """Every term that either uses; none where one of them is no logistic model."""
    old, new = champion.ensemble, retrained.ensemble
    if not isinstance(old, LogisticEnsemble) or not isinstance(new, LogisticEnsemble):
        return ()
    point, members = (_on_champions_scale(champion, retrained, found) for found in (new.point, new.members))
    found = zip(champion.terms.names, old.point, old.members.T, point, members.T, strict=True)
    return tuple(
        Coefficient(name, _estimate(one, ones), _estimate(other, others))
        for name, one, ones, other, others in found
        if one != 0 or other != 0
    )


def moved(cohort: Cohort, champion: Floats, retrained: Floats) -> tuple[Moved, ...]:
    """Groups of at least 5 patients, those whose risks moved most first; all patients before them.

    champion, retrained: (n,) risks in the own arm.
    """
    everyone = np.ones(len(cohort), dtype=bool)
    groups = [("All patients", "", everyone), *parts_of(cohort)]
    rows = [
        _moved(group, name, champion[members], retrained[members])
        for group, name, members in groups
        if int(members.sum()) >= FEWEST_IN_GROUP
    ]
    return (rows[0], *sorted(rows[1:], key=lambda row: -row.size))


def _on_champions_scale(champion: ResponseModel, retrained: ResponseModel, coefficients: Floats) -> Floats:
    """(..., p) coefficients that give the same log-odds on columns standardised as the champion's are."""
    terms = champion.terms
    old, new = champion.preparation.standardisation, retrained.preparation.standardisation
    # a column that does not vary has no spread, and no part in the log-odds
    spread = np.where(np.isfinite(old.sd), old.sd, 0.0)
    per_sd, shift = spread / new.sd, (old.mean - new.mean) / new.sd
    found = coefficients.copy()
    main, with_arm = coefficients[..., terms.measures], coefficients[..., terms.interactions]
    modifiers = list(terms.modifiers)
    found[..., 0] += main @ shift
    if terms.two_arms:
        found[..., 1] += with_arm @ shift[modifiers]
    found[..., terms.measures] = main * per_sd
    found[..., terms.interactions] = with_arm * per_sd[modifiers]
    return found


def _estimate(point: float, members: Floats) -> Estimate:
    low, high = interval(members, DEFAULT_LEVEL)
    return Estimate(float(point), float(low), float(high))


def _moved(group: str, name: str, champion: Floats, retrained: Floats) -> Moved:
    change = retrained - champion
    return Moved(
        group=group,
        subgroup=name,
        patients=len(change),
        champion=float(champion.mean()),
        retrained=float(retrained.mean()),
        change=float(change.mean()),
        size=float(np.abs(change).mean()),
        far=float(np.mean(np.abs(change) > FAR)),
    )
