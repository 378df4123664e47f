"""What an update is worth: judged in the patients who asked for it, each by an update that did not see the patient."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.errors import FitError
from acrcast.estimators.folds import stratified_folds
from acrcast.headline import estimate_of, headline
from acrcast.response_model import ResponseModel
from acrcast.validation.cross_validated import CrossValidated, cross_validated_slope
from acrcast.validation.cross_validated_losses import cross_validated_gain
from acrcast.validation.performance import log_loss
from acrcast_training.card import figure_of
from acrcast_training.data.cohort import Cohort
from acrcast_training.decision import Decision, decide_by
from acrcast_training.evaluate import OwnArm
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.select import folds_of

REVISED = "hierarchical"
REPEATS = 5


def update_evidence(model: ResponseModel, cohort: Cohort, decision: Decision, *, seed: int) -> dict[str, Any]:
    """As the card has it, and the gates of an updated model read it.

    Repeated cross-validation with the closed test inside: in each training part the update is chosen and made anew, and the
    model before stays as it is. gain_over_previous, gain_over_rates: in log loss over the model before, and over quoting the
    response rates of the training part's arms, paired by patient. shown_before: whether the model before was shown to
    beat the response rate in patients of this kind.
    """
    rows, own, folds = trial_rows(cohort), OwnArm.of(model, cohort), folds_of(cohort.responded)
    fold = np.stack(
        [stratified_folds(rows.arm, rows.y, folds, np.random.default_rng([seed, 11, r])) for r in range(REPEATS)]
    )
    found, rates = CrossValidated.empty(fold, folds, rows.arm), np.empty(fold.shape)
    for repeat, number in enumerate(fold):
        for k in range(folds):
            held = number == k
            found.put(repeat, k, _updated_risk(model, cohort, own, rows.y, held, decision, seed))
            rates[repeat, held] = _rates(cohort, rows.y, held)
    before = log_loss(own.risk(), rows.y)
    quoted = np.mean([log_loss(rate, rows.y) for rate in rates], axis=0)
    slope = cross_validated_slope(found, rows.y)
    return {
        "method": f"{REPEATS} x {folds}-fold cross-validation, the closed test inside",
        "gain_over_previous": figure_of(cross_validated_gain(found, rows.y, before)),
        "gain_over_rates": figure_of(cross_validated_gain(found, rows.y, quoted)),
        "calibration_slope": figure_of(slope) if np.isfinite([slope.low, slope.high]).all() else None,
        "shown_before": decision.action != "revise" and _shown(model, cohort),
    }


def _updated_risk(
    model: ResponseModel, cohort: Cohort, own: OwnArm, y: Floats, held: Bools, decision: Decision, seed: int
) -> Floats:
    """(n,) risks by the update that those not held out ask for; the model's own where they ask for none that can be made."""
    others = np.flatnonzero(~held)
    try:
        asked = decide_by(own.rows(others), y[others], model, most=decision.most)
    except FitError:
        return own.risk()
    if asked.action == "revise":
        return OwnArm.of(fit_model(cohort.rows(others), REVISED, seed=seed), cohort).risk()
    return own.risk(asked.intercept, asked.slope) if asked.slope > 0 else own.risk()


def _rates(cohort: Cohort, y: Floats, held: Bools) -> Floats:
    """Response rate of the patient's arm among the others, half a responder and half another added, so that none is 0 or 1."""
    rates = np.empty(len(y))
    for arm in (cohort.treated, ~cohort.treated):
        others = y[arm & ~held]
        rates[arm] = (others.sum() + 0.5) / (len(others) + 1)
    return rates[held]


def _shown(model: ResponseModel, cohort: Cohort) -> bool:
    """By its own validation, or by the latest update's; on patients of the same kind: simulated ones show nothing of real ones."""
    if model.identity.training_data != cohort.data_kind:
        return False
    history = model.card.get("history", [])
    if history:
        return _beats_rates(history[-1].get("evidence", {}))
    gain = headline(model.card).gain
    return gain is not None and gain.low > 0


def _beats_rates(evidence: Mapping[str, Any]) -> bool:
    """Shown in its own patients, or inherited and not contradicted by them."""
    if not evidence:
        return False
    gain = estimate_of(evidence["gain_over_rates"])
    return gain.low > 0 or bool(evidence["shown_before"] and gain.value >= 0)
