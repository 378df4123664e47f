"""How far the cross-validated slope and C are from the truth, and whether their intervals know it.

`python -m benchmarks.cross_validated_slope --patients 47 --trials 2000` fits the hierarchical candidate in simulated trials of each
truth, as the operating characteristics do, and prints a line for each truth. First the mean over trials of three estimates of the
slope less what is true in the new patients, with its Monte-Carlo standard error. Then, of the slope and of C, how much the estimates
differ from the truth (root mean square), and the root mean square of the standard error that takes patients for independent and
of the one that is shown. docs/decisions/0008 rests on it.
"""

import argparse
from collections.abc import Sequence
from multiprocessing import Pool

import numpy as np

from acrcast.errors import FitError
from acrcast.validation import cross_validated as validated
from acrcast.validation.performance import Estimate
from acrcast.validation.resampling import cross_validated
from acrcast.validation.weighted import calibration_slopes_within
from acrcast_training.data.simulator import simulate
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.operating_characteristics import EFFECTS, Setting
from acrcast_training.operating_characteristics import trial as judged
from acrcast_training.select import NORMAL_QUANTILE, folds_of

CANDIDATE = "hierarchical"
BIASES = "all together", "each fit by its variance", "as decided"
ERRORS = "slope: error", "said alone", "said", "C: error", "said alone", "said"


def of_trial(patients: int, effects: str, number: int, repeats: int) -> Sequence[float]:
    """Three biases and six errors of one trial; NaN where nothing could be fitted."""
    setting = Setting(patients, effects, 1, ("prevalence", CANDIDATE), repeats)
    simulator_seed, seed = setting.seeds(number)
    cohort = judged._cohort(simulate(EFFECTS[effects].options(patients, simulator_seed)))  # noqa: SLF001  as there
    rows, new = trial_rows(cohort), judged._new_patients(effects)  # noqa: SLF001  as there
    try:
        risks = judged._both_arms(fit_model(cohort, CANDIDATE, seed=seed).risks(new.covariates))  # noqa: SLF001  as there
        true = judged._true(risks, new)  # noqa: SLF001  as there
        folds = folds_of(rows.y > 0)
        found = cross_validated(rows, (CANDIDATE,), folds=folds, repeats=repeats, seed=seed)[CANDIDATE]
    except FitError:
        return [np.nan] * len((*BIASES, *ERRORS))
    alone = float(np.sqrt(validated._of_shared_fits(found)))  # noqa: SLF001  to take it off again
    slope, c = validated.cross_validated_slope(found, rows.y), validated.cross_validated_c(found, rows.y)
    return [
        float(np.mean(calibration_slopes_within(found.risk, rows.y, rows.arm, np.ones(found.risk.shape))))
        - true.calibration_slope,
        _unweighted(found, rows.y).value - true.calibration_slope,
        slope.value - true.calibration_slope,
        *_errors(slope, true.calibration_slope, alone),
        *_errors(c, true.c_statistic, alone),
    ]


def _unweighted(found: validated.CrossValidated, y: np.ndarray) -> Estimate:
    weights = validated._blind_weights  # noqa: SLF001  to see what they are good for
    validated._blind_weights = lambda found, *_: np.ones(found.risk.shape[1])  # noqa: SLF001
    try:
        return validated.cross_validated_slope(found, y)
    finally:
        validated._blind_weights = weights  # noqa: SLF001


def _errors(found: Estimate, truth: float, widened: float) -> tuple[float, float, float]:
    said = (found.high - found.low) / 2 / NORMAL_QUANTILE
    return found.value - truth, said / widened, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[47])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--effects", nargs="+", choices=EFFECTS, default=list(EFFECTS))
    parser.add_argument(
        "--repeats", type=int, default=2, help="of the cross-validation, as in operating-characteristics"
    )
    given = parser.parse_args()
    columns = (*BIASES, *ERRORS)
    print("| trials |", " | ".join(columns), "|")
    print("| --- |", " | ".join(["---:"] * len(columns)), "|")
    with Pool() as pool:
        for patients in given.patients:
            for effects in given.effects:
                which = [(patients, effects, number, given.repeats) for number in range(given.trials)]
                found = np.array(pool.starmap(of_trial, which, chunksize=4))
                biases, errors = np.split(found, [len(BIASES)], axis=1)
                mean = np.nanmean(biases, axis=0)
                chance = np.nanstd(biases, axis=0, ddof=1) / np.sqrt(np.isfinite(biases).sum(axis=0))
                cells = [f"{m:+.3f} ({e:.3f})" for m, e in zip(mean, chance, strict=True)]
                cells += [f"{each:.3f}" for each in np.sqrt(np.nanmean(errors**2, axis=0))]
                print(f"| {given.trials} of {patients}, {effects} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
