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
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.estimators.rows import TrialRows
from acrcast.estimators.small_set import arm_rates
from acrcast.response_model import ArmRisks, ResponseModel, Risks, interval
from acrcast.studies.ld_il2_ra import STUDY
from acrcast.validation.performance import Estimate, log_loss
from acrcast.validation.weighted import c_statistics_within, calibration_slopes_within, weighted_mean
from acrcast_training.data.cohort import Cohort, load_cohort
from acrcast_training.data.simulator import SimulatedTrial, SimulationOptions, simulate, write
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.select import CandidateResult, compare
from acrcast_training.validate import Procedure, judge_procedure

LEVEL = 0.95
HIERARCHICAL = "hierarchical"
# New patients on whom every model of a truth is judged.
NEW_PATIENTS = 3000
NEW_PATIENTS_SEED = 47

# What decides a trial's result, relative to the packages: results of other code are not mixed with those of this.
CODE = {
    acrcast: ("*.py", "contract/*.py", "domain/*.py", "estimators/*.py", "studies/*.py", "validation/*.py"),
    acrcast_training: ("fit.py", "select.py", "validate.py", "data/**/*.py", "operating_characteristics/trial.py"),
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
    """Figures of risks; C and slope within arms. True ones are what they would be on infinitely many outcomes of the new patients in both arms."""

    log_loss: float
    c_statistic: float
    calibration_slope: float


@dataclass(frozen=True, slots=True)
class Intervals:
    """Share of new patients whose true value is inside the 95 % interval, and the interval's mean width."""

    coverage: float
    width: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What one trial taught.

    served, rate, hierarchical: what is true of the served risks, of quoting each arm's response rate, and of the hierarchical
    candidate whether chosen or not. procedure: what nested cross-validation said of the served, the choice inside;
    expected_gain: its gain in log loss over quoting the rate; expected_covered: whether the 95 % interval of it holds what is
    true, None where there is no interval or no truth. validated: what cross-validation said of the hierarchical; c_covered,
    slope_covered, gain_covered: the same of its intervals.
    served_error, rate_error: mean absolute difference between a risk and the true risk.
    gain_above_0: whether the interval of the served candidate's gain over quoting the rate lies above 0.
    interactions: for each modifier -1 or 1 when the 95 % posterior interval of its interaction lies below or above 0, else 0.
    """

    chosen: str
    served: Accuracy
    rate: Accuracy
    hierarchical: Accuracy
    procedure: Accuracy
    validated: Accuracy
    c_covered: bool | None
    slope_covered: bool | None
    gain_covered: bool | None
    expected_gain: float
    expected_covered: bool | None
    served_error: float
    rate_error: float
    control: Intervals
    treated: Intervals
    benefit: Intervals
    gain_above_0: bool
    interactions: Mapping[str, int]


def run_trial(setting: Setting, number: int) -> TrialResult:
    """Simulate trial `number`, compare, choose, validate and fit as `train` does, and judge on new patients.

    Raises FitError when the trial has too few responders or non-responders to fit anything.
    """
    simulator_seed, seed = setting.seeds(number)
    cohort = simulated_cohort(simulate(EFFECTS[setting.effects].options(setting.patients, simulator_seed)))
    rows = trial_rows(cohort)
    comparison = compare(rows, seed=seed, repeats=setting.repeats, candidates=setting.candidates)
    procedure = judge_procedure(rows, seed=seed, repeats=1, candidates=setting.candidates)
    hierarchical = fit_model(cohort, HIERARCHICAL, seed=seed)
    chosen = comparison.chosen
    model = hierarchical if chosen == HIERARCHICAL else fit_model(cohort, chosen, seed=seed)
    new = new_patients(setting.effects)
    true = true_accuracy(in_both_arms(hierarchical.risks(new.covariates, LEVEL)), new)
    validated = comparison[HIERARCHICAL]
    risks = model.risks(new.covariates, LEVEL)
    assert risks.control is not None and risks.benefit is not None  # noqa: S101, PT018  the study has two arms
    served, rate = in_both_arms(risks), np.repeat(quoted_rates(rows), len(new.covariates))
    of_served, of_rate = true_accuracy(served, new), true_accuracy(rate, new)
    return TrialResult(
        chosen=chosen,
        served=of_served,
        rate=of_rate,
        hierarchical=true,
        procedure=_estimated(procedure),
        validated=_estimated(validated),
        c_covered=_covered(validated.c_statistic, true.c_statistic),
        slope_covered=_covered(validated.calibration_slope, true.calibration_slope),
        gain_covered=_covered(validated.gain, of_rate.log_loss - true.log_loss),
        expected_gain=procedure.gain.value,
        expected_covered=_covered(procedure.gain, of_rate.log_loss - of_served.log_loss),
        served_error=risk_error(served, new),
        rate_error=risk_error(rate, new),
        control=_intervals(risks.control, new.control_risk),
        treated=_intervals(risks.treated, new.treated_risk),
        benefit=_intervals(risks.benefit, new.treated_risk - new.control_risk),
        gain_above_0=comparison[chosen].gain.low > 0,
        interactions=_interactions_found(hierarchical),
    )


@dataclass(frozen=True, slots=True, eq=False)
class NewPatients:
    """As they are recorded, with gaps, and their true risks. Each (n,)."""

    covariates: Covariates
    control_risk: Floats
    treated_risk: Floats

    @property
    def both_arms(self) -> Floats:
        """(2n,) true risks, first all under control, then all treated."""
        return np.concatenate([self.control_risk, self.treated_risk])

    @property
    def arms(self) -> Floats:
        """(4n,) the arm of each in `both_arms`, once for the responder and once for the non-responder."""
        return np.tile(np.repeat([CONTROL, TREATED], len(self.control_risk)), 2)


@cache
def new_patients(effects: str) -> NewPatients:
    trial = simulate(EFFECTS[effects].options(NEW_PATIENTS, NEW_PATIENTS_SEED))
    risks = (trial.truth[name].to_numpy(dtype=np.float64) for name in ("control_risk", "treated_risk"))
    return NewPatients(simulated_cohort(trial).covariates, *risks)


def simulated_cohort(trial: SimulatedTrial) -> Cohort:
    """The trial by way of its files, as a user's own data come."""
    with tempfile.TemporaryDirectory() as folder:
        baseline, visits, _ = write(trial, Path(folder))
        return load_cohort(STUDY, baseline=baseline, visits=visits)


def _estimated(found: CandidateResult | Procedure) -> Accuracy:
    return Accuracy(found.log_loss.value, found.c_statistic.value, found.calibration_slope.value)


def _covered(found: Estimate, truth: float) -> bool | None:
    """None where there is no truth, or no interval: a rate that is served by every choice gains 0 and nothing else."""
    if np.isnan([found.low, found.high, truth]).any() or found.low == found.high:
        return None
    return found.low <= truth <= found.high


def in_both_arms(risks: Risks) -> Floats:
    """(2n,) first all under control, then all treated."""
    assert risks.control is not None  # noqa: S101  the study has two arms
    return np.concatenate([risks.control.probability, risks.treated.probability])


def true_accuracy(risk: Floats, new: NewPatients) -> Accuracy:
    """Every new patient stands in both arms, in each as a responder by the true risk and a non-responder by the rest."""
    both = np.concatenate([risk, risk])
    y = np.concatenate([np.ones(len(risk)), np.zeros(len(risk))])
    weights = np.concatenate([new.both_arms, 1 - new.both_arms])[None]
    return Accuracy(
        log_loss=float(weighted_mean(log_loss(both, y)[None], weights)[0]),
        c_statistic=float(c_statistics_within(both[None], y, new.arms, weights)[0][0]),
        calibration_slope=float(calibration_slopes_within(both[None], y, new.arms, weights)[0]),
    )


def risk_error(risk: Floats, new: NewPatients) -> float:
    return float(np.mean(np.abs(risk - new.both_arms)))


def quoted_rates(rows: TrialRows) -> Floats:
    """(2,) what `prevalence` says of control and treated in this trial."""
    responders, patients = arm_rates(rows.arm, rows.y, np.ones((1, len(rows))))
    rates: Floats = ((responders + 0.5) / (patients + 1))[0]
    return rates


def _intervals(risks: ArmRisks, truth: Floats) -> Intervals:
    covered = (risks.low <= truth) & (truth <= risks.high)
    return Intervals(float(covered.mean()), float(np.mean(risks.high - risks.low)))


def _interactions_found(model: ResponseModel) -> dict[str, int]:
    """model: one whose members are draws of the hierarchical posterior."""
    assert isinstance(model.ensemble, LogisticEnsemble)  # noqa: S101  says to the type checker what the members are
    low, high = interval(model.ensemble.members[:, model.terms.interactions].T, LEVEL).T
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
