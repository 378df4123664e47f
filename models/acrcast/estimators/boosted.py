"""Gradient-boosted trees by XGBoost, with defaults for small trials: shallow trees, strong shrinkage, monotone where the study
says so, and the arm as one of the columns."""  # noqa: D205, D209  one sentence

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import xgboost as xgb

from acrcast.arrays import Floats, FoldNumbers, Integers
from acrcast.estimators.block_design import LARGEST_KEPT, row_blocks
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
BINS = 64


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
    with xgb.config_context(nthread=1):  # the same trees on every machine
        settings = tune(prepared, resample, rng)
        return _train(prepared, resample, settings), settings


def log_odds(booster: xgb.Booster, features: Floats) -> Floats:
    """(n,) log-odds of the rows."""
    margin: Floats = booster.inplace_predict(features, predict_type="margin").astype(np.float64)
    return margin


def tune(prepared: PreparedRows, resample: int, rng: np.random.Generator) -> BoostedSettings:
    """Depth and rounds with the least cross-validated log loss inside the resample; ties go to the simpler."""
    fold = inner_folds(prepared, resample, FOLDS, rng)
    loss = np.zeros((len(DEPTHS), len(ROUNDS)))
    for k in range(FOLDS):
        if (fold == k).any():  # else there are fewer patients than folds
            loss += _left_out_loss(prepared, resample, fold, k)
    best_depth, best_rounds = np.unravel_index(np.argmin(loss), loss.shape)
    return BoostedSettings(DEPTHS[best_depth], ROUNDS[best_rounds])


def _left_out_loss(prepared: PreparedRows, resample: int, fold: FoldNumbers, k: int) -> Floats:
    """(depths, rounds) log loss, summed over the patients of fold `k`, of boosters fitted to the other folds."""
    inside, outside = np.flatnonzero((fold >= 0) & (fold != k)), np.flatnonzero(fold == k)
    data = _matrix(prepared, resample, inside)
    left_out = _matrix(prepared, resample, outside, like=data)
    y, weights = left_out.get_label().astype(np.float64), prepared.weights[resample, outside]
    loss = np.zeros((len(DEPTHS), len(ROUNDS)))
    for d, depth in enumerate(DEPTHS):
        booster = xgb.Booster(_parameters(prepared, resample, inside, depth), [data, left_out])
        for r, (first, last) in enumerate(zip((0, *ROUNDS), ROUNDS, strict=False)):
            _boost(booster, data, first, last)
            # XGBoost keeps the sums of earlier rounds for the matrices that it was given
            eta = booster.predict(left_out, output_margin=True).astype(np.float64)
            loss[d, r] = np.sum(weights * (log1p_exp(eta) - y * eta))
    return loss


def spread_by_disagreement(
    ensemble: BoostedEnsemble, prepared: PreparedRows, rng: np.random.Generator
) -> BoostedEnsemble:
    """The ensemble with its members' intercepts and arm effects spread by as much as trees and linear model are apart.

    Where the two differ, neither form is known to be right, and the truth may be as far from both as they are from each other.
    How far that is: the root mean square over the patients, for the log-odds averaged over the arms and for their contrast.
    """
    terms, Z, weights = prepared.terms, prepared.Z, prepared.weights[0]
    blocks = list(row_blocks(*Z.shape[1:]))
    treated, control = (
        np.concatenate([ensemble.disagreement(arm, Z[0, rows]) for rows in blocks])
        for arm in (TREATED, CONTROL if terms.two_arms else TREATED)
    )
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


def _train(prepared: PreparedRows, resample: int, settings: BoostedSettings) -> xgb.Booster:
    used = np.flatnonzero(prepared.weights[resample] > 0)
    data = _matrix(prepared, resample, used)
    booster = xgb.Booster(_parameters(prepared, resample, used, settings.depth), [data])
    _boost(booster, data, 0, settings.rounds)
    return booster.reset()


def _boost(booster: xgb.Booster, data: xgb.DMatrix, first: int, last: int) -> None:
    """Rounds `first` to `last` as `xgb.train` does them, whose callbacks would take a good part of the time of a small trial."""
    for iteration in range(first, last):
        booster.update(data, iteration)


def _matrix(prepared: PreparedRows, resample: int, rows: Integers, like: xgb.DMatrix | None = None) -> xgb.DMatrix:
    """These rows of a resample. like: the matrix that a booster is fitted to which is to predict for them.

    Many rows go into XGBoost's bins a block at a time; the trees are the same, for which few rows are not worth the calls.
    """
    if rows.size * prepared.Z.shape[2] <= LARGEST_KEPT:
        return xgb.DMatrix(**_part(prepared, resample, rows), nthread=1)
    return xgb.QuantileDMatrix(_Blocks(prepared, resample, rows), max_bin=BINS, ref=like, nthread=1)


def _part(prepared: PreparedRows, resample: int, rows: Integers) -> dict[str, Floats]:
    patient = prepared.patient[rows]
    arm, y = prepared.rows.arm[patient], prepared.rows.y[patient]
    features = feature_matrix(prepared.terms, arm, prepared.Z[resample, rows])
    return {"data": features, "label": y, "weight": prepared.weights[resample, rows]}


class _Blocks(xgb.DataIter):  # type: ignore[misc]  # xgboost has no type of it
    """The rows of a matrix, a block at a time, as often as XGBoost wants to go through them."""

    def __init__(self, prepared: PreparedRows, resample: int, rows: Integers) -> None:
        super().__init__(release_data=True)
        self._prepared, self._resample, self._rows = prepared, resample, rows
        self.reset()

    def next(self, input_data: Callable[..., None]) -> bool:
        block = next(self._left, None)
        if block is not None:
            input_data(**_part(self._prepared, self._resample, self._rows[block]))
        return block is not None

    def reset(self) -> None:
        self._left = row_blocks(len(self._rows), self._prepared.Z.shape[2])


def _parameters(prepared: PreparedRows, resample: int, rows: Integers, depth: int) -> dict[str, object]:
    y, weights = prepared.rows.y[prepared.patient[rows]], prepared.weights[resample, rows]
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
        "max_bin": BINS,
        "monotone_constraints": monotone_constraints(prepared.terms, prepared.rows.study),
        "nthread": 1,
        "seed": 0,
        "verbosity": 0,
    }
