"""How far cross-validated figures of benefit are from the truth, and whether their intervals know it.

`python -m benchmarks.cross_validated_benefits --patients 47 120` fits the hierarchical candidate in simulated trials of each truth, as
the operating characteristics do, and prints a table for each: of every figure that the report shows of benefits, and of the net
benefit's gain, the mean difference from what is true in the new patients with its Monte-Carlo standard error, first as if the mean
risks were of a model that was not fitted to these patients, then as decided; and how often the 95 % intervals of both hold the truth.
docs/decisions/0029 rests on it.
"""

import argparse
from collections.abc import Iterator
from multiprocessing import Pool

import numpy as np

from acrcast.arrays import Floats
from acrcast.errors import FitError
from acrcast.response_model import Risks
from acrcast.validation.benefit_calibration import benefit_calibration
from acrcast.validation.benefit_decisions import treatment_policies
from acrcast.validation.benefit_ranking import benefit_ranking
from acrcast.validation.cross_validated import CrossValidated
from acrcast.validation.cross_validated_benefits import CrossValidatedBenefits
from acrcast.validation.net_benefit import net_benefit_gain
from acrcast.validation.performance import Estimate
from acrcast.validation.randomised import Randomised
from acrcast.validation.resampling import cross_validated_in_both_arms
from acrcast_training.data.simulator import simulate
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.operating_characteristics import EFFECTS, Setting
from acrcast_training.operating_characteristics import trial as judged
from acrcast_training.select import REPEATS, folds_of

CANDIDATE = "hierarchical"
LEAST_BENEFITS = (0.0, 0.1)
THRESHOLDS = np.array([0.4, 0.5, 0.6])
Figure = tuple[str, Estimate]


def of_trial(patients: int, effects: str, number: int) -> dict[str, list[float]] | None:
    """Of each figure the error and whether the interval covers, without and with the fits; None where nothing could be fitted."""
    simulator_seed, seed = Setting(patients, effects, 1, ("prevalence", CANDIDATE), REPEATS).seeds(number)
    cohort = judged.simulated_cohort(simulate(EFFECTS[effects].options(patients, simulator_seed)))
    rows, new = trial_rows(cohort), judged.new_patients(effects)
    try:
        risks = fit_model(cohort, CANDIDATE, seed=seed).risks(new.covariates)
        own, both = cross_validated_in_both_arms(
            rows, CANDIDATE, folds=folds_of(rows.y > 0), repeats=REPEATS, seed=seed
        )
    except FitError:
        return None
    control, treated = both.risk.mean(axis=1)
    trial = Randomised(rows.y, cohort.treated, control, treated, float(cohort.treated.mean()))
    truth = _true(risks, new.control_risk, new.treated_risk)
    alone, decided = (dict(_figures(trial, rows.y, own, fits, seed)) for fits in (None, both))
    return {
        name: [part for found in (alone[name], decided[name]) for part in _judged(found, true)]
        for name, true in truth.items()
    }


def _figures(
    trial: Randomised, y: Floats, own: CrossValidated, fits: CrossValidatedBenefits | None, seed: int
) -> Iterator[Figure]:
    yield "slope of the benefit", benefit_calibration(trial, fits=fits).slope
    ranking = benefit_ranking(trial, np.random.default_rng(seed), fits=fits)
    yield "Qini", ranking.qini
    yield "AUTOC", ranking.autoc
    for policy in treatment_policies(trial, LEAST_BENEFITS, fits=fits):
        yield f"above {policy.threshold}: over nobody", policy.over_none
        yield f"above {policy.threshold}: over everybody", policy.over_all
    net = net_benefit_gain(
        own.risk.mean(axis=0), y, THRESHOLDS, rng=np.random.default_rng(seed), fits=None if fits is None else own
    )
    for threshold, *parts in zip(THRESHOLDS, net.value, net.low, net.high, strict=True):
        yield f"net benefit at {threshold}", Estimate(*parts)


def _true(risks: Risks, control_risk: Floats, treated_risk: Floats) -> dict[str, float]:
    """The same figures of the model fitted to all patients, in infinitely many outcomes of the new ones."""
    assert risks.control is not None
    control, treated = risks.control.probability, risks.treated.probability
    predicted, benefit = treated - control, treated_risk - control_risk
    centred = predicted - predicted.mean()
    gain = np.cumsum(benefit[np.argsort(-predicted, kind="stable")]) / len(benefit)
    share = np.arange(1, len(gain) + 1) / len(gain)
    found = {
        "slope of the benefit": float(centred @ benefit / (centred @ centred)),
        "Qini": float(np.mean(gain - share * gain[-1])),
        "AUTOC": float(np.mean(gain / share - gain[-1])),
    }
    for least in LEAST_BENEFITS:
        found[f"above {least}: over nobody"] = float(np.mean(np.where(predicted > least, benefit, 0)))
        found[f"above {least}: over everybody"] = float(np.mean(np.where(predicted > least, 0, -benefit)))
    risk, true = np.concatenate([control, treated]), np.concatenate([control_risk, treated_risk])
    for threshold in THRESHOLDS:
        worth = true - (1 - true) * threshold / (1 - threshold)
        of_all = float(np.mean(worth))
        found[f"net benefit at {threshold}"] = float(np.mean(np.where(risk >= threshold, worth, 0))) - max(of_all, 0)
    return found


def _judged(found: Estimate, true: float) -> tuple[float, float]:
    if np.isnan([found.low, found.high]).any():
        return np.nan, np.nan
    return found.value - true, float(found.low <= true <= found.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[47, 120, 240])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--effects", nargs="+", choices=EFFECTS, default=["true", "none"])
    given = parser.parse_args()
    with Pool() as pool:
        for patients in given.patients:
            for effects in given.effects:
                which = [(patients, effects, number) for number in range(given.trials)]
                found = [each for each in pool.starmap(of_trial, which, chunksize=4) if each is not None]
                print(f"\n| {len(found)} of {patients}, {effects} | bias alone | covers | bias | covers |")
                print("| --- | ---: | ---: | ---: | ---: |")
                for name in found[0]:
                    values = np.array([each[name] for each in found])
                    values = values[np.isfinite(values).all(axis=1)]
                    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
                    cells = [f"{mean[i]:+.3f} ({error[i]:.3f}) | {mean[i + 1]:.2f}" for i in (0, 2)]
                    print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
