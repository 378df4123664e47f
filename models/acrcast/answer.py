"""The complete answer for a patient: risks, what carried them, where the patient lies, what was missing and what to beware of."""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.contract import Covariates
from acrcast.derived import derived_scores
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.prediction import ArmRisk, Benefit, Contribution, Interval, MissingMeasure, Prediction, Support
from acrcast.response_model import DEFAULT_LEVEL, ArmRisks, ResponseModel, Risks
from acrcast.support import judge
from acrcast.validation.performance import log_odds_of

DECIMALS = 6
# At how many values of a missing measure the interval that taking it would give is worked out.
VALUES_TRIED = 7
SMALLEST_SPREAD = 1e-12


def predict_patients(model: ResponseModel, covariates: Covariates, *, level: float = DEFAULT_LEVEL) -> list[Prediction]:
    """One complete answer a patient; `prediction_id` is left empty. level: coverage of the intervals."""
    Z, below = model.standardise(covariates)
    risks = model.risks_of(Z, below, level)
    support = support_of(model, covariates, Z)
    scores = derived_scores(covariates)
    explained = [_explained(model, Z[i : i + 1], below[i : i + 1], risks, i) for i in range(len(covariates))]
    return [
        Prediction(
            prediction_id="",
            study=model.study.key,
            endpoint=model.study.endpoint.title,
            model=model.identity,
            control=None if risks.control is None else _arm_risk(model, CONTROL, risks.control, i, level),
            treated=_arm_risk(model, TREATED, risks.treated, i, level),
            benefit=_benefit(risks, i),
            level=level,
            estimate_conditions_on=model.estimate_conditions_on,
            derived={name: round(float(score[i]), 2) for name, score in scores.items() if not np.isnan(score[i])},
            explanation_scale="log-odds",
            explanation_baseline=explained[i].baseline,
            explanation_control_baseline=explained[i].control_baseline,
            explanation=explained[i].contributions,
            support=support[i],
            missing=_missing(model, Z[i], below[i], risks, i),
            cautions=_cautions(model, covariates, i, support[i]),
            intended_use=model.study.intended_use,
        )
        for i in range(len(covariates))
    ]


def support_of(model: ResponseModel, covariates: Covariates, Z: Floats) -> list[Support]:
    """Where each patient lies against the training data. Z: (n, q) standardised."""
    fields = tuple(column.field for column in model.terms.columns)
    return judge(model.training_range, model.preparation.conditional, covariates, Z, fields, model.study.assays)


def _arm_risk(model: ResponseModel, arm: float, risks: ArmRisks, i: int, level: float) -> ArmRisk:
    key = model.study.treated.key if arm == TREATED or model.study.control is None else model.study.control
    average = model.averages[key]
    low, high = np.quantile(average, [(1 - level) / 2, (1 + level) / 2])
    return ArmRisk(
        arm=key,
        probability=_rounded(risks.probability[i]),
        interval=(_rounded(risks.low[i]), _rounded(risks.high[i])),
        average=_rounded(average.mean()),
        average_interval=(_rounded(low), _rounded(high)),
    )


def _benefit(risks: Risks, i: int) -> Benefit | None:
    if risks.benefit is None or risks.probability_positive is None:
        return None
    ends: Interval = (_rounded(risks.benefit.low[i]), _rounded(risks.benefit.high[i]))
    return Benefit(_rounded(risks.benefit.probability[i]), ends, _rounded(risks.probability_positive[i]))


@dataclass(frozen=True, slots=True)
class _Explanation:
    baseline: float
    control_baseline: float | None
    contributions: tuple[Contribution, ...]


def _explained(model: ResponseModel, Z: Floats, below: Bools, risks: Risks, i: int) -> _Explanation:
    """What carried one patient's prediction. Z: (1, q)."""
    unknown = np.isnan(Z[0]) | below[0]
    rows = model.completed(Z, below)[0] if unknown.any() else Z
    treated, baseline = _contributions(model, TREATED, rows, unknown, risks.treated.probability[i])
    control, control_baseline = (
        _contributions(model, CONTROL, rows, unknown, risks.control.probability[i])
        if risks.control is not None
        else ({}, None)
    )
    parts = [
        Contribution(
            measure=field,
            label=model.study.contract[field].measure.label
            if field
            else "Measures not taken or below detection, averaged over",
            contribution=_rounded(value),
            control_contribution=_rounded(control[field]) if control else None,
        )
        for field, value in treated.items()
    ]
    if not any(part.contribution or part.control_contribution for part in parts):
        # an arm's response rate is carried by no measure
        parts = []
    return _Explanation(
        baseline=_rounded(baseline),
        control_baseline=None if control_baseline is None else _rounded(control_baseline),
        contributions=tuple(sorted(parts, key=lambda part: -abs(part.contribution))),
    )


