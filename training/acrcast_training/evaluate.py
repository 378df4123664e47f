"""External validation: what a fixed model's risks are worth in patients that it was not made from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Any

import numpy as np

from acrcast.answer import support_of
from acrcast.arrays import Bools, Floats, Integers
from acrcast.errors import FitError, UsageError
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.normal import expit, normal_quantile
from acrcast.prediction import ModelIdentity, TrainingData
from acrcast.response_model import DEFAULT_LEVEL, PATIENTS_AT_ONCE, ResponseModel
from acrcast.support import ORDER
from acrcast.validation.calibration import (
    CalibrationErrors,
    calibration_errors,
    calibration_intercept,
    calibration_slope,
    observed_over_expected,
)
from acrcast.validation.net_benefit import NetBenefit, NetBenefitGain, net_benefit, net_benefit_gain
from acrcast.validation.performance import (
    Estimate,
    c_statistic,
    log_loss,
    log_odds_of,
    scaled_brier_score,
)
from acrcast.validation.sample_size import ExternalSize, LogOddsSpread, external_size
from acrcast_training.data.cohort import ArmFlow, Cohort, flow
from acrcast_training.fit import trial_rows

# Of responders, and of others: with fewer, the figures of an arm say nothing.
FEWEST_OF_EACH = 20
THRESHOLDS: Floats = np.arange(5, 100, 5) / 100
# A mean of equal risks differs from them in its last digits; a rate quoted to all would then seem to rank them.
DECIMALS = 12
# Below this spread of the log-odds a model tells no patients apart.
SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True, slots=True)
class OwnArm:
    """The model's estimate for n patients, each in the patient's own arm.

    log_odds: (n,), NaN at the k patients `incomplete`, whose unknown measures are averaged over: drawn holds their (k, M)
    log-odds, one for each draw. columns: (n, p) of the design, those of an incomplete patient averaged over the draws.
    """

    log_odds: Floats
    incomplete: Integers
    drawn: Floats
    columns: Floats

    @classmethod
    def of(cls, model: ResponseModel, cohort: Cohort) -> "OwnArm":
        Z, below = model.standardise(cohort.covariates)
        n, incomplete = len(Z), np.flatnonzero(np.any(np.isnan(Z) | below, axis=1))
        log_odds, columns = np.full(n, np.nan), np.empty((n, model.terms.size))
        drawn = np.empty((len(incomplete), len(model.nodes)))
        position = np.full(n, -1)
        position[incomplete] = np.arange(len(incomplete))
        for arm, members in ((TREATED, cohort.treated), (CONTROL, ~cohort.treated)):
            whole = np.flatnonzero(members & (position < 0))
            columns[whole] = model.terms.matrix(arm, Z[whole])
            log_odds[whole] = model.ensemble.estimate(arm, Z[whole])
            partial = np.flatnonzero(members & (position >= 0))
            for first in range(0, len(partial), PATIENTS_AT_ONCE):
                some = partial[first : first + PATIENTS_AT_ONCE]
                completed = model.completed(Z[some], below[some])
                drawn[position[some]] = model.ensemble.estimate(arm, completed)
                columns[some] = model.terms.matrix(arm, completed.mean(axis=1))
        return cls(log_odds, incomplete, drawn, columns)

    def rows(self, chosen: Integers) -> "OwnArm":
        """Of the patients at these positions, in their order."""
        position = np.full(len(self.log_odds), -1)
        position[self.incomplete] = np.arange(len(self.incomplete))
        found = position[chosen]
        incomplete = np.flatnonzero(found >= 0)
        return OwnArm(self.log_odds[chosen], incomplete, self.drawn[found[incomplete]], self.columns[chosen])

    def risk(self, intercept: float = 0.0, slope: float = 1.0) -> Floats:
        """(n,) risks, as the model serves them, or with its log-odds x turned into intercept + slope x."""
        risk = expit(intercept + slope * self.log_odds)
        risk[self.incomplete] = expit(intercept + slope * self.drawn).mean(axis=1)
        return np.round(risk, DECIMALS)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the risks of some patients are worth against their outcomes; all intervals of the evaluation's level.

    c_statistic: among patients of the same arm.
    gain_over_these_rates: of log loss over quoting the response rates of these very patients' arms, which no one could
    have known beforehand. gain_over_model_averages: over quoting the arms' rates in the data that the model comes from.
    """

    patients: int
    responders: int
    c_statistic: Estimate
    brier: Estimate
    scaled_brier: float
    log_loss: Estimate
    gain_over_these_rates: Estimate
    gain_over_model_averages: Estimate
    calibration_intercept: Estimate
    calibration_slope: Estimate
    observed_over_expected: Estimate
    calibration_errors: CalibrationErrors


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of some of the patients, or the reason why there are none. key: of the arm, or `per-protocol`."""

    key: str
    title: str
    patients: int
    responders: int
    figures: Figures | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class SizeNeeded:
    """Patients that an external validation of this model needs. needed: None where it cannot be judged."""

    needed: ExternalSize | None
    patients: int | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A fixed model judged on other patients.

    figures: of all patients, by intention to treat with non-responder imputation, the primary analysis. per_protocol: of
    those assessed; None where everyone was. support: share of the patients inside, at the edge of and outside the data
    that the model was trained on.
    """

    model: ModelIdentity
    candidate: str
    study: str
    endpoint: str
    data_kind: TrainingData
    data_fingerprint: str
    data_mapping: str | None
    level: float
    flow: tuple[ArmFlow, ...]
    figures: Figures
    arms: tuple[Judged, ...]
    per_protocol: Judged | None
    net_benefit: NetBenefit
    net_benefit_gain: NetBenefitGain
    support: Mapping[str, float]
    sample_size: SizeNeeded
    cautions: tuple[str, ...]


