"""Gradient-boosted trees by XGBoost, with defaults for small trials: shallow trees, strong shrinkage, monotone where the study
says so, and the arm as one of the columns."""  # noqa: D205, D209  one sentence

from dataclasses import dataclass, replace

import numpy as np
import xgboost as xgb

from acrcast.arrays import Floats
from acrcast.estimators.design import CONTROL, TREATED, Terms
from acrcast.estimators.ensemble import BoostedEnsemble, feature_matrix
from acrcast.estimators.folds import inner_folds
from acrcast.estimators.normal import latin_normal, log1p_exp
from acrcast.estimators.rows import PreparedRows
from acrcast.studies.study import Study

LEARNING_RATE = 0.05
DEPTHS = (1, 2)
ROUNDS = (10, 25, 50, 100, 150)
FOLDS = 5


@dataclass(frozen=True, slots=True)
class BoostedSettings:
    """What is tuned: depth of the trees and number of rounds."""

    depth: int
    rounds: int


def fit_boosted(prepared: PreparedRows, rng: np.random.Generator) -> list[xgb.Booster]:
    """One tuned booster for each resample."""
    return [fit_point(prepared, b, rng)[0] for b in range(len(prepared.weights))]


def fit_point(prepared: PreparedRows, resample: int, rng: np.random.Generator) -> tuple[xgb.Booster, BoostedSettings]:
    """The tuned booster of one resample, and what was chosen."""
    settings = tune(prepared, resample, rng)
    X = feature_matrix(prepared.terms, prepared.arm, prepared.Z[resample])
    return _train(prepared, X, prepared.weights[resample], settings), settings


def log_odds(booster: xgb.Booster, features: Floats) -> Floats:
    """(n,) log-odds of the rows."""
    margin: Floats = booster.inplace_predict(features, predict_type="margin").astype(np.float64)
    return margin


def tune(prepared: PreparedRows, resample: int, rng: np.random.Generator) -> BoostedSettings:
    """Depth and rounds with the least cross-validated log loss inside the resample; ties go to the simpler."""
    fold = inner_folds(prepared, resample, FOLDS, rng)
    X = feature_matrix(prepared.terms, prepared.arm, prepared.Z[resample])
    weights, y = prepared.weights[resample], prepared.y
    loss = np.zeros((len(DEPTHS), len(ROUNDS)))
    for k in range(FOLDS):
        inside, outside = (weights > 0) & (fold != k), fold == k
        if not outside.any():  # fewer patients than folds
            continue
        data, left_out = _matrix(X[inside], y[inside], weights[inside]), xgb.DMatrix(X[outside], nthread=1)
        for d, depth in enumerate(DEPTHS):
            booster = xgb.Booster(_parameters(prepared, y[inside], weights[inside], depth), [data, left_out])
            for r, (first, last) in enumerate(zip((0, *ROUNDS), ROUNDS, strict=False)):
                _boost(booster, data, first, last)
                # XGBoost keeps the sums of earlier rounds for the matrices that it was given
                eta = booster.predict(left_out, output_margin=True).astype(np.float64)
                loss[d, r] += np.sum(weights[outside] * (log1p_exp(eta) - y[outside] * eta))
    best_depth, best_rounds = np.unravel_index(np.argmin(loss), loss.shape)
    return BoostedSettings(DEPTHS[best_depth], ROUNDS[best_rounds])


def spread_by_disagreement(
    ensemble: BoostedEnsemble, prepared: PreparedRows, rng: np.random.Generator
) -> BoostedEnsemble:
    """The ensemble with its members' intercepts and arm effects spread by as much as trees and linear model are apart.

    Where the two differ, neither form is known to be right, and the truth may be as far from both as they are from each other.
    How far that is: the root mean square over the patients, for the log-odds averaged over the arms and for their contrast.
    """
    terms, Z, weights = prepared.terms, prepared.Z[0], prepared.weights[0]
    treated = ensemble.disagreement(TREATED, Z)
    control = ensemble.disagreement(CONTROL, Z) if terms.two_arms else treated
    apart = [(treated + control) / 2, treated - control][: terms.first_measure]
    spread = np.sqrt([np.average(part**2, weights=weights) for part in apart])
    members = ensemble.logistic.members.copy()
    members[:, : terms.first_measure] += spread * latin_normal((len(members), terms.first_measure), rng)
    return replace(ensemble, logistic=replace(ensemble.logistic, members=members))


def monotone_constraints(terms: Terms, study: Study) -> tuple[int, ...]:
    """One sign for each column of `feature_matrix`, 0 where the study expects no direction."""
    directions = tuple(int(study.expected_directions.get(column.field, 0)) for column in terms.columns)
    return (0, *directions) if terms.two_arms else directions


def as_bytes(booster: xgb.Booster) -> bytes:
    """XGBoost's own UBJSON."""
    return bytes(booster.save_raw("ubj"))


def _train(prepared: PreparedRows, X: Floats, weights: Floats, settings: BoostedSettings) -> xgb.Booster:
    used = weights > 0
    data = _matrix(X[used], prepared.y[used], weights[used])
    booster = xgb.Booster(_parameters(prepared, prepared.y[used], weights[used], settings.depth), [data])
    _boost(booster, data, 0, settings.rounds)
    return booster.reset()


def _boost(booster: xgb.Booster, data: xgb.DMatrix, first: int, last: int) -> None:
    """Rounds `first` to `last` as `xgb.train` does them, whose callbacks would take a good part of the time of a small trial."""
    for iteration in range(first, last):
        booster.update(data, iteration)


def _matrix(X: Floats, y: Floats, weights: Floats) -> xgb.DMatrix:
    return xgb.DMatrix(X, label=y, weight=weights, nthread=1)


def _parameters(prepared: PreparedRows, y: Floats, weights: Floats, depth: int) -> dict[str, object]:
    rate, total = float(np.average(y, weights=weights)), float(weights.sum())
    return {
        "objective": "binary:logistic",
        "base_score": float(np.clip(rate, 0.5 / total, 1 - 0.5 / total)),
        "max_depth": depth,
        "eta": LEARNING_RATE,
        "min_child_weight": 3,
        "reg_lambda": 5,
        "subsample": 0.8,
        "tree_method": "hist",
        "max_bin": 64,
        "monotone_constraints": monotone_constraints(prepared.terms, prepared.rows.study),
        "nthread": 1,  # the same trees on every machine
        "seed": 0,
        "verbosity": 0,
    }
