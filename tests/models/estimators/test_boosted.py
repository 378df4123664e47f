"""Boosted trees: what is tuned, the directions that they keep to, their contributions, and how far their members are spread."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost as xgb

from acrcast.estimators.boosted import (
    DEPTHS,
    ROUNDS,
    as_bytes,
    fit_point,
    log_odds,
    monotone_constraints,
    spread_by_disagreement,
    tune,
)
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.ensemble import BoostedEnsemble, LogisticEnsemble, feature_matrix
from acrcast.estimators.rows import prepare
from acrcast.estimators.trees import Trees


def resampled(trial):
    return prepare(trial.rows, np.ones((1, len(trial))), np.random.default_rng(0))


@pytest.fixture(scope="module")
def prepared(a_trial, ld_il2):
    return resampled(a_trial(ld_il2, 120, strength=2.0, missing=0.1))


@pytest.fixture(scope="module")
def booster(prepared):
    return fit_point(prepared, 0, np.random.default_rng(1))[0]


def test_the_arm_is_the_first_of_the_features_where_there_are_two(prepared):
    Z = prepared.Z[0, :3]
    features = feature_matrix(prepared.terms, TREATED, Z)
    assert features.shape == (3, 1 + Z.shape[1])
    assert (features[:, 0] == TREATED).all()
    np.testing.assert_array_equal(
        feature_matrix(prepared.terms, np.array([-0.5, 0.5, -0.5]), Z)[:, 0], [-0.5, 0.5, -0.5]
    )


def test_one_arm_has_no_arm_among_the_features(a_trial, one_arm):
    prepared = resampled(a_trial(one_arm, 30))
    np.testing.assert_array_equal(feature_matrix(prepared.terms, TREATED, prepared.Z[0]), prepared.Z[0])


def test_directions_are_those_that_the_study_expects(prepared, ld_il2, a_trial, one_arm):
    signs = dict(zip(prepared.terms.columns, monotone_constraints(prepared.terms, ld_il2)[1:], strict=True))
    expected = {column.field: sign for column, sign in signs.items() if sign}
    assert expected == {"disease_duration_years": -1, "haq_di": -1, "current_smoker": -1}
    assert monotone_constraints(resampled(a_trial(one_arm, 30)).terms, one_arm) == (0, 0, 0, 1, 0)


@pytest.mark.parametrize("field", ["haq_di", "current_smoker", "disease_duration_years"])
def test_more_of_what_is_expected_to_harm_never_raises_a_risk(prepared, booster, field):
    j = [column.field for column in prepared.terms.columns].index(field)
    steps = np.linspace(prepared.Z[0, :, j].min() - 1, prepared.Z[0, :, j].max() + 1, 40)
    for row in prepared.Z[0, ::10]:
        Z = np.repeat(row[None], len(steps), axis=0)
        Z[:, j] = steps
        for arm in (CONTROL, TREATED):
            assert (np.diff(log_odds(booster, feature_matrix(prepared.terms, arm, Z))) <= 0).all()


def test_depth_and_rounds_are_of_the_grid_and_the_same_for_the_same_seed(prepared):
    settings = tune(prepared, 0, np.random.default_rng(2))
    assert settings.depth in DEPTHS
    assert settings.rounds in ROUNDS
    assert settings == tune(prepared, 0, np.random.default_rng(2))


def test_without_any_effect_few_rounds_are_chosen(a_trial, auranofin):
    rounds = [
        tune(resampled(a_trial(auranofin, 100, seed=seed, strength=0.0)), 0, np.random.default_rng(seed)).rounds
        for seed in range(5)
    ]
    assert np.median(rounds) == min(ROUNDS)


def spread_of(prepared, point):
    """Standard deviations, by term, of members that were alike, where the trees say 0 and the linear model is `point`."""
    X = feature_matrix(prepared.terms, prepared.arm, prepared.Z[0])
    data = xgb.DMatrix(X, label=prepared.y, nthread=1)
    flat = xgb.train(
        {"objective": "binary:logistic", "eta": 0.0, "base_score": 0.5, "max_depth": 2, "nthread": 1}, data, 1
    )
    terms = prepared.terms
    linear = np.array([point.get(name, 0.0) for name in terms.names])
    trees = Trees.of(as_bytes(flat), X.shape[1])
    alike = BoostedEnsemble(trees, LogisticEnsemble(terms, linear, np.zeros((2000, terms.size))))
    spread = spread_by_disagreement(alike, prepared, np.random.default_rng(0)).logistic.members.std(axis=0)
    return dict(zip(terms.names, spread, strict=True))


@pytest.mark.parametrize(("intercept", "arm"), [(0.0, 0.0), (0.4, 0.0), (0.0, -0.6), (-0.2, 0.8)])
def test_members_are_spread_by_how_far_trees_and_linear_model_are_apart(a_trial, auranofin, intercept, arm):
    found = spread_of(resampled(a_trial(auranofin, 60)), {"intercept": intercept, "arm": arm})
    assert found.pop("intercept") == pytest.approx(abs(intercept), abs=0.002)
    assert found.pop("arm") == pytest.approx(abs(arm), abs=0.004)
    assert set(found.values()) == {0.0}


def test_with_one_arm_only_the_intercept_is_spread(a_trial, one_arm):
    found = spread_of(resampled(a_trial(one_arm, 30)), {"intercept": 0.5})
    assert found.pop("intercept") == pytest.approx(0.5, abs=0.002)
    assert set(found.values()) == {0.0}


def test_how_far_apart_is_a_root_mean_square_over_the_patients_by_their_weights(a_trial, auranofin):
    """0.3 and 0.5 apart for patients of weight 1 and 2, 9 for those of weight 0: sqrt((0.09 + 2 * 0.25) / 3)."""
    prepared = resampled(a_trial(auranofin, 60))
    weights, Z = np.zeros((1, 60)), np.zeros_like(prepared.Z)
    weights[0, :2] = 1, 2
    Z[0, :, 0] = 0.3, 0.5, *[9.0] * 58
    found = spread_of(replace(prepared, Z=Z, weights=weights), {prepared.terms.columns[0].name: 1.0})
    assert found["intercept"] == pytest.approx(0.44347, abs=0.002)
    assert found["arm"] == 0


def test_a_fold_with_nobody_in_it_is_passed_over(a_trial, auranofin):
    prepared = resampled(a_trial(auranofin, 60))
    weights = np.zeros((1, 60))
    weights[0, [*np.flatnonzero(prepared.y == 0)[:2], *np.flatnonzero(prepared.y == 1)[:2]]] = 1
    few = replace(prepared, weights=weights)
    assert tune(few, 0, np.random.default_rng(0)).rounds in ROUNDS


def test_rounds_one_by_one_give_the_trees_that_xgboosts_own_training_gives(prepared):
    booster, settings = fit_point(prepared, 0, np.random.default_rng(1))
    X = feature_matrix(prepared.terms, prepared.arm, prepared.Z[0])
    rate = np.average(prepared.y, weights=prepared.weights[0])
    parameters = {
        "objective": "binary:logistic",
        "base_score": rate,
        "max_depth": settings.depth,
        "eta": 0.05,
        "min_child_weight": 3,
        "reg_lambda": 5,
        "subsample": 0.8,
        "max_bin": 64,
        "monotone_constraints": monotone_constraints(prepared.terms, prepared.rows.study),
        "nthread": 1,
    }
    data = xgb.DMatrix(X, label=prepared.y, weight=prepared.weights[0], nthread=1)
    own = xgb.train(parameters, data, settings.rounds)
    np.testing.assert_array_equal(log_odds(booster, X), log_odds(own, X))


def test_an_incomplete_patients_copies_count_as_one_patient(a_trial, auranofin):
    trial = a_trial(auranofin, 60)
    study = replace(auranofin, expected_directions={})
    once = resampled(replace(trial, study=study))
    copied = replace(
        once,
        patient=np.repeat(np.arange(60), 10),
        Z=np.repeat(once.Z, 10, axis=1),
        weights=np.full((1, 600), 0.1),
    )
    base = [fit_point(p, 0, np.random.default_rng(1))[0] for p in (once, copied)]
    features = feature_matrix(once.terms, TREATED, once.Z[0])
    # subsampling draws rows, so that the trees differ a little
    assert np.abs(log_odds(base[0], features) - log_odds(base[1], features)).max() < 0.6
