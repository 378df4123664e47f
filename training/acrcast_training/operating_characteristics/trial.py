"""One simulated trial through the product's own procedure, judged by the truth that the simulator knows."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

import acrcast
import acrcast_training
from acrcast.arrays import Floats
from acrcast.contract import Covariates
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.estimators.rows import TrialRows
from acrcast.estimators.small_set import arm_rates
from acrcast.response_model import ArmRisks, ResponseModel, interval
from acrcast.studies.ld_il2_ra import STUDY
from acrcast.validation.calibration import calibration_slope
from acrcast.validation.performance import c_statistic, log_loss
from acrcast.validation.resampling import cross_validated_risks
from acrcast.validation.weighted import c_statistics, calibration_slopes, weighted_mean
from acrcast_training.data.cohort import Cohort, load_cohort
from acrcast_training.data.simulator import SimulatedTrial, SimulationOptions, simulate, write
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.select import BASELINE, choose, folds_of, mean_with_interval

LEVEL = 0.95
# New patients on whom every model of a truth is judged.
NEW_PATIENTS = 3000
NEW_PATIENTS_SEED = 47

# What decides a trial's result, relative to the packages: results of other code are not mixed with those of this.
CODE = {
    acrcast: ("*.py", "contract/*.py", "domain/*.py", "estimators/*.py", "studies/*.py", "validation/*.py"),
    acrcast_training: ("fit.py", "select.py", "data/**/*.py", "operating_characteristics/trial.py"),
}


@dataclass(frozen=True, slots=True)
class Effects:
    """A truth. What the simulator is asked for, and each modifier's interaction in log-odds per SD."""

    title: str
    prognosis: bool
    interactions: Mapping[str, float]

    def options(self, patients: int, seed: int) -> SimulationOptions:
        treg, il21 = (self.interactions[name] for name in STUDY.effect_modifiers)
        return SimulationOptions(patients, seed, treg, il21, prognosis=self.prognosis)


def _interactions(*sizes: float) -> dict[str, float]:
    return dict(zip(STUDY.effect_modifiers, sizes, strict=True))


