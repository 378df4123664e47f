"""Weighted figures against worked examples, against scikit-learn, and against patients written out as often as they weigh."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from acrcast.validation.calibration import calibration_intercept, calibration_slope
from acrcast.validation.performance import c_statistic
from acrcast.validation.weighted import (
    both_classes,
    c_statistics,
    c_statistics_within,
    calibration_intercepts,
    calibration_slopes,
    weighted_mean,
)

Y = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
RISK = np.array([[0.9, 0.4, 0.4, 0.3, 0.8]])


def counted(seed, patients=30, sets=6):
    """Outcomes, risks with ties, and whole-number weights."""
    rng = np.random.default_rng(seed)
    y = (rng.random(patients) < 0.5).astype(float)
    y[:2] = [0.0, 1.0]
    risk = np.clip(np.round(rng.random((sets, patients)), 1 + seed % 3), 0.02, 0.98)
    weights = rng.integers(0, 4, (sets, patients)).astype(float)
    weights[:, :2] = 1.0
    return y, risk, weights


def test_c_by_hand():
    # pairs (responder, other): .9 above .4, .3, .8; .4 ties with .4, above .3, below .8: 4.5 of 6
    assert c_statistics(RISK, Y, np.ones((1, 5)))[0].tolist() == [0.75]
    # the responder at .4 counts twice, the other at .8 not at all: .9 above both (2), twice (.5 + 1): 5 of 6
    assert c_statistics(RISK, Y, np.array([[1.0, 1.0, 2.0, 1.0, 0.0]]))[0] == pytest.approx([5 / 6])


def test_c_within_arms_by_hand():
    arm = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    # .9 above .4 in one arm; .4 above .3 and below .8 in the other: 2 of 3; the responder at .4 twice: 3 of 5
    assert c_statistics_within(RISK, Y, arm, np.ones((1, 5)))[0] == pytest.approx([2 / 3])
    assert c_statistics_within(RISK, Y, arm, np.array([[1.0, 1.0, 2.0, 1.0, 1.0]]))[0] == pytest.approx([3 / 5])
    assert np.isnan(c_statistics_within(RISK, Y, arm, np.array([[1.0, 0.0, 0.0, 1.0, 1.0]]))[0]).all()


def test_one_sort_serves_several_kinds_of_weights():
    all_once, left_out = c_statistics(RISK, Y, np.ones((1, 5)), np.array([[0.0, 1.0, 1.0, 1.0, 1.0]]))
    assert all_once.tolist() == [0.75]
    assert left_out.tolist() == [0.5]


def test_risks_that_differ_by_rounding_only_are_ties():
    risk = np.array([[0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2, 0.3]])
    assert c_statistics(risk, Y, np.ones((1, 5)))[0].tolist() == [0.5]


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_class_has_no_c_no_slope_and_no_intercept(outcome):
    y, once = np.full(5, outcome), np.ones((1, 5))
    assert np.isnan(c_statistics(RISK, y, once)[0]).all()
    assert np.isnan(calibration_slopes(RISK, y, once)).all()
    assert np.isnan(calibration_intercepts(RISK, y, once)).all()
    assert not both_classes(y, once).any()


def test_classes_are_judged_among_the_patients_who_weigh():
    weights = np.array([[1.0, 0.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0, 0.0], np.zeros(5)])
    assert both_classes(Y, weights).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    "risk",
    [
        [0.5, 0.5, 0.5, 0.5, 0.5],  # does not vary
        [0.9, 0.1, 0.8, 0.2, 0.3],  # separates
        [0.1, 0.9, 0.2, 0.8, 0.7],  # separates the wrong way round
        [0.9, 0.4, 0.4, 0.3, 0.2],  # separates but for a tie, which leaves the slope infinite
    ],
)
def test_where_no_slope_is_finite_it_is_nan(risk):
    assert np.isnan(calibration_slopes(np.array([risk]), Y, np.ones((1, 5)))).all()


def test_a_set_without_a_slope_leaves_the_others_alone():
    risks = np.array([[0.9, 0.1, 0.8, 0.2, 0.3], RISK[0]])
    alone = calibration_slopes(RISK, Y, np.ones((1, 5)))
    assert calibration_slopes(risks, Y, np.ones((1, 5)))[1] == pytest.approx(alone[0], abs=1e-12)


def test_slopes_and_intercepts_of_r(reference, golden_table, golden_design):
    trial, external = golden_table("trial.csv"), golden_table("external.csv")
    coefficients = np.array(list(reference["logistic"]["coefficients"].values()))
    risk = 1 / (1 + np.exp(-golden_design(external) @ coefficients))[None]
    y, once = external["y"], np.ones((1, 500))
    assert calibration_slopes(risk, y, once)[0] == pytest.approx(0.5966504585003, abs=1e-8)
    assert calibration_intercepts(risk, y, once)[0] == pytest.approx(-0.7494974122971, abs=1e-8)
    assert c_statistics(risk, y, once)[0][0] == pytest.approx(0.6636383742493, abs=1e-10)
    assert weighted_mean((risk - y) ** 2, once)[0] == pytest.approx(0.2442654771131, abs=1e-10)
    assert len(trial["y"]) == 240


def test_the_intercept_of_equal_risks_moves_them_to_the_response_rate():
    # rate 2/5; log-odds(.4) - log-odds(.2) = ln(2/3) + ln(4)
    assert calibration_intercepts(np.full((1, 5), 0.2), Y, np.ones((1, 5))) == pytest.approx([np.log(8 / 3)])


def test_the_intercept_is_found_from_risks_of_nearly_0_and_1():
    risk = np.array([[1e-12, 1e-12, 1 - 1e-12, 1 - 1e-12, 1e-12]])
    # two respond: 3 expit(a - 27.63) + 2 expit(a + 27.63) = 2, where 3 e^(a - 27.63) = 2 e^(-a - 27.63)
    assert calibration_intercepts(risk, Y, np.ones((1, 5))) == pytest.approx([np.log(2 / 3) / 2], abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_c_of_real_weights_is_scikit_learns(seed):
    y, risk, weights = counted(seed)
    weights = weights * np.random.default_rng(seed).gamma(1.0, size=weights.shape)
    expected = [roc_auc_score(y, r, sample_weight=w) for r, w in zip(risk, weights, strict=True)]
    assert c_statistics(risk, y, weights)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_slopes_of_real_weights_are_scikit_learns(seed):
    y, risk, weights = counted(seed, patients=80)
    for r, w, slope in zip(risk, weights, calibration_slopes(risk, y, weights), strict=True):
        log_odds = np.log(r / (1 - r))[:, None]
        fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(log_odds, y, sample_weight=w)
        assert slope == pytest.approx(fit.coef_[0, 0], abs=1e-5)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_a_weight_of_k_is_the_patient_k_times(seed):
    y, risk, weights = counted(seed)
    c = c_statistics(risk, y, weights)[0]
    slopes, intercepts = calibration_slopes(risk, y, weights), calibration_intercepts(risk, y, weights)
    brier = weighted_mean((risk - y) ** 2, weights)
    for b, w in enumerate(weights.astype(int)):
        ys, rs = np.repeat(y, w), np.repeat(risk[b], w)
        assert c[b] == pytest.approx(c_statistic(rs, ys).value, abs=1e-12)
        assert brier[b] == pytest.approx(np.mean((rs - ys) ** 2), abs=1e-12)
        assert intercepts[b] == pytest.approx(calibration_intercept(rs, ys).value, abs=1e-8)
        if not np.isnan(slopes[b]):
            assert slopes[b] == pytest.approx(calibration_slope(rs, ys).value, rel=1e-6, abs=1e-6)


@given(arrays(float, 12, elements=st.floats(0.01, 0.99)), st.permutations(range(12)), st.floats(0.1, 50.0))
def test_neither_the_order_of_patients_nor_the_size_of_weights_matters(risk, order, factor):
    y, weights = np.tile([0.0, 1.0, 1.0], 4), np.arange(12.0)[None] + 1
    order = list(order)
    for figure in (lambda r, o, w: c_statistics(r, o, w)[0], calibration_intercepts):
        plain = figure(risk[None], y, weights)
        assert figure(risk[None, order], y[order], factor * weights[:, order]) == pytest.approx(plain, abs=1e-9)


@given(arrays(float, 12, elements=st.floats(0.01, 0.99).map(lambda v: round(v, 3))))
def test_c_of_the_opposite_outcome_is_its_complement(risk):
    y, weights = np.tile([0.0, 1.0, 1.0], 4), np.arange(12.0)[None] + 1
    forward, backward = c_statistics(risk[None], y, weights)[0], c_statistics(risk[None], 1 - y, weights)[0]
    assert forward + backward == pytest.approx([1.0], abs=1e-12)
    assert 0 <= forward[0] <= 1


def test_many_patients_are_worked_through_in_blocks(monkeypatch):
    y, risk, weights = counted(4, patients=50, sets=9)
    whole = (
        *c_statistics(risk, y, weights),
        calibration_slopes(risk, y, weights),
        calibration_intercepts(risk, y, weights),
    )
    monkeypatch.setattr("acrcast.validation.weighted.LARGEST_BLOCK", 100)
    parts = (
        *c_statistics(risk, y, weights),
        calibration_slopes(risk, y, weights),
        calibration_intercepts(risk, y, weights),
    )
    for one, other in zip(whole, parts, strict=True):
        assert other == pytest.approx(one, abs=1e-9, nan_ok=True)
