"""Activity scores that follow from a patient's own measures, wherever a study has what they need."""

from collections.abc import Callable, Mapping
from inspect import signature

import numpy as np

from acrcast.arrays import Floats
from acrcast.contract import Covariates
from acrcast.domain import cdai, das28_crp, das28_esr, sdai

FORMULAS: Mapping[str, Callable[..., Floats]] = {
    "das28_esr": das28_esr,
    "das28_crp": das28_crp,
    "cdai": cdai,
    "sdai": sdai,
}
# Each formula's parameters are named as the contract names its fields.
COMPONENTS = {name: tuple(signature(formula).parameters) for name, formula in FORMULAS.items()}


def derived_scores(covariates: Covariates) -> dict[str, Floats]:
    """(n,) scores by name, NaN where a component is missing; scores whose components the study does not measure are left out."""
    position = {field.name: j for j, field in enumerate(covariates.contract.covariates)}
    known = np.where(covariates.below, np.nan, covariates.values)
    return {
        name: formula(**{part: known[:, position[part]] for part in parts})
        for name, formula in FORMULAS.items()
        if position.keys() >= {*(parts := COMPONENTS[name])}
    }
