"""Gradient-boosted trees by XGBoost, with defaults for small trials: shallow trees, strong shrinkage, monotone where the study
says so, and the arm as one of the columns."""  # noqa: D205, D209  one sentence

from dataclasses import dataclass

import numpy as np
import xgboost as xgb

from acrcast.arrays import Floats
from acrcast.estimators.design import Terms
from acrcast.estimators.folds import inner_folds
from acrcast.estimators.normal import expit, log1p_exp
from acrcast.estimators.rows import PreparedRows
from acrcast.studies.study import Study

LEARNING_RATE = 0.05
DEPTHS = (1, 2)
ROUNDS = (10, 25, 50, 100, 150)
FOLDS = 5
MEMBERS = 50
SIMULATIONS = 6
SIMULATION_MEMBERS = 20
NOMINAL = 0.95
NORMAL_QUANTILE = 1.959963984540054
SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True, slots=True)
class BoostedSettings:
    """What is tuned: depth of the trees and number of rounds."""

    depth: int
    rounds: int


# Members are not tuned: tuning in a small trial picks stumps, whose spread hides what they cannot follow.
MEMBERS_SETTINGS = BoostedSettings(depth=2, rounds=100)


def feature_matrix(terms: Terms, arm: Floats | float, Z: Floats) -> Floats:
    """(n, q) or (n, q + 1) columns for the trees: the arm first when there are two, then the standardised measures."""
    if not terms.two_arms:
        return Z
    return np.concatenate([np.broadcast_to(np.asarray(arm)[..., None], (*Z.shape[:-1], 1)), Z], axis=-1)


def fit_boosted(prepared: PreparedRows, rng: np.random.Generator) -> list[xgb.Booster]:
    """One tuned booster for each resample."""
    return [fit_point(prepared, b, rng)[0] for b in range(len(prepared.weights))]


def fit_point(prepared: PreparedRows, resample: int, rng: np.random.Generator) -> tuple[xgb.Booster, BoostedSettings]:
    """The tuned booster of one resample, and what was chosen."""
    settings = tune(prepared, resample, rng)
    X = feature_matrix(prepared.terms, prepared.arm, prepared.Z[resample])
    return _train(prepared, X, prepared.y, prepared.weights[resample], settings, seed=0), settings


def log_odds(booster: xgb.Booster, features: Floats, rounds: int = 0) -> Floats:
    """(n,) log-odds of the rows, by the first `rounds` trees or by all."""
    margin: Floats = booster.inplace_predict(features, iteration_range=(0, rounds), predict_type="margin").astype(
        np.float64
    )
    return margin


def tune(prepared: PreparedRows, resample: int, rng: np.random.Generator) -> BoostedSettings:
    """Depth and rounds with the least cross-validated log loss inside the resample; ties go to the simpler."""
    fold = inner_folds(prepared, resample, FOLDS, rng)
    X = feature_matrix(prepared.terms, prepared.arm, prepared.Z[resample])
    loss = np.zeros((len(DEPTHS), len(ROUNDS)))
    for k in range(FOLDS):
        inside = prepared.weights[resample] * (fold != k)
        outside = prepared.weights[resample] * (fold == k)
        for d, depth in enumerate(DEPTHS):
            booster = _train(prepared, X, prepared.y, inside, BoostedSettings(depth, max(ROUNDS)), seed=0)
            for r, rounds in enumerate(ROUNDS):
                eta = log_odds(booster, X, rounds)
                loss[d, r] += np.sum(outside * (log1p_exp(eta) - prepared.y * eta))
    best_depth, best_rounds = np.unravel_index(np.argmin(loss), loss.shape)
    return BoostedSettings(DEPTHS[best_depth], ROUNDS[best_rounds])


def fit_members(
    prepared: PreparedRows, settings: BoostedSettings, rng: np.random.Generator
) -> tuple[list[xgb.Booster], float]:
    """Refits under random weights, and the factor by which their spread is widened.

    The factor is found by simulation: outcomes are drawn from the fit itself, the procedure is refitted to them, and the factor
    is the one at which intervals of that width would have held the risks that the outcomes were drawn from.
    """
    X = feature_matrix(prepared.terms, prepared.arm, prepared.Z[0])
    weights, y = prepared.weights[0], prepared.y
    centre = _train(prepared, X, y, weights, settings, seed=0)
    truth = log_odds(centre, X)
    members = _reweighted(prepared, X, y, settings, MEMBERS, rng)
    deviations = []
    for _ in range(SIMULATIONS):
        drawn = (rng.random(len(prepared.rows)) < prepared.by_patient(expit(truth)[None])[0]).astype(np.float64)
        simulated = drawn[prepared.patient]
        refitted = log_odds(_train(prepared, X, simulated, weights, settings, seed=0), X)
        refits = _reweighted(prepared, X, simulated, settings, SIMULATION_MEMBERS, rng)
        spread = np.std([log_odds(member, X) for member in refits], axis=0)
        deviations.append(np.abs(refitted - truth) / np.maximum(spread, SMALLEST_SPREAD))
    factor = float(np.quantile(np.concatenate(deviations), NOMINAL)) / NORMAL_QUANTILE
    return members, max(1.0, factor)


def monotone_constraints(terms: Terms, study: Study) -> tuple[int, ...]:
    """One sign for each column of `feature_matrix`, 0 where the study expects no direction."""
    directions = tuple(int(study.expected_directions.get(column.field, 0)) for column in terms.columns)
    return (0, *directions) if terms.two_arms else directions


def as_bytes(booster: xgb.Booster) -> bytes:
    """XGBoost's own UBJSON."""
    return bytes(booster.save_raw("ubj"))


def from_bytes(content: bytes) -> xgb.Booster:
    """The inverse of `as_bytes`."""
    booster = xgb.Booster({"nthread": 1})
    booster.load_model(bytearray(content))
    return booster


def contributions(booster: xgb.Booster, features: Floats) -> Floats:
    """(n, columns + 1) exact tree Shapley values on the log-odds scale, the last is the expected value (Lundberg 2020)."""
    values: Floats = booster.predict(xgb.DMatrix(features, nthread=1), pred_contribs=True).astype(np.float64)
    return values


def _reweighted(
    prepared: PreparedRows, X: Floats, y: Floats, settings: BoostedSettings, count: int, rng: np.random.Generator
) -> list[xgb.Booster]:
    """Refits under exponential weights of the patients (Rubin 1981), not stratified: the response rate varies too."""
    return [
        _train(
            prepared,
            X,
            y,
            prepared.weights[0] * rng.exponential(size=len(prepared.rows))[prepared.patient],
            settings,
            seed=m,
        )
        for m in range(count)
    ]


def _train(
    prepared: PreparedRows, X: Floats, y: Floats, weights: Floats, settings: BoostedSettings, *, seed: int
) -> xgb.Booster:
    used = weights > 0
    rate = float(np.average(y[used], weights=weights[used]))
    total = float(weights[used].sum())
    parameters = {
        "objective": "binary:logistic",
        "base_score": float(np.clip(rate, 0.5 / total, 1 - 0.5 / total)),
        "max_depth": settings.depth,
        "eta": LEARNING_RATE,
        "min_child_weight": 3,
        "reg_lambda": 5,
        "subsample": 0.8,
        "tree_method": "hist",
        "max_bin": 64,
        "monotone_constraints": monotone_constraints(prepared.terms, prepared.rows.study),
        "nthread": 1,  # the same trees on every machine
        "seed": seed,
        "verbosity": 0,
    }
    data = xgb.DMatrix(X[used], label=y[used], weight=weights[used], nthread=1)
    return xgb.train(parameters, data, settings.rounds)
