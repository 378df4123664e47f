"""Activity scores that follow from a patient's own measures, wherever a study has what they need."""

from collections.abc import Callable, Mapping, Sequence
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

FORMULAS: Mapping[str, Callable[..., Floats]] = {
    "das28_esr": das28_esr,
    "das28_crp": das28_crp,
    "cdai": cdai,
    "sdai": sdai,
}
ACTIVITIES: Mapping[str, Callable[..., Floats]] = {
    "das28_esr": das28_activity,
    "das28_crp": das28_activity,
    "cdai": cdai_activity,
    "sdai": sdai_activity,
}
# Each formula's parameters are named as the contract names its fields.
COMPONENTS = {name: tuple(signature(formula).parameters) for name, formula in FORMULAS.items()}


@dataclass(frozen=True, slots=True)
class Score:
    """A score that a study's measures allow. positions: of its components among the study's covariates."""

    name: str
    formula: Callable[..., Floats]
    components: tuple[str, ...]
    positions: tuple[int, ...]

    def of(self, values: Sequence[Floats | float]) -> Floats | float:
        """The score of the components' values, (n,) each or one patient's plain numbers; NaN where one is missing."""
        return self.formula(**dict(zip(self.components, values, strict=True)))


def scores_of(names: tuple[str, ...]) -> tuple[Score, ...]:
    """The scores whose components are all among the covariates of these names."""
    return tuple(
        Score(name, formula, parts, tuple(names.index(part) for part in parts))
        for name, formula in FORMULAS.items()
        if {*(parts := COMPONENTS[name])} <= {*names}
    )


def activity_of(name: str, value: float) -> Activity:
    """How active the disease is by a score of that name. value: not NaN."""
    return Activity(int(ACTIVITIES[name](value)))
