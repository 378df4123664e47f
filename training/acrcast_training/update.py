"""The updated model as an artefact of its own, with its history on its card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from acrcast import artefact
from acrcast.arrays import Floats
from acrcast.errors import FitError
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.response_model import ResponseModel
from acrcast_training.card import NOT_VALIDATED, mapping_of, missing_shares
from acrcast_training.data.cohort import Cohort, flow
from acrcast_training.decision import PAST, Action, Decision
from acrcast_training.evaluate import Evaluation, as_data, evaluate, known_fingerprints
from acrcast_training.fit import arm_averages, fit_model, trial_rows
from acrcast_training.provenance import provenance
from acrcast_training.train import needed
from acrcast_training.update_evidence import REVISED, update_evidence


@dataclass(frozen=True)
class Updated:
    """A model that was updated and written. after: its figures on the patients that updated it, so apparent ones."""

    model: ResponseModel
    folder: Path
    after: Evaluation


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
        "evidence": update_evidence(model, cohort, decision, seed=seed),
    }
    changed = replace(changed, card={**changed.card, "history": [*model.card.get("history", []), entry]})
    artefact.save(changed, record, folder)
    written = artefact.load(folder, cohort.study)
    return Updated(written, folder, replace(after, model=written.identity))


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
