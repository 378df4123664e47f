"""Updating a model on new patients: how much change they ask for, and the updated model as an artefact of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from acrcast import artefact
from acrcast.arrays import Floats
from acrcast.errors import FitError
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
from acrcast_training.card import NOT_VALIDATED, mapping_of, missing_shares
from acrcast_training.data.cohort import Cohort, flow
from acrcast_training.evaluate import Evaluation, OwnArm, as_data, evaluate, known_fingerprints
from acrcast_training.fit import arm_averages, fit_model, trial_rows
from acrcast_training.provenance import provenance
from acrcast_training.train import needed

# Responders, and others, for each coefficient of a revision: below 5 to 9 likelihood ratios cannot be trusted
# (Vittinghoff & McCulloch 2007, Am J Epidemiol 165:710).
FEWEST_A_COEFFICIENT = 5
REVISED = "hierarchical"
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
    revision, which they cannot express.
    """

    action: Action
    p_value: Mapping[Action, float]
    tested_against: Action
    reason: str | None
    intercept: float
    slope: float

    @property
    def verdict(self) -> str:
        """What was decided and on what evidence, in words."""
        tests = ", ".join(f"{REJECTED[action]} p = {p:.3g}" for action, p in self.p_value.items())
        against = f" (against {REJECTED[self.tested_against]}: {tests})" if tests else ""
        untested = f" Revision was not tested: {self.reason}." if self.reason else ""
        return f"{WORDS[self.action]}{against}.{untested}"


@dataclass(frozen=True)
class Updated:
    """A model that was updated and written. after: its figures on the patients that updated it, so apparent ones."""

    model: ResponseModel
    folder: Path
    after: Evaluation


def decide(
    model: ResponseModel, cohort: Cohort, alpha: float = ALPHA, *, most: Literal["recalibrate", "revise"] = "revise"
) -> Decision:
    """Which update the patients ask for: Vergouwe's closed test on the model's own columns.

    most: the largest update that is thought of; what is simpler is tested against it.
    Missing inputs: the model's log-odds are of the risk that it serves, and the columns are averaged over the same draws.
    Raises FitError when all outcomes are the same or there are too few patients for anything.
    """
    y = trial_rows(cohort).y
    own = OwnArm.of(model, cohort)
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
    )


def update(
    model: ResponseModel,
    cohort: Cohort,
    decision: Decision,
    before: Evaluation,
    folder: Path,
    *,
    seed: int = 1,
    accepted: Mapping[str, int] = MappingProxyType({}),
    sources: Sequence[Mapping[str, Any]] = (),
) -> Updated | None:
    """Write the updated model, and load it again by its self-test; None, and nothing written, when it is kept.

    before: the evaluation of the model as it was, on the same patients. accepted: problems of the data that the user
    accepted. sources: the files that the patients are of, where there are several. Both go on the card.
    Raises FitError when the update is refused, UsageError when the folder is not empty.
    """
    if decision.action == "keep":
        return None
    if cohort.fingerprint in known_fingerprints(model):
        raise FitError("these are the patients that the model was trained on or updated with: an update needs others")
    if decision.action == "revise":
        changed = _revised(model, cohort, seed, accepted)
    else:
        changed = _moved(model, cohort, decision)
    after = evaluate(changed, cohort, level=before.level, seed=seed)
    record = replace(
        provenance(cohort, model.identity.name, seed),
        version=f"{model.identity.version}.{PAST[decision.action].replace(' ', '-')}-{cohort.fingerprint[:8]}",
        training_data=changed.identity.training_data,
    )
    entry = {
        "what": PAST[decision.action],
        "when": record.created,
        "parent": as_data(model.identity),
        "fingerprint": cohort.fingerprint,
        **mapping_of(cohort),
        "sources": [dict(source) for source in sources],
        "data_kind": cohort.data_kind,
        "patients": len(cohort),
        "responders": before.figures.responders,
        "accepted_problems": dict(accepted),
        "decision": as_data(decision) | {"verdict": decision.verdict},
        "before": as_data(before.figures),
        "after_apparent": as_data(after.figures),
    }
    changed = replace(changed, card={**changed.card, "history": [*model.card.get("history", []), entry]})
    artefact.save(changed, record, folder)
    written = artefact.load(folder, cohort.study)
    return Updated(written, folder, replace(after, model=written.identity))


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


