"""The complete answer for a patient: risks, what carried them, where the patient lies, what was missing and what to beware of."""

from math import isnan, nan

import numpy as np

from acrcast.arrays import Floats
from acrcast.contract import Covariates, OnePatient
from acrcast.derived import scores_of
from acrcast.estimators.patterns import Draws, Pattern
from acrcast.missing_measures import expected_shares
from acrcast.prediction import ArmRisk, Benefit, Contribution, MissingMeasure, Prediction, Support
from acrcast.response_model import DEFAULT_LEVEL, ArmRisks, ResponseModel, Risks, risks_of
from acrcast.support import Judge
from acrcast.validation.performance import log_odds_of

DECIMALS = 6
NOT_TAKEN = "Measures not taken or below detection, averaged over"


def predict_patients(model: ResponseModel, covariates: Covariates, *, level: float = DEFAULT_LEVEL) -> list[Prediction]:
    """One complete answer a patient; `prediction_id` is left empty. level: coverage of the intervals."""
    bedside = Bedside(model, level)
    return [bedside.predict(OnePatient.of_row(covariates, i)) for i in range(len(covariates))]


def support_of(model: ResponseModel, covariates: Covariates, Z: Floats) -> list[Support]:
    """Where each patient lies against the training data. Z: (n, q) standardised."""
    return judge_of(model).judge(covariates, Z)


def judge_of(model: ResponseModel) -> Judge:
    fields = tuple(column.field for column in model.terms.columns)
    return Judge(model.training_range, model.preparation.conditional, model.study.contract, fields, model.study.assays)


class Bedside:
    """A model made ready to answer for one patient after another: what does not depend on the patient is worked out once.

    level: coverage of the intervals. Threads may share it.
    """

    def __init__(self, model: ResponseModel, level: float) -> None:
        self._model, self._level = model, level
        self._judge = judge_of(model)
        study = model.study
        self.contract = study.contract
        self._treated, self._control = study.treated.key, study.control
        self._averages = {key: _average(values, level) for key, values in model.averages.items()}
        self._labels = {field.name: field.measure.label for field in study.contract}
        fields = [column.field for column in model.terms.columns]
        self._first_columns = np.array([fields.index(name) for name in dict.fromkeys(fields)])
        self._labelled: list[tuple[str | None, str]] = [(name, self._labels[name]) for name in dict.fromkeys(fields)]
        self._scores = scores_of(study.contract.names)
        self.always: list[str] = []
        if model.identity.training_data == "simulated":
            self.always.append("Trained on simulated patients: the numbers show the method, not the treatment.")
        self.always += model.cautions

    def predict(self, patient: OnePatient, prediction_id: str = "") -> Prediction:
        """The complete answer."""
        model = self._model
        Z, known, below = model.standardise_one(patient)
        pattern = model.patterns.of(known, below)
        draws = pattern.draws(Z)
        log_odds = model.ensemble.log_odds(pattern, Z, draws, model.terms.arms)
        risks = risks_of(log_odds, self._level)
        treated = self._arm_risk(self._treated, risks.treated)
        control = (
            None if risks.control is None or self._control is None else self._arm_risk(self._control, risks.control)
        )
        support = self._judge.judge_one(patient, Z)
        baseline, explanation = self._explained(pattern, Z, draws, risks)
        shares = {} if pattern.is_complete else expected_shares(model, Z, below, pattern, draws, log_odds[0, 0, 0])
        return Prediction(
            prediction_id=prediction_id,
            study=model.study.key,
            endpoint=model.study.endpoint.title,
            model=model.identity,
            control=control,
            treated=treated,
            benefit=_benefit(risks),
            level=self._level,
            estimate_conditions_on=model.estimate_conditions_on,
            derived=self.scores(patient),
            explanation_scale="log-odds",
            explanation_baseline=baseline[0],
            explanation_control_baseline=baseline[1] if len(baseline) > 1 else None,
            explanation=explanation,
            support=support,
            missing=self._missing(shares, risks.treated),
            cautions=self._cautions(patient, support),
            intended_use=model.study.intended_use,
        )

    def _arm_risk(self, arm: str, risks: ArmRisks) -> ArmRisk:
        average, low, high = self._averages[arm]
        return ArmRisk(
            arm=arm,
            probability=_rounded(risks.probability[0]),
            interval=(_rounded(risks.low[0]), _rounded(risks.high[0])),
            average=average,
            average_interval=(low, high),
        )

    def _explained(
        self, pattern: Pattern, Z: Floats, draws: Draws, risks: Risks
    ) -> tuple[list[float], tuple[Contribution, ...]]:
        """Each arm's baseline, and what each measured field adds to the log-odds, with the rest under None.

        They add up to the estimate's log-odds exactly.
        """
        values, baseline = self._model.ensemble.contributions(pattern, Z, draws)
        # a field's columns are side by side
        added, named = np.add.reduceat(values, self._first_columns, axis=1), self._labelled
        if not pattern.is_complete:
            taken = np.flatnonzero(np.isin(self._first_columns, pattern.known))
            arms = [arm.probability[0] for arm in (risks.treated, risks.control) if arm is not None]
            rest = log_odds_of(np.array(arms)) - baseline - added[:, taken].sum(axis=1)
            added, named = np.column_stack([added[:, taken], rest]), [*(named[k] for k in taken), (None, NOT_TAKEN)]
        treated, *control = rounded = (np.round(added, DECIMALS) + 0.0).tolist()
        left = [_rounded(value) for value in baseline.tolist()]
        if not any(map(any, rounded)):
            # an arm's response rate is carried by no measure
            return left, ()
        order = sorted(range(len(treated)), key=lambda k: -abs(treated[k]))
        return left, tuple([Contribution(*named[k], treated[k], control[0][k] if control else None) for k in order])

    def scores(self, patient: OnePatient) -> dict[str, float]:
        """The scores that the patient's measures allow, to two decimals."""
        values = patient.values.copy()
        for j in patient.below:
            values[j] = nan
        scores = ((score.name, float(score.of([values[j] for j in score.positions]))) for score in self._scores)
        return {name: round(score, 2) for name, score in scores if not isnan(score)}

    def _missing(self, shares: dict[str, float], treated: ArmRisks) -> tuple[MissingMeasure, ...]:
        """What was not taken, with the treated arm's interval now and as expected once the measure is taken."""
        now = float(treated.high[0] - treated.low[0])
        found = [
            MissingMeasure(name, self._labels[name], _rounded(now), _rounded(now * share))
            for name, share in shares.items()
        ]
        return tuple(sorted(found, key=lambda measure: measure.expected_interval_width_if_measured))

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
            if named == trained or isnan(patient.values[position]):
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


def _average(values: Floats, level: float) -> tuple[float, float, float]:
    """An arm's own response rate, with its interval."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return _rounded(values.mean()), _rounded(low), _rounded(high)


def _benefit(risks: Risks) -> Benefit | None:
    if risks.benefit is None or risks.probability_positive is None:
        return None
    ends = (_rounded(risks.benefit.low[0]), _rounded(risks.benefit.high[0]))
    return Benefit(_rounded(risks.benefit.probability[0]), ends, _rounded(risks.probability_positive[0]))


def _rounded(value: float) -> float:
    """Six decimals, by the same arithmetic as numpy's `round` on columns, and never a negative zero."""
    scale = 10.0**DECIMALS
    return round(float(value) * scale) / scale + 0.0
