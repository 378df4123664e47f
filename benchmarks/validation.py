"""The bootstrap validation of the logistic candidates, here and as a loop of scikit-learn's pipelines, in one run.

Run from the project's root, in its environment: python -m benchmarks.validation [--patients 47 302] [--resamples 200]
The same patients, the same resamples, one thread each, in turn, each in one process; seconds are of the processor, which
with one thread are those of the clock on a free core, and do not grow when other work shares the machine. 302 patients are the auranofin trial, which has no gaps;
any other number is a simulated trial of ld-il2-ra with the gaps that such a trial has.

Here: preparation of each resample (standardisation, joint distribution of the measures, five draws for each incomplete
patient), five candidates, and of each the optimism of C, Brier score, log loss, slope and intercept, with .632+.

scikit-learn: for each resample the imputer and the scaler are fitted once and shared by all models, on plain arrays,
which is faster than a pipeline for each model or a data frame. The models, with the same small set and the same penalties:

- prevalence: DummyClassifier in each arm
- prespecified: LogisticRegression with a ridge penalty
- hierarchical: the scale of the main effects by LogisticRegressionCV, 12 ridge penalties in 5 folds. Here the scale is not
  cross-validated but integrated out, so the second total counts each of the 12 penalties once, without folds.
- firth: scikit-learn has none; LogisticRegression without a penalty on the small set
- elastic-net: LogisticRegressionCV by saga, 16 penalties in 5 folds

and of each C, Brier score, log loss and slope on the resample and on all patients; no intercept, no .632+. Missing measures:
IterativeImputer is the counterpart, since it too predicts a measure from the others; SimpleImputer's median is the cheapest.
"""

import argparse
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  the import itself allows IterativeImputer
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from acrcast.arrays import Floats
from acrcast.estimators import elastic_net
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.posterior import MAIN_SD, SCALES
from acrcast.estimators.rows import TrialRows, prepare
from acrcast.studies import load_study
from acrcast.validation.optimism import optimism
from acrcast.validation.performance import log_odds_of
from acrcast.validation.resampling import LARGEST_BATCH, bootstrap_weights, resampled_risks
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.examples import example_table
from acrcast_training.data.simulator import SimulationOptions, simulate, write
from acrcast_training.fit import trial_rows

LOGISTIC = tuple(name for name, candidate in CANDIDATES.items() if candidate.is_logistic)
AURANOFIN = 302
SEED = 1
# What scikit-learn's default of 100 is too few for; it is not the limit that stops it.
MOST_ITERATIONS = 2000
PARTS = ("preparation", *LOGISTIC, "figures")

Model = Callable[[Floats, Floats], Callable[[Floats], Floats] | None]
Spent = dict[str, float]


def trial(patients: int) -> TrialRows:
    if patients == AURANOFIN:
        study = load_study("auranofin-ra")
        return trial_rows(load_cohort(study, table=example_table(study.key)))
    with tempfile.TemporaryDirectory() as folder:
        baseline, visits, _ = write(simulate(SimulationOptions(patients=patients, seed=SEED)), Path(folder))
        return trial_rows(load_cohort(load_study("ld-il2-ra"), baseline=baseline, visits=visits))


def here(rows: TrialRows, weights: Floats) -> Spent:
    """Seconds of all by the functions that validate a training; then its parts once more, which these do not take apart."""
    spent: Spent = {}
    with timed(spent, "all"):
        apparent = resampled_risks(rows, LOGISTIC, np.ones((1, len(rows))), seed=(SEED, 4))
        resampled = resampled_risks(rows, LOGISTIC, weights, seed=(SEED, 6))
        with timed(spent, "figures"):
            for name in LOGISTIC:
                optimism(rows.y, apparent[name][0], weights, resampled[name])
    for first in range(0, len(weights), LARGEST_BATCH):
        with timed(spent, "preparation"):
            prepared = prepare(rows, weights[first : first + LARGEST_BATCH], np.random.default_rng(first))
        for number, name in enumerate(LOGISTIC):
            with timed(spent, name):
                CANDIDATES[name].fit(prepared, np.random.default_rng([first, number]))
    return spent


def by_scikit_learn(rows: TrialRows, weights: Floats) -> Spent:
    """Seconds of each part of the loop over resamples."""
    spent: Spent = {}
    for times in (np.ones(len(rows)), *weights):
        drawn = np.repeat(np.arange(len(rows)), times.astype(int))
        with timed(spent, "SimpleImputer"):
            scaled(rows, drawn, SimpleImputer(strategy="median"))
        with timed(spent, "preparation"):
            Z = scaled(rows, drawn, IterativeImputer(random_state=SEED))
        X = rows.terms.matrix(rows.arm, Z)
        for name, model in models(rows).items():
            with timed(spent, name):
                fitted = model(X[drawn], rows.y[drawn])
            if fitted is not None:
                with timed(spent, "figures"):
                    risk = fitted(X)
                    figures(risk[drawn], rows.y[drawn])
                    figures(risk, rows.y)
    return spent