def _contributions(
    model: ResponseModel, arm: float, rows: Floats, unknown: Bools, probability: float
) -> tuple[dict[str | None, float], float]:
    """What each measured field adds to the log-odds, with the rest under None; they add up to the estimate's log-odds exactly."""
    values, left = model.ensemble.contributions(arm, rows)
    mean, baseline = values.mean(axis=0), float(left.mean())
    parts: dict[str | None, float] = {}
    for j, column in enumerate(model.terms.columns):
        if not unknown[j]:
            parts[column.field] = parts.get(column.field, 0.0) + float(mean[j])
    if unknown.any():
        parts[None] = float(log_odds_of(np.array(probability))) - baseline - sum(parts.values())
    return parts, baseline


def _missing(model: ResponseModel, Z: Floats, below: Bools, risks: Risks, i: int) -> tuple[MissingMeasure, ...]:
    """What was not taken, with the treated arm's interval now and as expected once the measure is taken."""
    unknown = np.isnan(Z)
    if not unknown.any():
        return ()
    columns = {
        name: np.array([j for j, column in enumerate(model.terms.columns) if column.field == name])
        for name in dict.fromkeys(
            column.field for column, lost in zip(model.terms.columns, unknown, strict=True) if lost
        )
    }
    drawn = model.completed(Z[None], below[None])[0]
    tried = np.repeat(Z[None], 1 + len(columns) * VALUES_TRIED, axis=0)
    for k, positions in enumerate(columns.values()):
        rows = 1 + k * VALUES_TRIED + np.arange(VALUES_TRIED)
        tried[rows[:, None], positions] = drawn[_spread_out(drawn[:, positions[0]])[:, None], positions]
    spread = model.spread(tried, np.repeat(below[None], len(tried), axis=0))
    # the width is taken to shrink as the standard deviation does, which a few hundred members tell far more exactly
    left = spread[1:].reshape(-1, VALUES_TRIED).mean(axis=1) / max(float(spread[0]), SMALLEST_SPREAD)
    now = float(risks.treated.high[i] - risks.treated.low[i])
    found = [
        MissingMeasure(
            name, model.study.contract[name].measure.label, _rounded(now), _rounded(now * min(1.0, float(share)))
        )
        for name, share in zip(columns, left, strict=True)
    ]
    return tuple(sorted(found, key=lambda measure: measure.expected_interval_width_if_measured))


def _spread_out(values: Floats) -> Integers:
    """Positions of `VALUES_TRIED` values, evenly spread over the ordered draws."""
    order = np.argsort(values, kind="stable")
    return order[((np.arange(VALUES_TRIED) + 0.5) / VALUES_TRIED * len(order)).astype(np.int64)]


def _cautions(model: ResponseModel, covariates: Covariates, i: int, support: Support) -> tuple[str, ...]:
    contract = model.study.contract
    cautions = []
    if model.identity.training_data == "simulated":
        cautions.append("Trained on simulated patients: the numbers show the method, not the treatment.")
    cautions += model.cautions
    labels = ", ".join(contract[name].measure.label for name in support.measures)
    if support.status == "outside":
        cautions.append(f"This patient lies outside the training data ({labels}): the prediction is an extrapolation.")
    elif support.status == "edge":
        cautions.append(f"This patient lies at the edge of the training data ({labels}).")
    for field in contract.assays:
        measure = contract[field.measure.assay_of or ""]
        position = contract.covariates.index(measure)
        if np.isnan(covariates.values[i, position]):
            continue
        named, trained = str(covariates.assays[field.name][i]), model.study.assays[field.name]
        if not named:
            cautions.append(
                f"{field.measure.label} is not named: the model was trained with {trained}, and other assays differ in scale."
            )
        elif named != trained:
            cautions.append(
                f"{field.measure.label} differs from the {trained} that the model was trained with: scales do not agree."
            )
    return tuple(cautions)


def _rounded(value: float) -> float:
    """Six decimals, by the same arithmetic as numpy's `round` on columns, and never a negative zero."""
    scale = 10.0**DECIMALS
    return round(float(value) * scale) / scale + 0.0
