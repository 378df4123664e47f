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
from acrcast.estimators.ensemble import MOVED, BoostedEnsemble
from acrcast.missing_measures import expected_shares
from acrcast.one_product import Around, OneProduct
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

    members: see `one_product.Around`. risk: the estimate's, of each arm. added: (arms, parts) what each part of the explanation
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
        scores = scores_of(study.contract.names)
        self._scores = [(score.name, score.of, itemgetter(*score.positions)) for score in scores]
        # what no patient changes, in the order of a `Prediction`: a copy takes less than to put it together anew
        self._blank: dict[str, Any] = {
            "prediction_id": "",
            "study": study.key,
            "endpoint": study.endpoint.title,
            "model": asdict(model.identity),
            **({} if study.control is None else {"control": None}),
            "treated": None,
            **({} if study.control is None else {"benefit": None}),
            "level": level,
            "estimate_conditions_on": model.estimate_conditions_on,
            "derived": None,
            "explanation_scale": "log-odds",
            "explanation_baseline": None,
            **({} if study.control is None else {"explanation_control_baseline": None}),
            "explanation": None,
            "support": None,
            "missing": (),
            "cautions": None,
            "intended_use": study.intended_use,
        }
        self.always: list[str] = []
        if model.identity.training_data == "simulated":
            self.always.append("Trained on simulated patients: the numbers show the method, not the treatment.")
        self.always += model.cautions
        self._only_always = tuple(self.always)
        self._columns = ColumnValues(model.terms.columns)
        self._precision = self._judge.precision(np.ones(len(fields), dtype=bool))
        linear = model.ensemble.linear()
        self._complete = OneProduct(linear, model.preparation.standardisation, self._precision, self._first_columns)
        ensemble = model.ensemble
        self._trees = ensemble.one_walk(self._first_columns) if isinstance(ensemble, BoostedEnsemble) else None
        self._around = Around(ensemble.size, level)
        self._baseline: list[float] = linear.intercept[:, 1, 0].tolist()

    def predict(self, patient: OnePatient, prediction_id: str = "") -> Prediction:
        """The complete answer."""
        return Prediction.of(self.answer(patient, prediction_id))

    def answer(self, patient: OnePatient, prediction_id: str = "") -> dict[str, Any]:
        """The complete answer as plain data, which is what leaves: to make it of a `Prediction` would take half as long again."""
        numbers = self._complete_numbers(patient) or self._numbers(patient)
        ends, support = self._around.of(numbers.risk, numbers.members), numbers.support
        # as `_rounded`, which takes longer to be called than to round
        rounded = [round(value * SCALE) / SCALE + 0.0 for value in (*numbers.baseline, *ends)]
        answer = self._blank.copy()
        answer["prediction_id"] = prediction_id
        if len(self._arms) == 1:
            answer["explanation_baseline"], *treated = rounded
        else:
            baseline, of_control, *treated, control, low, high, difference, least, most, positive = rounded
            answer["control"] = self._arm_risk(self._arms[1], control, low, high)
            answer["benefit"] = {
                "difference": difference,
                "interval": (least, most),
                "probability_positive": positive,
            }
            answer["explanation_baseline"], answer["explanation_control_baseline"] = baseline, of_control
        answer["treated"] = self._arm_risk(self._arms[0], *treated)
        answer["derived"] = self.scores(patient)
        answer["explanation"] = _explanation(numbers.parts, numbers.added)
        answer["support"] = {"status": support.status, "measures": support.measures}
        if numbers.shares:
            answer["missing"] = self._missing(numbers.shares, ends[2] - ends[1])
        answer["cautions"] = self._cautions(patient, support)
        return answer

    def _complete_numbers(self, patient: OnePatient) -> _Numbers | None:
        """Of a patient of whom everything is known; None for any other."""
        scaled = self._columns.of_one(patient)
        total = sum(scaled)
        # a sum with NaN in it is NaN
        if patient.below or total != total:  # noqa: PLR0124
            return None
        members, estimate, added, distance = self._complete.of(scaled)
        baseline = self._baseline
        if self._trees is not None:
            columns = self._model.preparation.standardisation.apply(np.array(scaled)).astype(np.float32)
            log_odds, added, left = self._trees.of(columns)
            half = 0.5 * log_odds
            members[-len(half) :, MOVED] += half[:, None]
            estimate, baseline = half.tolist(), left.tolist()
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
        log_odds, values, baseline = model.ensemble.explained(pattern, Z, draws, model.terms.arms)
        arms, size = len(baseline), log_odds.shape[-1]
        members = members_for(1, arms, size)[:, 0]
        halves = 0.5 * log_odds[0]
        members[-arms:] = halves[:, 0]
        risk = 0.5 + 0.5 / size * np.add.reduce(np.tanh(halves[:, 1]), axis=-1)
        added, parts, shares = np.add.reduceat(values, self._first_columns, axis=1), self._parts, {}
        if not pattern.is_complete:
            taken = known[self._first_columns].nonzero()[0]
            left, added = added, np.empty((arms, len(taken) + 1))
            left.take(taken, axis=1, out=added[:, :-1])
            added[:, -1] = log_odds_of(risk) - baseline - np.add.reduce(added[:, :-1], axis=1)
            parts = [*(parts[k] for k in taken), ("", NOT_TAKEN)]
            shares = expected_shares(model, Z, below, pattern, draws, log_odds[0, 0, 0])
        support = self._judge.judge_one(patient, Z)
        return _Numbers(members, risk.tolist(), added, parts, baseline.tolist(), support, shares)

    def _arm_risk(self, arm: str, probability: float, low: float, high: float) -> dict[str, Any]:
        average, average_interval = self._averages[arm]
        return {
            "arm": arm,
            "probability": probability,
            "interval": (low, high),
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
        scores = [(name, float(of(*components(values)))) for name, of, components in self._scores]
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
        if support is INSIDE and patient.assays == study.assays:
            return self._only_always
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
    treated, *control = np.rint(added * SCALE).tolist()
    if not any(treated) and not any(map(any, control)):
        # an arm's response rate is carried by no measure
        return ()
    rows = sorted(zip(map(abs, treated), parts, treated, *control, strict=True), key=itemgetter(0), reverse=True)
    found: list[dict[str, Any]]
    if control:
        found = [
            {
                "measure": measure,
                "label": label,
                # never a negative zero
                "contribution": in_treated / SCALE + 0.0,
                "control_contribution": in_control / SCALE + 0.0,
            }
            for _, (measure, label), in_treated, in_control in rows
        ]
    else:
        found = [
            {"measure": measure, "label": label, "contribution": in_treated / SCALE + 0.0}
            for _, (measure, label), in_treated in rows
        ]
    if not parts[-1][0]:
        del next(part for part in found if not part["measure"])["measure"]
    return tuple(found)


def _average(values: Floats, level: float) -> tuple[float, tuple[float, float]]:
    """An arm's own response rate, with its interval."""
    ordered, last = np.sort(values), len(values) - 1
    low, high = np.interp([(1 - level) / 2 * last, (1 + level) / 2 * last], np.arange(len(values)), ordered)
    return _rounded(float(values.mean())), (_rounded(float(low)), _rounded(float(high)))


def _rounded(value: float) -> float:
    """Six decimals, by the same arithmetic as numpy's `round` on columns, and never a negative zero."""
    return round(value * SCALE) / SCALE + 0.0
