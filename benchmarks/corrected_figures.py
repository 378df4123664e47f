"""How far corrected figures are from the truth: the bootstrap's and cross-validation's, of a candidate that is always fitted.

`python -m benchmarks.corrected_figures --trials 60` simulates trials with true effects and prints, for each size, the mean of
what was said of the hierarchical candidate less what is true, with its Monte-Carlo standard error.
docs/decisions/0008 rests on it.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from acrcast.validation.optimism import optimism
from acrcast.validation.resampling import bootstrap_weights, resampled_risks
from acrcast_training.data.simulator import simulate
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.operating_characteristics import EFFECTS, Setting
from acrcast_training.operating_characteristics import trial as judged
from acrcast_training.select import compare

CANDIDATE = "hierarchical"
RESAMPLES = 100


def differences(patients: int, trials: int) -> Iterator[tuple[float, ...]]:
    """C and slope by the bootstrap, then by cross-validation, each less the truth; one tuple a trial."""
    setting = Setting(patients, "true", 1, ("prevalence", CANDIDATE), 2)
    new = judged.new_patients(setting.effects)
    for number in range(trials):
        simulator_seed, seed = setting.seeds(number)
        cohort = judged.simulated_cohort(simulate(EFFECTS[setting.effects].options(patients, simulator_seed)))
        rows = trial_rows(cohort)
        weights = bootstrap_weights(rows.arm, RESAMPLES, np.random.default_rng([seed, 5]))
        here = resampled_risks(rows, (CANDIDATE,), np.ones((1, patients)), seed=(seed, 4))[CANDIDATE][0]
        found = optimism(rows.y, here, weights, resampled_risks(rows, (CANDIDATE,), weights, seed=(seed, 6))[CANDIDATE])
        crossed = compare(rows, seed=seed, repeats=2, candidates=setting.candidates)[CANDIDATE]
        risks = judged.in_both_arms(fit_model(cohort, CANDIDATE, seed=seed).risks(new.covariates))
        true = judged.true_accuracy(risks, new)
        yield (
            found.c_statistic.corrected.value - true.c_statistic,
            found.slope.corrected.value - true.calibration_slope,
            crossed.c_statistic.value - true.c_statistic,
            crossed.calibration_slope.value - true.calibration_slope,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--patients", type=int, nargs="+", default=[47, 120])
    given = parser.parse_args()
    for patients in given.patients:
        found = np.array(list(differences(patients, given.trials)))
        mean, error = np.nanmean(found, axis=0), np.nanstd(found, axis=0, ddof=1) / np.sqrt(given.trials)
        names = ("bootstrap C", "bootstrap slope", "cross-validated C", "cross-validated slope")
        said = "; ".join(f"{name} {m:+.3f} ({e:.3f})" for name, m, e in zip(names, mean, error, strict=True))
        print(f"n = {patients}, {given.trials} trials: {said}")


if __name__ == "__main__":
    main()
