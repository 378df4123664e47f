"""A fitted procedure as it is served: the estimate and its members, by either family."""

from dataclasses import replace

import numpy as np
import pytest

from acrcast.estimators.design import CONTROL, TREATED, Terms
from acrcast.estimators.ensemble import LogisticEnsemble


@pytest.fixture(scope="module", params=["hierarchical", "xgboost"])
def model(request, a_model, auranofin):
    return a_model(request.param, auranofin)


@pytest.fixture(scope="module")
def ensemble(model):
    return model.ensemble


def log_odds(model, Z):
    """(n, 2, 2, M) by members and estimate, of rows of which the first decides what is known."""
    known, below = ~np.isnan(Z[0]), np.zeros(Z.shape[1], dtype=bool)
    pattern = model.patterns.of(known, below)
    return model.ensemble.log_odds(pattern, Z, pattern.draws(Z), 2)


ARMS = [(0, TREATED), (1, CONTROL)]
Z = np.random.default_rng(1).standard_normal((5, 3))


def test_log_odds_of_a_logistic_model_by_hand(auranofin):
    point = np.array([0.1, 0.4, 1.0, 2.0, 3.0, -2.0])
    ensemble = LogisticEnsemble(Terms.of(auranofin), point, point[None])
    row = np.array([[0.5, -1.0, 2.0]])
    assert ensemble.estimate(TREATED, row)[0] == pytest.approx(0.1 + 0.2 + 0.5 - 2 + 6 - 2)
    assert ensemble.estimate(CONTROL, row)[0] == pytest.approx(0.1 - 0.2 + 0.5 - 2 + 6 + 2)


@pytest.mark.parametrize(("position", "arm"), ARMS)
def test_the_estimate_of_a_complete_row_is_the_same_for_all_members(model, position, arm):
    found = log_odds(model, Z)[:, position, 1]
    expected = model.ensemble.estimate(arm, Z)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], model.ensemble.size, axis=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize(("position", "arm"), ARMS)
def test_each_member_sees_its_own_draw_of_what_is_unknown(model, position, arm, lost):
    """As many complete rows as members, each completed by the draw of one of them."""
    holed = Z.copy()
    holed[:, lost] = np.nan
    found = log_odds(model, holed)[:, position]
    completed = model.completed(holed, np.zeros(holed.shape, dtype=bool))
    np.testing.assert_allclose(found[:, 1], model.ensemble.estimate(arm, completed), rtol=0, atol=1e-9)
    for m in (0, 1, model.ensemble.size - 1):
        alone = log_odds(model, completed[:, m])[:, position, 0, m]
        np.testing.assert_allclose(found[:, 0, m], alone, rtol=0, atol=1e-9)


def test_the_treated_arm_alone_is_that_of_both(model):
    pattern = model.patterns.of(np.ones(3, dtype=bool), np.zeros(3, dtype=bool))
    alone = model.ensemble.log_odds(pattern, Z, pattern.draws(Z), 1)
    np.testing.assert_allclose(alone[:, 0], log_odds(model, Z)[:, 0], rtol=0, atol=1e-12)


def contributions(model, row):
    pattern = model.patterns.of(np.ones(3, dtype=bool), np.zeros(3, dtype=bool))
    return model.ensemble.contributions(pattern, row, {})


@pytest.mark.parametrize(("position", "arm"), ARMS)
def test_contributions_and_what_is_left_add_up_to_the_estimate(model, position, arm):
    for row in Z[:, None]:
        values, left = contributions(model, row)
        assert values.shape == (2, 3)
        total = values[position].sum() + left[position]
        assert total == pytest.approx(model.ensemble.estimate(arm, row)[0], abs=5e-6)


def test_what_a_logistic_contribution_leaves_is_the_average_patient(a_model, auranofin):
    model, average = a_model("hierarchical", auranofin), np.zeros((1, 3))
    values, left = contributions(model, average)
    assert (values == 0).all()
    assert left[0] == pytest.approx(model.ensemble.estimate(TREATED, average)[0])


def test_a_modifier_contributes_differently_in_the_arms(a_model, auranofin):
    model, row = a_model("hierarchical", auranofin), Z[:1]
    (treated, control), _ = contributions(model, row)
    np.testing.assert_allclose(treated[:2], control[:2])
    assert treated[2] - control[2] == pytest.approx(row[0, 2] * model.ensemble.point[5])


@pytest.mark.parametrize(("position", "arm"), ARMS)
def test_every_second_member_of_boosted_trees_is_moved_by_what_they_differ_from_the_linear_model(
    a_model, auranofin, position, arm
):
    boosted = a_model("xgboost", auranofin)
    linear = replace(boosted, ensemble=boosted.ensemble.logistic)
    moved = (log_odds(boosted, Z) - log_odds(linear, Z))[:, position, 0]
    apart = boosted.ensemble.estimate(arm, Z) - linear.ensemble.estimate(arm, Z)
    assert np.abs(apart).max() > 0.1
    np.testing.assert_array_equal(moved[:, ::2], 0)
    np.testing.assert_allclose(
        moved[:, 1::2], np.repeat(apart[:, None], moved.shape[1] // 2, axis=1), rtol=0, atol=1e-9
    )


def test_the_estimate_of_many_draws_is_that_of_each(ensemble):
    drawn = np.random.default_rng(3).standard_normal((4, 7, 3))
    together = ensemble.estimate(TREATED, drawn)
    assert together.shape == (4, 7)
    np.testing.assert_allclose(together[:, 2], ensemble.estimate(TREATED, drawn[:, 2]), rtol=0, atol=1e-12)
