"""The complete answer for a patient: risks, what carried them, where the patient lies, what was missing and what to beware of."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from acrcast.arrays import Floats
from acrcast.contract import Covariates, OnePatient
from acrcast.derived import scores_of
from acrcast.estimators.design import ColumnValues
from acrcast.estimators.ensemble import BoostedEnsemble
from acrcast.estimators.normal import expit
from acrcast.missing_measures import expected_shares
from acrcast.one_product import Ends, OneProduct, around
from acrcast.prediction import Prediction, Support
from acrcast.response_model import DEFAULT_LEVEL, ResponseModel, members_for
from acrcast.support import INSIDE
from acrcast.validation.performance import log_odds_of

DECIMALS = 6
SCALE = 10.0**DECIMALS
NOT_TAKEN = "Measures not taken or below detection, averaged over"


def predict_patients(model: ResponseModel, covariates: Covariates, *, level: float = DEFAULT_LEVEL) -> list[Prediction]:
    """One complete answer a patient; `prediction_id` is left empty. level: coverage of the intervals."""
    bedside = Bedside(model, level)
    return [bedside.predict(OnePatient.of_row(covariates, i)) for i in range(len(covariates))]


def support_of(model: ResponseModel, covariates: Covariates, Z: Floats) -> list[Support]:
    """Where each patient lies against the training data. Z: (n, q) standardised."""
    return model.judge.judge(covariates, Z)


class _Numbers(NamedTuple):
    """Of one patient, not rounded.

    members: see `one_product.around`. risk: the estimate's, of each arm. added: (arms, parts) what each part of the explanation
    adds to the log-odds. parts: measure and label of each. baseline: of each arm. shares: see `expected_shares`.
    """

    members: Floats
    risk: list[float]
    added: Floats
    parts: Sequence[tuple[str, str]]
    baseline: list[float]
    support: Support
    shares: dict[str, float]


class Bedside:
    """A model made ready to answer for one patient after another: what does not depend on the patient is worked out once.

    level: coverage of the intervals. Threads may share it.
    """

    def __init__(self, model: ResponseModel, level: float) -> None:
        self._model, self._level = model, level
        self._judge = model.judge
        study = model.study
        self.contract = study.contract
        self._arms = (study.treated.key, *([study.control] if study.control is not None else []))
        self._averages = {key: _average(values, level) for key, values in model.averages.items()}
        self._labels = {field.name: field.measure.label for field in study.contract}
        fields = [column.field for column in model.terms.columns]
        self._first_columns = np.array([fields.index(name) for name in dict.fromkeys(fields)])
        self._parts = [(name, self._labels[name]) for name in dict.fromkeys(fields)]
        self._scores = scores_of(study.contract.names)
        self._head = {"study": study.key, "endpoint": study.endpoint.title, "model": asdict(model.identity)}
        self.always: list[str] = []
        if model.identity.training_data == "simulated":
            self.always.append("Trained on simulated patients: the numbers show the method, not the treatment.")
        self.always += model.cautions
        self._columns = ColumnValues(model.terms.columns)
        self._precision = self._judge.precision(np.ones(len(fields), dtype=bool))
        linear = model.ensemble.linear()
        self._complete = OneProduct(linear, model.preparation.standardisation, self._precision, self._first_columns)
        self._baseline: list[float] = linear.intercept[:, 1, 0].tolist()

    def predict(self, patient: OnePatient, prediction_id: str = "") -> Prediction:
        """The complete answer."""
        return Prediction.of(self.answer(patient, prediction_id))

    def answer(self, patient: OnePatient, prediction_id: str = "") -> dict[str, Any]:
        """The complete answer as plain data, which is what leaves: to make it of a `Prediction` would take half as long again."""
        model = self._model
        numbers = self._complete_numbers(patient) or self._numbers(patient)
        shares = numbers.shares
        ends, positive = around(numbers.risk, numbers.members, self._level)
        answer: dict[str, Any] = {"prediction_id": prediction_id, **self._head}
        if positive is not None:
            difference, low, high = ends[2]
            answer["control"] = self._arm_risk(self._arms[1], ends[1])
            answer["treated"] = self._arm_risk(self._arms[0], ends[0])
            answer["benefit"] = {
                "difference": _rounded(difference),
                "interval": (_rounded(low), _rounded(high)),
                "probability_positive": _rounded(positive),
            }
        else:
            answer["treated"] = self._arm_risk(self._arms[0], ends[0])
        answer["level"] = self._level
        answer["estimate_conditions_on"] = model.estimate_conditions_on
        answer["derived"] = self.scores(patient)
        answer["explanation_scale"] = "log-odds"
        answer["explanation_baseline"] = _rounded(numbers.baseline[0])
        if len(numbers.baseline) > 1:
            answer["explanation_control_baseline"] = _rounded(numbers.baseline[1])
        answer["explanation"] = _explanation(numbers.parts, numbers.added)
        support = numbers.support
        answer["support"] = {"status": support.status, "measures": support.measures}
        _, low, high = ends[0]
        answer["missing"] = self._missing(shares, high - low) if shares else ()
        answer["cautions"] = self._cautions(patient, support)
        answer["intended_use"] = model.study.intended_use
        return answer

    def _complete_numbers(self, patient: OnePatient) -> _Numbers | None:
        """Of a patient of whom everything is known; None for any other."""
        scaled = self._columns.of_one(patient)
        total = sum(scaled)
        # a sum with NaN in it is NaN
        if patient.below or total != total:  # noqa: PLR0124
            return None
        members, estimate, added, distance = self._complete.of(scaled)
        baseline, ensemble = self._baseline, self._model.ensemble
        if isinstance(ensemble, BoostedEnsemble):
            Z = self._model.preparation.standardisation.apply(np.array([scaled]))
            log_odds, values, left = ensemble.of_complete(Z)
            added = np.add.reduceat(values, self._first_columns, axis=1)
            ensemble.move(members[-len(estimate) :], 0.5 * log_odds - estimate)
            estimate, baseline = (0.5 * log_odds).tolist(), left.tolist()
        if distance < self._precision.plain and self._judge.is_within(patient):
            support = INSIDE
        else:
            support = self._judge.judge_one(patient, self._model.standardise_one(patient)[0])
        risk = [0.5 + 0.5 * math.tanh(value) for value in estimate]
        return _Numbers(members, risk, added, self._parts, baseline, support, {})

    def _numbers(self, patient: OnePatient) -> _Numbers:
        model = self._model
        Z, known, below = model.standardise_one(patient)
        pattern = model.patterns.of(known, below)
        draws = pattern.draws(Z)
        log_odds = model.ensemble.log_odds(pattern, Z, draws, model.terms.arms)
        risk = expit(log_odds[0, :, 1]).mean(axis=1)
        values, baseline = model.ensemble.contributions(pattern, Z, draws)
        added, parts, shares = np.add.reduceat(values, self._first_columns, axis=1), self._parts, {}
        if not pattern.is_complete:
            taken = np.flatnonzero(known[self._first_columns])
            rest = log_odds_of(risk) - baseline - added[:, taken].sum(axis=1)
            added = np.column_stack([added[:, taken], rest])
            parts = [*(parts[k] for k in taken), ("", NOT_TAKEN)]
            shares = expected_shares(model, Z, below, pattern, draws, log_odds[0, 0, 0])
        support = self._judge.judge_one(patient, Z)
        arms, _, size = log_odds.shape[1:]
        members = members_for(1, arms, size)[:, 0]
        np.multiply(log_odds[0, :, 0], 0.5, out=members[-arms:])
        return _Numbers(members, risk.tolist(), added, parts, baseline.tolist(), support, shares)

    def _arm_risk(self, arm: str, ends: Ends) -> dict[str, Any]:
        probability, low, high = ends
        average, average_interval = self._averages[arm]
        return {
            "arm": arm,
            "probability": _rounded(probability),
            "interval": (_rounded(low), _rounded(high)),
            "average": average,
            "average_interval": average_interval,
        }

    def scores(self, patient: OnePatient) -> dict[str, float]:
        """The scores that the patient's measures allow, to two decimals."""
        values = patient.values
        if patient.below:
            values = values.copy()
            for j in patient.below:
                values[j] = math.nan
        scores = [(score.name, float(score.of(*[values[j] for j in score.positions]))) for score in self._scores]
        return {name: round(score * 100) / 100 for name, score in scores if not math.isnan(score)}

    def _missing(self, shares: dict[str, float], now: float) -> tuple[dict[str, Any], ...]:
        """What was not taken, with the treated arm's interval now and as expected once the measure is taken."""
        found = [
            {
                "measure": name,
                "label": self._labels[name],
                "interval_width": _rounded(now),
                "expected_interval_width_if_measured": _rounded(now * share),
            }
            for name, share in shares.items()
        ]
        return tuple(sorted(found, key=itemgetter("expected_interval_width_if_measured")))

    def _cautions(self, patient: OnePatient, support: Support) -> tuple[str, ...]:
        study = self._model.study
        cautions = self.always.copy()
        labels = ", ".join(self._labels[name] for name in support.measures)
        if support.status == "outside":
            cautions.append(
                f"This patient lies outside the training data ({labels}): the prediction is an extrapolation."
            )
        elif support.status == "edge":
            cautions.append(f"This patient lies at the edge of the training data ({labels}).")
        for field, position in study.contract.assay_positions:
            named, trained = patient.assays[field.name], study.assays[field.name]
            if named == trained or math.isnan(patient.values[position]):
                continue
            if not named:
                cautions.append(
                    f"{field.measure.label} is not named: the model was trained with {trained}, and other assays differ in scale."
                )
            else:
                cautions.append(
                    f"{field.measure.label} differs from the {trained} that the model was trained with: scales do not agree."
                )
        return tuple(cautions)


