"""Boosted trees: what is tuned, the directions that they keep to, their contributions and their members."""

from dataclasses import replace

import numpy as np
import pytest

from acrcast.estimators.boosted import (
    DEPTHS,
    MEMBERS,
    ROUNDS,
    BoostedSettings,
    as_bytes,
    contributions,
    feature_matrix,
    fit_members,
    fit_point,
    from_bytes,
    log_odds,
    monotone_constraints,
    tune,
)
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.rows import prepare


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


def test_contributions_add_up_to_the_log_odds(prepared, booster):
    features = feature_matrix(prepared.terms, TREATED, prepared.Z[0])
    np.testing.assert_allclose(contributions(booster, features).sum(axis=1), log_odds(booster, features), atol=1e-5)


def test_a_booster_survives_the_way_to_bytes_and_back_exactly(prepared, booster):
    features = feature_matrix(prepared.terms, TREATED, prepared.Z[0])
    again = from_bytes(as_bytes(booster))
    np.testing.assert_array_equal(log_odds(again, features), log_odds(booster, features))
    assert as_bytes(again) == as_bytes(booster)


def test_members_differ_and_their_spread_is_never_narrowed(a_trial, auranofin):
    prepared = resampled(a_trial(auranofin, 60))
    members, factor = fit_members(prepared, BoostedSettings(1, 25), np.random.default_rng(0))
    features = feature_matrix(prepared.terms, TREATED, prepared.Z[0])
    assert len(members) == MEMBERS
    assert factor >= 1
    assert np.std([log_odds(member, features) for member in members], axis=0).min() > 0


def test_an_incomplete_patients_copies_count_as_one_patient(a_trial, auranofin):
    trial = a_trial(auranofin, 60)
    study = replace(auranofin, expected_directions={})
    once = resampled(replace(trial, study=study))
    copied = replace(
        once,
        patient=np.repeat(np.arange(60), 10),
        share=np.full(600, 0.1),
        Z=np.repeat(once.Z, 10, axis=1),
        weights=np.full((1, 600), 0.1),
    )
    base = [fit_point(p, 0, np.random.default_rng(1))[0] for p in (once, copied)]
    features = feature_matrix(once.terms, TREATED, once.Z[0])
    # subsampling draws rows, so that the trees differ a little
    assert np.abs(log_odds(base[0], features) - log_odds(base[1], features)).max() < 0.6
