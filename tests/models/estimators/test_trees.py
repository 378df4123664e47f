"""Boosted trees as arrays: XGBoost's own predictions, and Shapley values by their definition."""

import json
import subprocess
import sys
from itertools import combinations
from math import factorial

import numpy as np
import pytest
import xgboost as xgb

from acrcast.estimators.one_walk import OneWalk
from acrcast.estimators.trees import Trees


def boosted(seed, features, depth, rounds=150):
    """XGBoost's booster of a made-up trial, with the settings of `fit_boosted`, and rows to predict."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((200, features))
    X[:, 0] = rng.choice([-0.5, 0.5], 200)
    y = (X[:, 0] + X[:, -1] + rng.standard_normal(200) > 0).astype(float)
    settings = {
        "objective": "binary:logistic",
        "base_score": float(y.mean()),
        "max_depth": depth,
        "eta": 0.05,
        "min_child_weight": 3,
        "reg_lambda": 5,
        "subsample": 0.8,
        "nthread": 1,
        "seed": seed,
    }
    data = xgb.DMatrix(X, label=y, weight=rng.exponential(size=200), nthread=1)
    booster = xgb.train(settings, data, rounds)
    # rows of the trial lie on both sides of every threshold, some exactly on it
    return booster, np.concatenate([X, rng.standard_normal((1000, features))])


def trees_of(booster):
    return Trees.of(bytes(booster.save_raw("ubj")), booster.num_features())


@pytest.mark.parametrize("features", [1, 4, 18])
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_log_odds_are_those_of_xgboost_to_the_last_bit(features, depth, seed):
    booster, X = boosted(seed, features, depth)
    margin = booster.inplace_predict(X, predict_type="margin")
    np.testing.assert_array_equal(trees_of(booster).log_odds(X).astype(np.float32), margin)


@pytest.mark.parametrize("rows", [1, 2, 3, 64, 109, 110])
def test_log_odds_are_those_of_xgboost_for_any_number_of_rows(rows):
    booster, X = boosted(4, 4, 2)
    margin = booster.inplace_predict(X[:rows], predict_type="margin")
    np.testing.assert_array_equal(trees_of(booster).log_odds(X[:rows]).astype(np.float32), margin)


@pytest.mark.parametrize("features", [1, 4, 18])
@pytest.mark.parametrize("depth", [1, 2])
def test_contributions_are_those_of_xgboost_in_its_single_precision(features, depth):
    booster, X = boosted(3, features, depth)
    expected = booster.predict(xgb.DMatrix(X, nthread=1), pred_contribs=True)
    np.testing.assert_allclose(trees_of(booster).contributions(X), expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("depth", [1, 2])
def test_contributions_add_up_to_the_log_odds(depth):
    booster, X = boosted(4, 6, depth)
    trees = trees_of(booster)
    np.testing.assert_allclose(trees.contributions(X).sum(axis=1), trees.log_odds(X), rtol=0, atol=5e-6)


def expected_of(tree, row, known):
    """What one tree of XGBoost's dump is expected to give when only some features are known, the rest averaged by cover."""
    if "leaf" in tree:
        return tree["leaf"]
    yes, no = sorted(tree["children"], key=lambda child: child["nodeid"] != tree["yes"])
    feature = int(tree["split"][1:])
    if feature in known:
        return expected_of(yes if np.float32(row[feature]) < tree["split_condition"] else no, row, known)
    share = yes["cover"] / tree["cover"]
    return share * expected_of(yes, row, known) + (1 - share) * expected_of(no, row, known)


def test_contributions_are_shapley_values_by_their_definition():
    booster, X = boosted(5, 4, 2, rounds=12)
    dump = [json.loads(tree) for tree in booster.get_dump(with_stats=True, dump_format="json")]
    for row in X[:5]:
        for j in range(4):
            others = [k for k in range(4) if k != j]
            value = sum(
                factorial(size)
                * factorial(3 - size)
                / factorial(4)
                * sum(expected_of(tree, row, {*known, j}) - expected_of(tree, row, {*known}) for tree in dump)
                for size in range(4)
                for known in combinations(others, size)
            )
            assert trees_of(booster).contributions(row[None])[0, j] == pytest.approx(value, abs=1e-5)


def test_one_row_many_rows_and_draws_are_predicted_alike():
    booster, X = boosted(6, 4, 2)
    trees = trees_of(booster)
    together = trees.log_odds(X[:12].reshape(3, 4, 4))
    np.testing.assert_array_equal(together, trees.log_odds(X[:12]).reshape(3, 4))
    np.testing.assert_array_equal(trees.log_odds(X[:1]), together[0, :1])


@pytest.mark.parametrize("depth", [1, 2])
def test_one_patient_in_both_arms_is_predicted_as_two_rows_are(depth):
    booster, X = boosted(8, 6, depth)
    trees, rows = trees_of(booster), np.repeat(X[:40], 2, axis=0)
    rows[::2, 0], rows[1::2, 0] = 0.5, -0.5
    walk = OneWalk(trees, np.hstack([trees.where_first_is(0.5), trees.where_first_is(-0.5)]), 1, np.array([0, 1, 3]))
    expected, shares = trees.log_odds(rows).reshape(-1, 2), trees.contributions(rows).reshape(-1, 2, 7)
    for k in range(40):
        log_odds, added, left = walk.of(rows[2 * k, 1:].astype(np.float32))
        np.testing.assert_array_equal(log_odds, expected[k])
        # the second part has two columns, the third too; the arm's own share is left
        parts = np.stack(
            [shares[k, :, 1], shares[k, :, 2] + shares[k, :, 3], shares[k, :, 4] + shares[k, :, 5]], axis=1
        )
        np.testing.assert_allclose(added, parts, rtol=0, atol=1e-12)
        np.testing.assert_allclose(left, shares[k, :, 0] + shares[k, :, 6], rtol=0, atol=1e-12)


def test_one_patient_without_arms_is_predicted_as_a_row_is():
    booster, X = boosted(9, 4, 2)
    trees = trees_of(booster)
    walk = OneWalk(trees, np.zeros((len(trees.leaf), 1), dtype=np.uint8), 0, np.arange(4))
    for row in X[:40]:
        log_odds, added, left = walk.of(row.astype(np.float32))
        np.testing.assert_array_equal(log_odds, trees.log_odds(row[None]))
        np.testing.assert_allclose(added, trees.contributions(row[None])[:, :4], rtol=0, atol=1e-12)
        np.testing.assert_allclose(left, trees.left)


def test_trees_deeper_than_acrcast_trains_are_refused():
    booster, _ = boosted(7, 4, 3, rounds=5)
    with pytest.raises(ValueError, match="deeper than 2"):
        trees_of(booster)


def test_xgboost_is_not_imported():
    code = "import sys; import acrcast.artefact, acrcast.answer; assert not {'xgboost', 'sklearn', 'scipy'} & sys.modules.keys()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
