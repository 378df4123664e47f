"""How much change new patients ask for of a model: keep it, move its intercept, recalibrate it, or revise it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from acrcast.arrays import Floats
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.response_model import ResponseModel
from acrcast.validation.performance import log_odds_of
from acrcast.validation.updating import (
    ALPHA,
    ClosedTest,
    UpdateName,
    closed_testing,
    recalibrate,
    update_intercept,
)
from acrcast_training.data.cohort import Cohort
from acrcast_training.evaluate import OwnArm
from acrcast_training.fit import trial_rows

# Responders, and others, for each coefficient of a revision: below 5 to 9 likelihood ratios cannot be trusted
# (Vittinghoff & McCulloch 2007, Am J Epidemiol 165:710).
FEWEST_A_COEFFICIENT = 5
ITERATIONS = 100
TOLERANCE = 1e-9

Action = Literal["keep", "intercept", "recalibrate", "revise"]
ACTION: Mapping[UpdateName, Action] = MappingProxyType(
    {"original": "keep", "intercept": "intercept", "recalibration": "recalibrate", "revision": "revise"}
)
WORDS: Mapping[Action, str] = MappingProxyType(
    {
        "keep": "Keep the model as it is",
        "intercept": "Move the intercept",
        "recalibrate": "Recalibrate intercept and slope",
        "revise": "Revise the model: its coefficients do not hold here",
    }
)
REJECTED: Mapping[Action, str] = MappingProxyType(
    {
        "keep": "the model as it is",
        "intercept": "a new intercept alone",
        "recalibrate": "recalibration alone",
        "revise": "revision",
    }
)
PAST: Mapping[Action, str] = MappingProxyType(
    {"keep": "kept", "intercept": "intercept moved", "recalibrate": "recalibrated", "revise": "revised"}
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The update that new patients ask for, by closed testing.

    p_value: of each simpler update against `tested_against`, the largest that these data could tell. reason: why that is
    not a revision, else None. intercept, slope: what turns the model's log-odds x into intercept + slope x; NaN for a
    revision, which they cannot express. most: the largest update that was thought of.
    """

    action: Action
    p_value: Mapping[Action, float]
    tested_against: Action
    reason: str | None
    intercept: float
    slope: float
    most: Literal["recalibrate", "revise"] = "revise"

    @property
    def verdict(self) -> str:
        """What was decided and on what evidence, in words."""
        tests = ", ".join(f"{REJECTED[action]} p = {p:.3g}" for action, p in self.p_value.items())
        against = f" (against {REJECTED[self.tested_against]}: {tests})" if tests else ""
        untested = f" Revision was not tested: {self.reason}." if self.reason else ""
        return f"{WORDS[self.action]}{against}.{untested}"


def decide(
    model: ResponseModel, cohort: Cohort, alpha: float = ALPHA, *, most: Literal["recalibrate", "revise"] = "revise"
) -> Decision:
    """Which update the patients ask for: Vergouwe's closed test on the model's own columns.

    most: the largest update that is thought of; what is simpler is tested against it.
    Missing inputs: the model's log-odds are of the risk that it serves, and the columns are averaged over the same draws.
    Raises FitError when all outcomes are the same or there are too few patients for anything.
    """
    return decide_by(OwnArm.of(model, cohort), trial_rows(cohort).y, model, alpha, most=most)


def decide_by(
    own: OwnArm, y: Floats, model: ResponseModel, alpha: float = ALPHA, *, most: Literal["recalibrate", "revise"]
) -> Decision:
    """The same of patients whose risks by the model are `own` and whose outcomes are y, (n,)."""
    log_odds = log_odds_of(own.risk())
    columns = _own_columns(model, own)
    reason = "recalibration was to be the most" if most == "recalibrate" else _why_untested(model, columns, y)
    if reason is not None:
        columns = np.column_stack([np.ones(len(y)), log_odds])
    test = closed_testing(columns, y, log_odds, alpha)
    largest = _simplest_equal(test)
    action = ACTION[test.selected]
    intercept, slope = _calibrated(own, y, action)
    return Decision(
        action=action,
        p_value={ACTION[name]: p for name, p in test.p_value.items() if _order(name) < _order(largest)},
        tested_against=ACTION[largest],
        reason=reason or test.reason,
        intercept=intercept,
        slope=slope,
        most=most,
    )


def _own_columns(model: ResponseModel, own: OwnArm) -> Floats:
    """(n, k) the intercept and every column that the estimate uses; only the intercept for boosted trees."""
    if not isinstance(model.ensemble, LogisticEnsemble):
        return own.columns[:, :1]
    used = model.ensemble.point != 0
    used[0] = True
    return own.columns[:, used]


def _why_untested(model: ResponseModel, columns: Floats, y: Floats) -> str | None:
    if not isinstance(model.ensemble, LogisticEnsemble):
        return "boosted trees have no coefficients that could be revised"
    responders = int(y.sum())
    fewest, asked = min(responders, len(y) - responders), FEWEST_A_COEFFICIENT * columns.shape[1]
    if fewest < asked:
        return (
            f"{columns.shape[1]} coefficients ask for {asked} responders and {asked} others, "
            f"there are {responders} and {len(y) - responders}"
        )
    return None


def _order(name: UpdateName) -> int:
    return list(ACTION).index(name)


def _simplest_equal(test: ClosedTest) -> UpdateName:
    """The simplest update that is the same model as the one tested against, because it has as many parameters."""
    parameters = test.updates[test.tested_against].parameters
    return next(name for name, found in test.updates.items() if found.finite and found.parameters == parameters)


def _calibrated(own: OwnArm, y: Floats, action: Action) -> tuple[float, float]:
    """Intercept and slope by which the risks, as served, get calibration intercept 0 (and slope 1) in these patients.

    With complete patients this is one fit by maximum likelihood. A risk that is averaged over draws is no straight line of
    the coefficients: it is recalibrated again until nothing changes.
    """
    intercept, slope = 0.0, 1.0
    if action == "keep":
        return intercept, slope
    if action == "revise":
        return float("nan"), float("nan")
    for _ in range(ITERATIONS):
        log_odds = log_odds_of(own.risk(intercept, slope))
        if action == "intercept":
            shift, stretch = float(update_intercept(y, log_odds).coefficients[0]), 1.0
        else:
            shift, stretch = (float(c) for c in recalibrate(y, log_odds).coefficients)
        intercept, slope = shift + stretch * intercept, stretch * slope
        if abs(shift) + abs(stretch - 1) < TOLERANCE:
            break
    return intercept, slope