def _explanation(parts: Sequence[tuple[str, str]], added: Floats) -> tuple[dict[str, Any], ...]:
    """The parts with what they add in each arm (arms, parts), the largest in the treated arm first. A part of no measure has none."""
    # of a few dozen numbers at once, NumPy's rounding is faster than Python's
    treated, *control = [[value / SCALE + 0.0 for value in arm] for arm in np.rint(added * SCALE).tolist()]
    if not any(treated) and not any(map(any, control)):
        # an arm's response rate is carried by no measure
        return ()
    order = sorted(range(len(treated)), key=[*map(abs, treated)].__getitem__, reverse=True)
    if control:
        (of_control,) = control
        found: list[dict[str, Any]] = [
            {
                "measure": parts[k][0],
                "label": parts[k][1],
                "contribution": treated[k],
                "control_contribution": of_control[k],
            }
            for k in order
        ]
    else:
        found = [{"measure": parts[k][0], "label": parts[k][1], "contribution": treated[k]} for k in order]
    if not parts[-1][0]:
        del found[order.index(len(parts) - 1)]["measure"]
    return tuple(found)


def _average(values: Floats, level: float) -> tuple[float, tuple[float, float]]:
    """An arm's own response rate, with its interval."""
    ordered, last = np.sort(values), len(values) - 1
    low, high = np.interp([(1 - level) / 2 * last, (1 + level) / 2 * last], np.arange(len(values)), ordered)
    return _rounded(float(values.mean())), (_rounded(float(low)), _rounded(float(high)))


def _rounded(value: float) -> float:
    """Six decimals, by the same arithmetic as numpy's `round` on columns, and never a negative zero."""
    return round(value * SCALE) / SCALE + 0.0