def evaluate(model: ResponseModel, cohort: Cohort, *, level: float = DEFAULT_LEVEL, seed: int = 1) -> Evaluation:
    """Judge the model as it is, by its own rule for missing inputs, each patient in the patient's own arm.

    seed: of the resamples behind the intervals of net benefit.
    Raises UsageError when the patients are of another study, FitError when nothing can be judged by them.
    """
    if cohort.study.key != model.study.key:
        raise UsageError(f"the model is of the study {model.study.key!r}, the patients are of {cohort.study.key!r}")
    _refuse_empty_arm(cohort)
    y = trial_rows(cohort).y
    risk = OwnArm.of(model, cohort).risk()
    averages = _model_averages(model, cohort)
    gain = net_benefit_gain(risk, y, THRESHOLDS, rng=np.random.default_rng([seed, 7]), level=level)
    return Evaluation(
        model=model.identity,
        candidate=model.candidate,
        study=cohort.study.key,
        endpoint=cohort.study.endpoint.title,
        data_kind=cohort.data_kind,
        data_fingerprint=cohort.fingerprint,
        data_mapping=cohort.mapping,
        level=level,
        flow=flow(cohort),
        figures=_figures(risk, y, cohort.treated, averages, level),
        arms=_arms(risk, y, cohort, averages, level),
        per_protocol=_per_protocol(risk, y, cohort, averages, level),
        net_benefit=net_benefit(risk, y, THRESHOLDS),
        net_benefit_gain=gain,
        support=_support(model, cohort),
        sample_size=_sample_size(risk),
        cautions=_cautions(model, cohort),
    )


def as_data(value: Any) -> Any:  # noqa: ANN401  any part of an evaluation
    """Plain data for JSON: members by name, arrays as lists, and a figure that cannot be computed as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {member.name: as_data(getattr(value, member.name)) for member in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, np.ndarray)):
        return [as_data(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value


def _refuse_empty_arm(cohort: Cohort) -> None:
    for arm in flow(cohort):
        if arm.randomised == 0:
            raise FitError(
                f"no patient in the arm {arm.arm!r}: a model of two arms is judged, and updated, with patients in both"
            )


def _figures(risk: Floats, y: Floats, treated: Bools, averages: Floats, level: float) -> Figures:
    loss = log_loss(risk, y)
    rates = np.empty(len(y))
    for members in (treated, ~treated):
        rates[members] = y[members].mean() if members.any() else np.nan
    return Figures(
        patients=len(y),
        responders=int(y.sum()),
        c_statistic=c_statistic(risk, y, level, arm=treated.astype(np.float64)),
        brier=_mean((risk - y) ** 2, level),
        scaled_brier=scaled_brier_score(risk, y),
        log_loss=_mean(loss, level),
        gain_over_these_rates=_mean(log_loss(rates, y) - loss, level),
        gain_over_model_averages=_mean(log_loss(averages, y) - loss, level),
        calibration_intercept=calibration_intercept(risk, y, level),
        calibration_slope=calibration_slope(risk, y, level),
        observed_over_expected=observed_over_expected(risk, y, level),
        calibration_errors=calibration_errors(risk, y),
    )


def _arms(risk: Floats, y: Floats, cohort: Cohort, averages: Floats, level: float) -> tuple[Judged, ...]:
    """Each arm of two; a one-arm study has nothing to add to the figures of all."""
    if not cohort.study.has_control:
        return ()
    return tuple(
        _judged(arm.key, arm.title, cohort.treated == (arm == cohort.study.treated), risk, y, cohort, averages, level)
        for arm in cohort.study.arms
    )


def _per_protocol(risk: Floats, y: Floats, cohort: Cohort, averages: Floats, level: float) -> Judged | None:
    if cohort.assessed.all():
        return None
    return _judged("per-protocol", "Assessed patients only", cohort.assessed, risk, y, cohort, averages, level)


def _judged(
    key: str,
    title: str,
    members: Bools,
    risk: Floats,
    y: Floats,
    cohort: Cohort,
    averages: Floats,
    level: float,
) -> Judged:
    patients, responders = int(members.sum()), int(y[members].sum())
    if min(responders, patients - responders) < FEWEST_OF_EACH:
        reason = (
            f"too few to judge: {responders} responders and {patients - responders} others, "
            f"at least {FEWEST_OF_EACH} of each are needed"
        )
        return Judged(key, title, patients, responders, None, reason)
    found = _figures(risk[members], y[members], cohort.treated[members], averages[members], level)
    return Judged(key, title, patients, responders, found, None)


def _model_averages(model: ResponseModel, cohort: Cohort) -> Floats:
    """(n,) response rate of each patient's arm in the data that the model comes from."""
    treated = float(model.averages[model.study.treated.key].mean())
    control = treated if model.study.control is None else float(model.averages[model.study.control].mean())
    return np.where(cohort.treated, treated, control)


