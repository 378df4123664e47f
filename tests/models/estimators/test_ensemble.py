"""A fitted procedure as it is served: the estimate and its members, by either family."""

import numpy as np
import pytest

from acrcast.estimators.design import CONTROL, TREATED, Terms
from acrcast.estimators.ensemble import LogisticEnsemble


@pytest.fixture(scope="module")
def logistic(auranofin):
    rng = np.random.default_rng(0)
    terms = Terms.of(auranofin)
    return LogisticEnsemble(terms, rng.standard_normal(6), rng.standard_normal((20, 6)))


@pytest.fixture(scope="module", params=["hierarchical", "xgboost"])
def ensemble(request, a_model, auranofin):
    return a_model(request.param, auranofin).ensemble


Z = np.random.default_rng(1).standard_normal((5, 3))


def test_log_odds_of_a_logistic_model_by_hand(auranofin):
    point = np.array([0.1, 0.4, 1.0, 2.0, 3.0, -2.0])
    ensemble = LogisticEnsemble(Terms.of(auranofin), point, point[None])
    row = np.array([[0.5, -1.0, 2.0]])
    assert ensemble.estimate(TREATED, row)[0] == pytest.approx(0.1 + 0.2 + 0.5 - 2 + 6 - 2)
    assert ensemble.estimate(CONTROL, row)[0] == pytest.approx(0.1 - 0.2 + 0.5 - 2 + 6 + 2)


@pytest.mark.parametrize("arm", [CONTROL, TREATED])
def test_members_agree_on_a_row_whether_it_is_complete_or_drawn(ensemble, arm):
    drawn = np.repeat(Z[:, None, :], ensemble.size, axis=1)
    np.testing.assert_allclose(
        ensemble.members_of_complete(arm, Z), ensemble.members_of_drawn(arm, drawn), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("arm", [CONTROL, TREATED])
def test_each_member_sees_its_own_draw(ensemble, arm):
    drawn = np.random.default_rng(2).standard_normal((4, ensemble.size, 3))
    together = ensemble.members_of_drawn(arm, drawn)
    for m in (0, ensemble.size // 2, ensemble.size - 1):
        alone = ensemble.members_of_complete(arm, drawn[:, m])[:, m]
        np.testing.assert_allclose(together[:, m], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("arm", [CONTROL, TREATED])
def test_contributions_and_what_is_left_add_up_to_the_estimate(ensemble, arm):
    values, left = ensemble.contributions(arm, Z)
    assert values.shape == (5, 3)
    np.testing.assert_allclose(values.sum(axis=1) + left, ensemble.estimate(arm, Z), rtol=0, atol=2e-6)


def test_what_a_logistic_contribution_leaves_is_the_average_patient(logistic):
    values, left = logistic.contributions(TREATED, np.zeros((1, 3)))
    assert (values == 0).all()
    assert left[0] == pytest.approx(logistic.estimate(TREATED, np.zeros((1, 3)))[0])


def test_a_modifier_contributes_differently_in_the_arms(logistic):
    treated, control = (logistic.contributions(arm, Z)[0] for arm in (TREATED, CONTROL))
    np.testing.assert_allclose(treated[:, :2], control[:, :2])
    np.testing.assert_allclose(treated[:, 2] - control[:, 2], Z[:, 2] * logistic.point[5])


@pytest.fixture(scope="module")
def boosted(a_model, auranofin):
    return a_model("xgboost", auranofin).ensemble


@pytest.mark.parametrize("arm", [CONTROL, TREATED])
def test_every_second_member_of_boosted_trees_is_moved_by_what_they_differ_from_the_linear_model(boosted, arm):
    moved = boosted.members_of_complete(arm, Z) - boosted.logistic.members_of_complete(arm, Z)
    apart = boosted.estimate(arm, Z) - boosted.logistic.estimate(arm, Z)
    assert np.abs(apart).max() > 0.1
    np.testing.assert_array_equal(moved[:, ::2], 0)
    np.testing.assert_allclose(moved[:, 1::2], np.repeat(apart[:, None], boosted.size // 2, axis=1), rtol=0, atol=1e-9)


def test_the_estimate_of_many_draws_is_that_of_each(ensemble):
    drawn = np.random.default_rng(3).standard_normal((4, 7, 3))
    together = ensemble.estimate(TREATED, drawn)
    assert together.shape == (4, 7)
    np.testing.assert_allclose(together[:, 2], ensemble.estimate(TREATED, drawn[:, 2]), rtol=0, atol=1e-12)
