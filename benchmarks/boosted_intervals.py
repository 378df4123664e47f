"""Coverage and width of the 95 % intervals around an estimate by boosted trees, for several kinds of members, by simulation.

Run from the project's root, in its environment: .venv/bin/python benchmarks/boosted_intervals.py [--trials 20] [--patients 120 240 600]
Each trial is drawn from a known truth, boosted trees are fitted to it as a champion would be, and 1000 new patients, with the gaps that
data have, are asked whether the interval of each risk and of their difference holds the true one. Prints a row for each truth and size.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import Covariates
from acrcast.estimators.ensemble import BoostedEnsemble, LogisticEnsemble
from acrcast.estimators.normal import expit
from acrcast.response_model import ResponseModel
from acrcast.studies.ld_il2_ra import STUDY
from acrcast_training.data.cohort import Cohort
from acrcast_training.data.simulator.baseline import Patients, enrol
from acrcast_training.data.simulator.recording import record
from acrcast_training.data.simulator.response import calibrated
from acrcast_training.fit import fit_model
from acrcast_training.operating_characteristics.trial import EFFECTS, LEVEL

NEW_PATIENTS, NEW_PATIENTS_SEED = 1000, 47
Truth = Callable[[Patients, Bools], Floats]


def _simulated(effects: str) -> Truth:
    options = EFFECTS[effects].options(1, 0)
    return calibrated(options.treg_interaction, options.il21_interaction, prognosis=options.prognosis).risk


def thresholds(patients: Patients, treated: Bools) -> Floats:
    """Steps, and a measure that is best in its middle: what trees can follow and a linear model cannot."""
    z = patients.standardised
    both = 1.5 * (np.abs(z("esr_mm_per_h")) < 0.7) - 1.5 * (z("haq_di") > 0.4)
    gain = 2.0 * (z("treg_percent_of_cd4") < -0.3) * (1.0 - 0.5 * (z("il21_pg_per_ml") < 0))
    return expit(np.asarray(-0.8 + both + treated * gain, dtype=np.float64))


def together(patients: Patients, treated: Bools) -> Floats:
    """Two measures that matter only together, in prognosis and in what the treatment adds."""
    z = patients.standardised
    both = 2.0 * ((z("crp_mg_per_l") > 0) & (z("pain_mm") > 0))
    gain = 2.5 * ((z("treg_percent_of_cd4") < 0) & (z("age_years") < 0))
    return expit(np.asarray(-0.8 + both + treated * gain, dtype=np.float64))


TRUTHS: Mapping[str, Truth] = {name: _simulated(name) for name in EFFECTS} | {
    "thresholds": thresholds,
    "together": together,
}


def drawn(truth: Truth, patients: int, seed: list[int]) -> tuple[Cohort, Floats, Floats]:
    """A trial with gaps in its baseline, and every patient's true risk under control and treated."""
    enrolment, allocation, gaps, outcome = np.random.default_rng(seed).spawn(4)
    enrolled = enrol(patients, enrolment)
    treated = allocation.permutation(np.arange(patients) % 2 == 1)
    nobody = np.zeros(patients, dtype=bool)
    control_risk, treated_risk = truth(enrolled, nobody), truth(enrolled, ~nobody)
    cohort = Cohort(
        STUDY,
        np.array([f"P{number}" for number in range(patients)]),
        treated,
        record(enrolled, missing=True, random=gaps),
        outcome.random(patients) < np.where(treated, treated_risk, control_risk),
        np.ones(patients, dtype=bool),
        "simulated",
    )
    return cohort, control_risk, treated_risk


@dataclass(frozen=True)
class MovedDraws(BoostedEnsemble):
    """The posterior's draws as they are (share 0), all moved to the trees (1), or some of them, and not spread further."""

    share: float = 0.5

    @property
    def _moved(self) -> Floats:
        return np.where(np.arange(self.size) % 2 < 2 * self.share, 1.0, 0.0)


def models(cohort: Cohort, seed: int) -> dict[str, ResponseModel]:
    """The same estimate by boosted trees with each kind of members; and the hierarchical model, to compare with."""
    logistic, served = (fit_model(cohort, candidate, seed=seed) for candidate in ("hierarchical", "xgboost"))
    assert isinstance(logistic.ensemble, LogisticEnsemble)
    assert isinstance(served.ensemble, BoostedEnsemble)
    trees, draws = served.ensemble.trees, logistic.ensemble
    return {
        "hierarchical": logistic,
        "plain": replace(served, ensemble=MovedDraws(trees, draws, 0.0)),
        "recentred": replace(served, ensemble=MovedDraws(trees, draws, 1.0)),
        "mixed": replace(served, ensemble=MovedDraws(trees, draws, 0.5)),
        "served": served,
    }


def judged(model: ResponseModel, covariates: Covariates, control: Floats, treated: Floats) -> Floats:
    """(3, 3): of control, treated and benefit, share of intervals that hold the truth, mean width, mean error of the estimate."""
    risks = model.risks(covariates, LEVEL)
    assert risks.control is not None
    assert risks.benefit is not None
    pairs = ((risks.control, control), (risks.treated, treated), (risks.benefit, treated - control))
    return np.array(
        [
            [
                np.mean((arm.low <= truth) & (truth <= arm.high)),
                np.mean(arm.high - arm.low),
                np.mean(np.abs(arm.probability - truth)),
            ]
            for arm, truth in pairs
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--patients", type=int, nargs="+", default=[120, 240, 600])
    parser.add_argument("--truths", nargs="+", choices=TRUTHS, default=list(TRUTHS))
    given = parser.parse_args()
    print(
        f"{given.trials} trials each; coverage (width) of control, treated, benefit; mean error of the treated risk and the benefit"
    )
    for patients in given.patients:
        for number, name in enumerate(TRUTHS):
            if name not in given.truths:
                continue
            new, control, treated = drawn(TRUTHS[name], NEW_PATIENTS, [NEW_PATIENTS_SEED, number])
            found: dict[str, list[Floats]] = {}
            for trial in range(given.trials):
                cohort, _, _ = drawn(TRUTHS[name], patients, [patients, number, trial])
                for kind, model in models(cohort, trial).items():
                    found.setdefault(kind, []).append(judged(model, new.covariates, control, treated))
            for kind, all_trials in found.items():
                mean = np.mean(all_trials, axis=0)
                cells = " | ".join(f"{coverage:.2f} ({width:.2f})" for coverage, width, _ in mean)
                print(f"| {name} | {patients} | {kind} | {cells} | {mean[1, 2]:.3f} | {mean[2, 2]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