_DEFAULTS = SimulationOptions()
EFFECTS: Mapping[str, Effects] = {
    "true": Effects(
        "measures go with response, and two modify the treatment's effect",
        prognosis=True,
        interactions=_interactions(_DEFAULTS.treg_interaction, _DEFAULTS.il21_interaction),
    ),
    "no-modifiers": Effects(
        "measures go with response, alike in both arms", prognosis=True, interactions=_interactions(0.0, 0.0)
    ),
    "none": Effects("no measure matters", prognosis=False, interactions=_interactions(0.0, 0.0)),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all trials of one column of the table share.

    effects: a key of `EFFECTS`. repeats: of the cross-validation. candidates: in the order of preference.
    """

    patients: int
    effects: str
    seed: int
    candidates: tuple[str, ...]
    repeats: int

    @property
    def digest(self) -> str:
        """Names results that may be put together: the same setting, judged on the same new patients by the same code."""
        facts = [asdict(self), NEW_PATIENTS, NEW_PATIENTS_SEED, _code_digest()]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    def seeds(self, number: int) -> tuple[int, int]:
        """Of the simulator and of the procedure, for trial `number`."""
        entropy = [self.seed, self.patients, list(EFFECTS).index(self.effects), number]
        simulator, procedure = np.random.SeedSequence(entropy).generate_state(2)
        return int(simulator), int(procedure)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far risks are from the truth, over new patients in both arms. C and slope are NaN for risks that are the arms' rates.

    log_loss, c_statistic, calibration_slope: what they would be on infinitely many outcomes of these patients.
    error: mean absolute difference between a risk and the true risk.
    """

    log_loss: float
    c_statistic: float
    calibration_slope: float
    error: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """Share of new patients whose true value is inside the 95 % interval, and the interval's mean width."""

    coverage: float
    width: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What one trial taught.

    estimated, true: of the served model, by cross-validation and against the truth; `estimated.error` is NaN.
    rate: of quoting each arm's response rate, against the truth.
    gain_above_0: whether the interval of the gain over quoting the rate lies above 0.
    interactions: for each modifier -1 or 1 when the 95 % posterior interval of its interaction lies below or above 0, else 0.
    """

    chosen: str
    estimated: Accuracy
    true: Accuracy
    rate: Accuracy
    control: Intervals
    treated: Intervals
    benefit: Intervals
    gain_above_0: bool
    interactions: Mapping[str, int]


def run_trial(setting: Setting, number: int) -> TrialResult:
    """Simulate trial `number`, compare, choose and fit as `train` does, and judge on new patients.

    Raises FitError when the trial has too few responders or non-responders to fit anything.
    """
    simulator_seed, seed = setting.seeds(number)
    cohort = _cohort(simulate(EFFECTS[setting.effects].options(setting.patients, simulator_seed)))
    rows = trial_rows(cohort)
    by_candidate = cross_validated_risks(
        rows, setting.candidates, folds=folds_of(cohort.responded), repeats=setting.repeats, seed=seed
    )
    losses = {name: np.mean([log_loss(risk, rows.y) for risk in risks], axis=0) for name, risks in by_candidate.items()}
    chosen = choose(losses)
    model = fit_model(cohort, chosen, seed=seed)
    hierarchical = (
        model if isinstance(model.ensemble, LogisticEnsemble) else fit_model(cohort, "hierarchical", seed=seed)
    )
    new = _new_patients(setting.effects)
    risks = model.risks(new.covariates, LEVEL)
    assert risks.control is not None and risks.benefit is not None  # noqa: S101, PT018  the study has two arms
    return TrialResult(
        chosen=chosen,
        estimated=_estimated(chosen, by_candidate[chosen], rows.y, losses[chosen]),
        true=_true(chosen, risks.control.probability, risks.treated.probability, new),
        rate=_true(BASELINE, *_rates(rows, len(new.covariates)), new),
        control=_intervals(risks.control, new.control_risk),
        treated=_intervals(risks.treated, new.treated_risk),
        benefit=_intervals(risks.benefit, new.treated_risk - new.control_risk),
        gain_above_0=mean_with_interval(losses[BASELINE] - losses[chosen]).low > 0,
        interactions=_interactions_found(hierarchical),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _NewPatients:
    """As they are recorded, with gaps, and their true risks. Each (n,)."""

    covariates: Covariates
    control_risk: Floats
    treated_risk: Floats


@cache
def _new_patients(effects: str) -> _NewPatients:
    trial = simulate(EFFECTS[effects].options(NEW_PATIENTS, NEW_PATIENTS_SEED))
    risks = (trial.truth[name].to_numpy(dtype=np.float64) for name in ("control_risk", "treated_risk"))
    return _NewPatients(_cohort(trial).covariates, *risks)


def _cohort(trial: SimulatedTrial) -> Cohort:
    """The trial by way of its files, as a user's own data come."""
    with tempfile.TemporaryDirectory() as folder:
        baseline, visits, _ = write(trial, Path(folder))
        return load_cohort(STUDY, baseline=baseline, visits=visits)


def _estimated(name: str, risks: Floats, y: Floats, loss: Floats) -> Accuracy:
    """By cross-validation, averaged over its repeats. risks: (repeats, n)."""
    individual = name != BASELINE
    return Accuracy(
        log_loss=float(loss.mean()),
        c_statistic=float(np.mean([c_statistic(risk, y).value for risk in risks])) if individual else np.nan,
        calibration_slope=float(np.mean([calibration_slope(risk, y).value for risk in risks]))
        if individual
        else np.nan,
        error=np.nan,
    )


def _true(name: str, control: Floats, treated: Floats, new: _NewPatients) -> Accuracy:
    """Every new patient stands in both arms, in each as a responder by the true risk and a non-responder by the rest."""
    risk, truth = np.concatenate([control, treated]), np.concatenate([new.control_risk, new.treated_risk])
    both = np.concatenate([risk, risk])
    y = np.concatenate([np.ones(len(risk)), np.zeros(len(risk))])
    weights = np.concatenate([truth, 1 - truth])[None]
    individual = name != BASELINE
    return Accuracy(
        log_loss=float(weighted_mean(log_loss(both, y)[None], weights)[0]),
        c_statistic=float(c_statistics(both[None], y, weights)[0][0]) if individual else np.nan,
        calibration_slope=float(calibration_slopes(both[None], y, weights)[0]) if individual else np.nan,
        error=float(np.mean(np.abs(risk - truth))),
    )


def _rates(rows: TrialRows, count: int) -> tuple[Floats, Floats]:
    """What `prevalence` says of control and treated in this trial, for each of `count` patients."""
    responders, patients = arm_rates(rows.arm, rows.y, np.ones((1, len(rows))))
    control, treated = ((responders + 0.5) / (patients + 1))[0]
    return np.full(count, control), np.full(count, treated)


def _intervals(risks: ArmRisks, truth: Floats) -> Intervals:
    covered = (risks.low <= truth) & (truth <= risks.high)
    return Intervals(float(covered.mean()), float(np.mean(risks.high - risks.low)))


def _interactions_found(model: ResponseModel) -> dict[str, int]:
    """model: one whose members are draws of the hierarchical posterior."""
    assert isinstance(model.ensemble, LogisticEnsemble)  # noqa: S101  says to the type checker what the members are
    low, high = interval(model.ensemble.members[:, model.terms.interactions].T, LEVEL)
    sides = (low > 0).astype(int) - (high < 0).astype(int)
    fields = [model.terms.columns[j].field for j in model.terms.modifiers]
    return {field: int(side) for field, side in zip(fields, sides, strict=True)}


@cache
def _code_digest() -> str:
    digest = hashlib.sha256()
    for package, patterns in CODE.items():
        folder = Path(str(package.__file__)).parent
        for path in sorted({path for pattern in patterns for path in folder.glob(pattern)}):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