def _support(model: ResponseModel, cohort: Cohort) -> dict[str, float]:
    Z, _ = model.standardise(cohort.covariates)
    found = [judged.status for judged in support_of(model, cohort.covariates, Z)]
    return {status: found.count(status) / len(found) for status in ORDER}


def _sample_size(risk: Floats) -> SizeNeeded:
    """By Riley's criteria, for the spread of the model's own risks in these patients, were they calibrated."""
    log_odds = log_odds_of(risk)
    if log_odds.std() < SMALLEST_SPREAD:
        return SizeNeeded(
            None, None, "cannot be judged: the model gives all these patients the same risk, and tells none apart."
        )
    spread = LogOddsSpread.normal(float(log_odds.mean()), float(log_odds.std()))
    needed = external_size(_concordance_if_calibrated(risk), float(risk.mean()), log_odds=spread)
    return SizeNeeded(needed, needed.patients, needed.verdict(len(risk)))


def _concordance_if_calibrated(risk: Floats) -> float:
    """C statistic to be expected in patients with these risks, were each of them true (van Klaveren et al. 2016, Stat Med 35:4136)."""
    levels, inverse = np.unique(risk, return_inverse=True)
    responders = np.bincount(inverse, risk, minlength=len(levels))
    others = np.bincount(inverse, 1 - risk, minlength=len(levels))
    below = np.cumsum(others) - others
    return float(np.sum(responders * (below + others / 2)) / (responders.sum() * others.sum()))


def _cautions(model: ResponseModel, cohort: Cohort) -> tuple[str, ...]:
    cautions = []
    if cohort.fingerprint in known_fingerprints(model):
        cautions.append(
            "THESE ARE THE PATIENTS IT WAS TRAINED ON: the data have the fingerprint of data that made this model, "
            "so nothing here validates it."
        )
    if cohort.data_kind == "simulated":
        cautions.append("These patients are simulated: the figures show the method, not the treatment.")
    elif model.identity.training_data == "simulated":
        cautions.append("The model was trained on simulated patients; the figures are of real ones.")
    return tuple(cautions)


def known_fingerprints(model: ResponseModel) -> frozenset[str]:
    """Of all data that the model was trained on or updated with, and of the files that these were put together from."""
    made_from = [model.card.get("training_data", {}), *model.card.get("history", [])]
    files = [source for entry in made_from for source in entry.get("sources", [])]
    return frozenset(str(entry.get("fingerprint", "")) for entry in [*made_from, *files]) - {""}


def recorded_until(model: ResponseModel) -> date | None:
    """The last day of whose recorded predictions the model may have learned the outcome; None when it never did from any."""
    made_from = [model.card.get("training_data", {}), *model.card.get("history", [])]
    last = [source.get("recorded_until") for entry in made_from for source in entry.get("sources", [])]
    return max((date.fromisoformat(day) for day in last if day), default=None)


def _mean(values: Floats, level: float) -> Estimate:
    """Mean of one value a patient, with its interval."""
    quantile = float(normal_quantile(np.array((1 + level) / 2)))
    mean, half = float(values.mean()), quantile * float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    return Estimate(mean, mean - half, mean + half)
