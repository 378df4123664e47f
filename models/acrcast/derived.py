"""Activity scores that follow from a patient's own measures, wherever a study has what they need."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature

from acrcast.arrays import Floats
from acrcast.domain import (
    Activity,
    cdai,
    cdai_activity,
    das28_activity,
    das28_crp,
    das28_esr,
    sdai,
    sdai_activity,
)
from acrcast.domain.cdai_sdai import cdai_of, sdai_of
from acrcast.domain.das28 import das28_crp_of, das28_esr_of
from acrcast.domain.elementary import Number

# Each formula for anybody's numbers, whose parameters are named as the contract names its fields; and for numbers of a contract.
FORMULAS: Mapping[str, tuple[Callable[..., Floats], Callable[..., Number]]] = {
    "das28_esr": (das28_esr, das28_esr_of),
    "das28_crp": (das28_crp, das28_crp_of),
    "cdai": (cdai, cdai_of),
    "sdai": (sdai, sdai_of),
}
ACTIVITIES: Mapping[str, Callable[..., Floats]] = {
    "das28_esr": das28_activity,
    "das28_crp": das28_activity,
    "cdai": cdai_activity,
    "sdai": sdai_activity,
}


@dataclass(frozen=True, slots=True)
class Score:
    """A score that a study's measures allow.

    of: the score of its components' values, (n,) each or one patient's plain numbers; NaN where one is missing.
    positions: of its components among the study's covariates.
    """

    name: str
    of: Callable[..., Number]
    positions: tuple[int, ...]


def scores_of(names: tuple[str, ...]) -> tuple[Score, ...]:
    """The scores whose components are all among the covariates of these names."""
    return tuple(
        Score(name, formula, tuple(names.index(part) for part in parts))
        for name, (checked, formula) in FORMULAS.items()
        if {*(parts := tuple(signature(checked).parameters))} <= {*names}
    )


def activity_of(name: str, value: float) -> Activity:
    """How active the disease is by a score of that name. value: not NaN."""
    return Activity(int(ACTIVITIES[name](value)))