def scaled(rows: TrialRows, drawn: np.ndarray, imputer: object) -> Floats:
    return make_pipeline(imputer, StandardScaler()).fit(rows.scaled[drawn]).transform(rows.scaled)


def models(rows: TrialRows) -> dict[str, Model]:
    """Each takes the design with its intercept and the outcomes of a resample, and returns what gives risks."""
    small = [term for term in rows.terms.small_terms() if term > 0]
    every = list(range(1, rows.terms.size))
    scales = 1 / SCALES[::-1] ** 2

    def on(terms: list[int], model: Callable) -> Model:
        def fit(X: Floats, y: Floats) -> Callable:
            fitted = model(len(y)).fit(X[:, terms], y)
            return lambda X: fitted.predict_proba(X[:, terms])[:, 1]

        return fit

    def of_arms(X: Floats, y: Floats) -> Callable:
        by_arm = {
            arm: DummyClassifier(strategy="prior").fit(X[X[:, 1] == arm], y[X[:, 1] == arm]) for arm in set(X[:, 1])
        }
        return lambda X: np.select(
            [X[:, 1] == arm for arm in by_arm],
            [model.predict_proba(X)[:, -1] for model in by_arm.values()],
        )

    def each_once(X: Floats, y: Floats) -> None:
        for precision in scales:
            LogisticRegression(C=1 / precision, max_iter=MOST_ITERATIONS).fit(X[:, every], y)

    return {
        "prevalence": of_arms,
        "prespecified": on(small, lambda _: LogisticRegression(C=MAIN_SD**2, max_iter=MOST_ITERATIONS)),
        "hierarchical": on(
            every,
            lambda _: LogisticRegressionCV(
                Cs=1 / scales,
                cv=5,
                l1_ratios=[0],
                scoring="neg_log_loss",
                max_iter=MOST_ITERATIONS,
                use_legacy_attributes=False,
            ),
        ),
        "hierarchical, each penalty once": each_once,
        "firth": on(small, lambda _: LogisticRegression(C=np.inf, max_iter=MOST_ITERATIONS)),
        "elastic-net": on(
            every,
            lambda n: LogisticRegressionCV(
                Cs=1 / (n * elastic_net.PENALTIES),
                cv=elastic_net.FOLDS,
                l1_ratios=[elastic_net.MIXING],
                solver="saga",
                scoring="neg_log_loss",
                max_iter=MOST_ITERATIONS,
                random_state=SEED,
                use_legacy_attributes=False,
            ),
        ),
    }


def figures(risk: Floats, y: Floats) -> tuple[float, ...]:
    slope = LogisticRegression(C=np.inf).fit(log_odds_of(risk)[:, None], y).coef_[0, 0]
    return roc_auc_score(y, risk), brier_score_loss(y, risk), log_loss(y, risk, labels=[0, 1]), slope


@contextmanager
def timed(spent: Spent, name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    spent[name] = spent.get(name, 0.0) + time.process_time() - start


def show(rows: TrialRows, resamples: int, ours: Spent, theirs: Spent) -> None:
    incomplete = int((np.isnan(rows.scaled) | rows.measures(slice(None))[1]).any(axis=1).sum())
    print(f"\n{len(rows)} patients ({incomplete} incomplete), {rows.terms.size} terms, {resamples} resamples\n")
    print("| Part | scikit-learn, s | here, s | ratio |")
    print("|---|---|---|---|")
    for part in PARTS:
        print(f"| {part} | {theirs[part]:.2f} | {ours[part]:.3f} | {theirs[part] / ours[part]:.0f} |")
    whole = sum(theirs[part] for part in PARTS)
    once = whole - theirs["hierarchical"] + theirs["hierarchical, each penalty once"]
    for name, seconds in (
        ("**all**", whole),
        ("all, scikit-learn with each ridge penalty once", once),
        ("that, and with SimpleImputer", once - theirs["preparation"] + theirs["SimpleImputer"]),
    ):
        print(f"| {name} | {seconds:.1f} | {ours['all']:.2f} | {seconds / ours['all']:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[47, AURANOFIN, 2000])
    parser.add_argument("--resamples", type=int, default=200)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one thread each")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for patients in options.patients:
            rows = trial(patients)
            weights = bootstrap_weights(rows.arm, options.resamples, np.random.default_rng(SEED))
            ours = here(rows, weights)
            show(rows, options.resamples, ours, by_scikit_learn(rows, weights))


if __name__ == "__main__":
    main()