def _moved(model: ResponseModel, cohort: Cohort, decision: Decision) -> ResponseModel:
    """The model with its estimate and every member moved alike, and the averages of the new patients."""
    if not isinstance(model.ensemble, LogisticEnsemble):
        raise FitError(
            f"{model.candidate}: boosted trees can be evaluated but not updated; train anew with these patients"
        )
    if decision.slope <= 0:
        raise FitError(
            f"the slope on these patients is {decision.slope:.2f}: the model puts them in the wrong order, "
            "and recalibration would turn it round; train anew"
        )
    ensemble = LogisticEnsemble(
        model.ensemble.terms,
        _on_line(model.ensemble.point, decision),
        _on_line(model.ensemble.members, decision),
    )
    simulated = "simulated" in (model.identity.training_data, cohort.data_kind)
    return replace(
        model,
        identity=replace(model.identity, training_data="simulated" if simulated else "trial"),
        ensemble=ensemble,
        averages=arm_averages(cohort, trial_rows(cohort)),
        card=_moved_card(model, cohort, decision),
    )


def _on_line(coefficients: Floats, decision: Decision) -> Floats:
    """(..., p) coefficients whose log-odds are intercept + slope times those of the given ones."""
    moved = decision.slope * coefficients
    moved[..., 0] += decision.intercept
    return moved


def _moved_card(model: ResponseModel, cohort: Cohort, decision: Decision) -> dict[str, Any]:
    card = dict(model.card)
    if "validation" in card:
        card["validation"] = {**card["validation"], "figures_are_of": "the model as trained, before it was updated"}
    cautions = [caution for caution in card.get("cautions", []) if caution not in (NOT_VALIDATED, *_updates_said(card))]
    return {**card, "cautions": [_not_since(decision.action, len(cohort)), _INTERVALS_MOVED, *cautions]}


_INTERVALS_MOVED = "Intervals were moved with the estimate: they do not hold the uncertainty of the update itself."


def _not_since(action: Action, patients: int) -> str:
    return f"Updated on {patients} patients ({PAST[action]}), and not validated since in patients that it has not seen."


def _updates_said(card: Mapping[str, Any]) -> list[str]:
    """Cautions of earlier updates, which the latest replaces."""
    return [_INTERVALS_MOVED, *(c for c in card.get("cautions", []) if c.startswith("Updated on "))]


def _revised(model: ResponseModel, cohort: Cohort, seed: int, accepted: Mapping[str, int]) -> ResponseModel:
    """The hierarchical model fitted to the new patients alone, where they are enough to develop one."""
    size = needed(trial_rows(cohort))
    if len(cohort) < size.patients:
        raise FitError(
            f"the data ask for a revision, but nothing is written: {size.verdict(len(cohort))} "
            "To go no further than recalibration: `acrcast recalibrate --at-most recalibrate`"
        )
    kept = {key: value for key, value in model.card.items() if key not in ("validation", "verdict", "cautions")}
    card = kept | {
        "training_data": {
            "kind": cohort.data_kind,
            "patients": len(cohort),
            "fingerprint": cohort.fingerprint,
            **mapping_of(cohort),
            "analysis": "intention to treat, non-responder imputation",
            "flow": [{name: value for name, value in as_data(arm).items() if name != "title"} for arm in flow(cohort)],
            "accepted_problems": dict(accepted),
            "missing_share": missing_shares(cohort.study.contract, cohort),
        },
        "candidate": REVISED,
        "validation": {"externally_validated": False, "figures": "none since the revision: see history"},
        "sample_size": {
            "patients": len(cohort),
            "needed": size.patients,
            "parameters": size.parameters,
            "r2_cox_snell_assumed": round(size.r2_cox_snell, 6),
            "verdict": size.verdict(len(cohort)),
        },
        "cautions": [_not_since("revise", len(cohort))],
    }
    return fit_model(cohort, REVISED, seed=seed, card=card)
