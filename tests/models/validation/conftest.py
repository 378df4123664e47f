"""Patients of made-up randomised trials."""

from collections.abc import Callable

import numpy as np
import pytest

from acrcast.estimators.normal import expit
from acrcast.validation.randomised import Randomised


@pytest.fixture(scope="session")
def four_patients() -> Randomised:
    """Two treated and two control patients, in the order of their predicted benefits .4, .3, .2 and .1.

    Each arm responds at .5, so that at even allocation the scores are 1.5 for a responder of the arm, -.5 for one who did
    not respond, .5 for the other arm's, and those of the benefit are 1, 1, -1, -1.
    """
    return Randomised(
        y=np.array([1.0, 0.0, 0.0, 1.0]),
        treated=np.array([True, False, True, False]),
        control_risk=np.array([0.3, 0.4, 0.5, 0.6]),
        treated_risk=np.array([0.7, 0.7, 0.7, 0.7]),
    )


@pytest.fixture(scope="session")
def a_randomised_trial() -> Callable[..., Randomised]:
    """n patients in even arms. The model knows one of two measures and exaggerates what it does to the benefit."""

    def make(seed: int, patients: int = 60, allocation: float = 0.5) -> Randomised:
        rng = np.random.default_rng(seed)
        known, unknown = rng.standard_normal((2, patients))
        treated = rng.permutation(np.arange(patients) < round(patients * allocation))
        control, benefit = -0.3 + 0.4 * unknown, 0.6 + 0.5 * known
        y = (rng.random(patients) < expit(control + treated * benefit)).astype(float)
        return Randomised(y, treated, expit(np.full(patients, -0.3)), expit(0.3 + 0.9 * known), allocation)

    return make


@pytest.fixture(scope="session")
def arms_swapped() -> Callable[[Randomised], Randomised]:
    """The same trial with control called treated."""
    return lambda trial: Randomised(
        trial.y, ~trial.treated, trial.treated_risk, trial.control_risk, 1 - np.asarray(trial.allocation)
    )


@pytest.fixture(scope="session")
def reordered() -> Callable[[Randomised, list[int]], Randomised]:
    return lambda trial, order: Randomised(
        trial.y[order],
        trial.treated[order],
        trial.control_risk[order],
        trial.treated_risk[order],
        trial.allocation,
    )
