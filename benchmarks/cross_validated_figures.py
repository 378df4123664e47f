"""How far cross-validated figures are from the truth, and whether their intervals know it.

`python -m benchmarks.cross_validated_figures --patients 47 --trials 2000` fits the hierarchical candidate in simulated trials of each
truth, as the operating characteristics do, and prints a line for each truth. First the mean over trials of three estimates of the
slope less what is true in the new patients, with its Monte-Carlo standard error. Then, of the slope, of C and of the gain in log
loss over quoting the arm's rate, how much the estimates differ from the truth (root mean square), and the root mean square of the
standard error that takes patients for independent and of the one that is shown, in brackets how often 95 % intervals of them cover.
docs/decisions/0008 and 0029 rest on it.
"""

import argparse
from collections.abc import Sequence
from multiprocessing import Pool

import numpy as np

from acrcast.errors import FitError
from acrcast.validation import cross_validated as validated
from acrcast.validation.cross_validated_losses import cross_validated_gain, losses_of
from acrcast.validation.performance import Estimate
from acrcast.validation.rates import half_width, mean_with_interval
from acrcast.validation.resampling import cross_validated
from acrcast.validation.weighted import calibration_slopes_within
from acrcast_training.data.simulator import simulate
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.operating_characteristics import EFFECTS, Setting
from acrcast_training.operating_characteristics import trial as judged
from acrcast_training.select import BASELINE, folds_of

CANDIDATE = "hierarchical"
BIASES = "all together", "each fit by its variance", "as decided"
FIGURES = "slope", "C", "gain"
ERRORS = tuple(f"{figure}: {what}" for figure in FIGURES for what in ("error", "said alone", "said"))


def of_trial(patients: int, effects: str, number: int, repeats: int) -> Sequence[float]:
    """Three biases and nine errors of one trial; NaN where nothing could be fitted."""
    setting = Setting(patients, effects, 1, ("prevalence", CANDIDATE), repeats)
    simulator_seed, seed = setting.seeds(number)
    cohort = judged.simulated_cohort(simulate(EFFECTS[effects].options(patients, simulator_seed)))
    rows, new = trial_rows(cohort), judged.new_patients(effects)
    try:
        risks = judged.in_both_arms(fit_model(cohort, CANDIDATE, seed=seed).risks(new.covariates))
        true = judged.true_accuracy(risks, new)
        of_rate = judged.true_accuracy(np.repeat(judged.quoted_rates(rows), len(new.covariates)), new)
        folds = folds_of(rows.y > 0)
        # each by itself, so that the one takes no random numbers from the other
        found, quoted = (
            cross_validated(rows, (name,), folds=folds, repeats=repeats, seed=seed)[name]
            for name in (CANDIDATE, BASELINE)
        )
    except FitError:
        return [np.nan] * len((*BIASES, *ERRORS))
    widened = float(np.sqrt(found.widening()))  # to take it off again
    slope, c = validated.cross_validated_slope(found, rows.y), validated.cross_validated_c(found, rows.y)
    of_quoted = losses_of(quoted, rows.y)
    gain, alone = (
        cross_validated_gain(found, rows.y, of_quoted),
        mean_with_interval(of_quoted - losses_of(found, rows.y)),
    )
    return [
        float(np.mean(calibration_slopes_within(found.risk, rows.y, rows.arm, np.ones(found.risk.shape))))
        - true.calibration_slope,
        _unweighted(found, rows.y).value - true.calibration_slope,
        slope.value - true.calibration_slope,
        *_errors(slope, true.calibration_slope, _standard_error(slope) / widened),
        *_errors(c, true.c_statistic, _standard_error(c) / widened),
        *_errors(gain, of_rate.log_loss - true.log_loss, _standard_error(alone)),
    ]


def _unweighted(found: validated.CrossValidated, y: np.ndarray) -> Estimate:
    weights = validated._blind_weights  # noqa: SLF001  to see what they are good for
    validated._blind_weights = lambda folds, *_: np.ones(folds.shape[1])  # noqa: SLF001
    try:
        return validated.cross_validated_slope(found, y)
    finally:
        validated._blind_weights = weights  # noqa: SLF001


def _errors(found: Estimate, truth: float, alone: float) -> tuple[float, float, float]:
    return found.value - truth, alone, _standard_error(found)


def _standard_error(found: Estimate) -> float:
    return (found.high - found.low) / 2 / half_width(0.95)


def _shown(errors: np.ndarray) -> list[str]:
    """errors: (trials, 3) error, standard error said alone, and said."""
    error, *said = np.sqrt(np.mean(errors**2, axis=0))
    covers = [np.mean(np.abs(errors[:, 0]) < half_width(0.95) * each) for each in errors[:, 1:].T]
    return [f"{error:.3f}", *(f"{se:.3f} ({share:.2f})" for se, share in zip(said, covers, strict=True))]


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
                for of_figure in np.split(errors, len(FIGURES), axis=1):
                    cells += _shown(of_figure[np.isfinite(of_figure).all(axis=1)])
                print(f"| {given.trials} of {patients}, {effects} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
