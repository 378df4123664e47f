"""Accuracy and discrimination, against R and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.validation.performance import (
    brier_score,
    c_statistic,
    log_loss,
    log_odds_of,
    scaled_brier_score,
)


@pytest.fixture(scope="module")
def fitted(golden_table, golden_design):
    """Outcomes of trial.csv and risks of its maximum likelihood model; the model's coefficients."""
    table = golden_table("trial.csv")
    X = golden_design(table)
    beta = fit_logistic(X[None], table["y"], np.ones((1, 240)), np.zeros(8)).coefficients[0]
    return table["y"], expit(X @ beta), beta


def test_figures_of_the_model_on_its_own_data_agree_with_r(fitted, reference):
    y, risk, _ = fitted
    expected = reference["logistic"]
    c = c_statistic(risk, y)
    assert brier_score(risk, y) == pytest.approx(expected["brier"], abs=1e-8)
    assert scaled_brier_score(risk, y) == pytest.approx(expected["scaled_brier"], abs=1e-8)
    assert log_loss(risk, y).mean() == pytest.approx(expected["log_loss"], abs=1e-8)
    assert c.value == pytest.approx(expected["auc"], abs=1e-8)
    np.testing.assert_allclose([c.low, c.high], expected["auc_ci95_delong"], rtol=0, atol=1e-8)


def test_figures_on_external_data_agree_with_r(fitted, golden_table, golden_design, reference):
    table = golden_table("external.csv")
    risk = expit(golden_design(table) @ fitted[2])
    expected = reference["calibration"]
    assert c_statistic(risk, table["y"]).value == pytest.approx(expected["auc"], abs=1e-8)
    assert brier_score(risk, table["y"]) == pytest.approx(expected["brier"], abs=1e-8)


def test_risks_in_both_arms_and_their_difference_agree_with_r(fitted, golden_table, golden_design, reference):
    table = golden_table("trial.csv")
    control, treated = (expit(golden_design(table, np.full(240, arm)) @ fitted[2]) for arm in (0.0, 1.0))
    expected = reference["benefit"]
    assert control.mean() == pytest.approx(expected["mean_control_risk"], abs=1e-8)
    assert treated.mean() == pytest.approx(expected["mean_treated_risk"], abs=1e-8)
    assert (treated - control).mean() == pytest.approx(expected["mean_benefit"], abs=1e-8)
    np.testing.assert_allclose(np.column_stack([control, treated])[:5], expected["first_five"], rtol=0, atol=1e-8)


def test_the_c_statistic_by_hand():
    # responders .9 and .4 against others .4, .2 and .7: 3 + 1.5 of 6 pairs, a tie counts half
    risk = np.array([0.9, 0.4, 0.4, 0.2, 0.7])
    assert c_statistic(risk, np.array([1.0, 1, 0, 0, 0])).value == pytest.approx(4.5 / 6)


def test_the_c_statistic_within_arms_by_hand():
    risk, y, arm = np.array([0.9, 0.4, 0.4, 0.2, 0.7]), np.array([1.0, 1, 0, 0, 0]), np.array([0.0, 1, 0, 1, 1])
    # in one arm .9 above .4; in the other .4 above .2 and below .7: 2 of 3 pairs
    assert c_statistic(risk, y, arm=arm).value == pytest.approx(2 / 3)


def test_arms_that_differ_do_not_make_patients_of_one_arm_differ():
    risk, arm = np.repeat([0.3, 0.6], 10), np.repeat([0.0, 1.0], 10)
    y = np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    assert c_statistic(risk, y).value > 0.6
    assert c_statistic(risk, y, arm=arm).value == 0.5


def test_delong_within_arms_is_the_mean_of_the_arms_weighted_by_their_pairs(fitted, golden_table):
    y, risk, _ = fitted
    arm = golden_table("trial.csv")["arm"]
    arms = [c_statistic(risk[arm == which], y[arm == which]) for which in (0.0, 1.0)]
    pairs = np.array([y[arm == which].sum() * (1 - y[arm == which]).sum() for which in (0.0, 1.0)])
    shares = pairs / pairs.sum()
    found = c_statistic(risk, y, arm=arm)
    assert found.value == pytest.approx(shares @ [one.value for one in arms], abs=1e-12)
    halves = np.array([(one.high - one.low) / 2 for one in arms])
    assert (found.high - found.low) / 2 == pytest.approx(np.sqrt(np.sum((shares * halves) ** 2)), abs=1e-12)


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8]), st.booleans()), min_size=2, max_size=30).filter(
        lambda patients: len({outcome for _, outcome in patients}) == 2
    )
)
def test_the_c_statistic_counts_pairs(patients):
    risk, y = (np.array(part, dtype=float) for part in zip(*patients, strict=True))
    pairs = [(a > b) + 0.5 * (a == b) for a in risk[y == 1] for b in risk[y == 0]]
    assert c_statistic(risk, y).value == pytest.approx(np.mean(pairs))


def test_equal_risks_have_a_c_statistic_of_one_half():
    c = c_statistic(np.full(6, 0.3), np.array([1.0, 0, 1, 0, 0, 0]))
    assert (c.value, c.low, c.high) == (0.5, 0.5, 0.5)


def test_a_wider_level_gives_a_wider_interval():
    rng = np.random.default_rng(0)
    risk = rng.random(60)
    y = (rng.random(60) < risk).astype(float)
    narrow, wide = c_statistic(risk, y, 0.5), c_statistic(risk, y, 0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


@pytest.mark.parametrize("y", [np.zeros(4), np.ones(4)])
def test_one_class_of_outcomes_cannot_be_judged(y):
    risk = np.array([0.1, 0.2, 0.6, 0.7])
    assert math.isnan(c_statistic(risk, y).value)
    assert math.isnan(scaled_brier_score(risk, y))


def test_one_responder_alone_can_be_judged():
    c = c_statistic(np.array([0.9, 0.2, 0.3]), np.array([1.0, 0, 0]))
    assert c.value == 1
    assert 0 <= c.low <= c.high <= 1


def test_the_log_loss_of_a_certain_error_is_finite():
    loss = log_loss(np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0]))
    np.testing.assert_allclose(loss, [12 * math.log(10)] * 2 + [0, 0], rtol=1e-4, atol=1e-11)


def test_log_odds_of_certainty_are_finite():
    np.testing.assert_allclose(log_odds_of(np.array([0.0, 0.5, 1.0])), [-27.631, 0, 27.631], rtol=0, atol=1e-3)


def test_quoting_the_rate_has_a_scaled_brier_score_of_zero_and_certainty_of_one():
    y = np.array([1.0, 0, 0, 1, 0])
    assert scaled_brier_score(np.full(5, 0.4), y) == pytest.approx(0)
    assert scaled_brier_score(y, y) == 1
