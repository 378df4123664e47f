"""Net benefit: R's answers, cases worked by hand, and its identities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.validation.net_benefit import corrected_net_benefit, net_benefit, net_benefit_gain

SEEDS = st.integers(0, 10_000)
# One responder and one other at each of four risks, and a fifth risk with a responder.
RISK = np.array([0.1, 0.1, 0.3, 0.3, 0.5, 0.5, 0.7, 0.7, 0.9, 0.9])
Y = np.array([0.0, 0, 0, 1, 0, 1, 0, 1, 1, 1])


@pytest.fixture(scope="module")
def external(golden_table, golden_design):
    """Risks of trial.csv's model for the patients of external.csv, and their outcomes."""
    trial, table = golden_table("trial.csv"), golden_table("external.csv")
    fit = fit_logistic(golden_design(trial)[None], trial["y"], np.ones((1, 240)), np.zeros(8))
    return expit(golden_design(table) @ fit.coefficients[0]), table["y"]


def made_up(seed, n=80):
    rng = np.random.default_rng(seed)
    risk = np.round(rng.random(n), 2)
    return risk, (rng.random(n) < risk).astype(float), rng


def test_net_benefit_agrees_with_r(external, reference):
    expected = reference["net_benefit"]
    found = net_benefit(*external, np.array(expected["threshold"]))
    np.testing.assert_allclose(found.model, expected["model"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.treat_all, expected["treat_all"], rtol=0, atol=1e-8)


def test_net_benefit_by_hand():
    # at .5 (a risk of exactly .5 is treated): 4 responders and 2 others treated, 4/10 - 2/10 * 1 = .2; all: .5 - .5 = 0
    # at .2: 5 responders, 3 others, 5/10 - 3/10 * .25 = .425; all: .5 - .5 * .25 = .375
    found = net_benefit(RISK, Y, np.array([0.5, 0.2]))
    np.testing.assert_allclose(found.model, [0.2, 0.425], atol=1e-15)
    np.testing.assert_allclose(found.treat_all, [0, 0.375], atol=1e-15)
    np.testing.assert_allclose(found.gain, [0.2, 0.05], atol=1e-15)


@given(seed=SEEDS)
def test_treating_no_one_is_0_and_so_is_a_model_whose_risks_are_all_below(seed):
    risk, y, _ = made_up(seed)
    found = net_benefit(risk / 2, y, np.linspace(0.51, 0.99, 20))
    assert (found.treat_none == 0).all()
    assert (found.model == 0).all()


@given(seed=SEEDS)
def test_a_model_whose_risks_are_all_above_treats_everyone(seed):
    risk, y, _ = made_up(seed)
    found = net_benefit(0.5 + risk / 2, y, np.linspace(0, 0.5, 20))
    np.testing.assert_allclose(found.model, found.treat_all, atol=1e-12)


@given(seed=SEEDS)
def test_at_threshold_0_net_benefit_is_the_response_rate(seed):
    risk, y, _ = made_up(seed)
    assert net_benefit(risk, y, np.zeros(1)).model[0] == pytest.approx(y.mean())


@given(seed=SEEDS)
def test_no_model_beats_one_that_knows_the_outcome(seed):
    risk, y, _ = made_up(seed)
    thresholds = np.linspace(0.01, 0.99, 30)
    np.testing.assert_allclose(net_benefit(y, y, thresholds).model, y.mean(), atol=1e-12)
    assert (net_benefit(risk, y, thresholds).model <= y.mean() + 1e-12).all()


@given(seed=SEEDS)
def test_neither_the_order_of_patients_nor_of_thresholds_matters(seed):
    risk, y, rng = made_up(seed)
    thresholds = np.linspace(0.1, 0.9, 9)
    patients, places = rng.permutation(len(y)), rng.permutation(9)
    found = net_benefit(risk[patients], y[patients], thresholds[places]).model
    np.testing.assert_allclose(found, net_benefit(risk, y, thresholds).model[places], atol=1e-14)


def test_the_gain_has_the_interval_of_resampled_patients():
    risk, y, rng = made_up(1, n=60)
    thresholds = np.array([0.6, 0.3])
    gains = []
    for _ in range(4000):
        drawn = rng.integers(60, size=60)
        gains.append(net_benefit(risk[drawn], y[drawn], thresholds).gain)
    found = net_benefit_gain(risk, y, thresholds, resamples=4000, rng=np.random.default_rng(2))
    np.testing.assert_allclose(found.value, net_benefit(risk, y, thresholds).gain)
    np.testing.assert_allclose([found.low, found.high], np.quantile(gains, [0.025, 0.975], axis=0), atol=0.01)


def test_the_gain_of_treating_everyone_over_itself_is_never_more_than_0():
    y = np.tile([0.0, 1, 1], 20)
    found = net_benefit_gain(np.full(60, 0.9), y, np.array([0.2, 0.8]), rng=np.random.default_rng(3))
    assert (found.value[0], found.low[0], found.high[0]) == pytest.approx((0, 0, 0), abs=1e-12)
    assert found.high[1] <= 0


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_class_of_outcomes_is_judged(outcome):
    found = net_benefit_gain(RISK, np.full(10, outcome), np.array([0.4]), rng=np.random.default_rng(4))
    assert np.isfinite([found.value, found.low, found.high]).all()


def test_optimism_by_hand():
    # One resample: the first responder at risk .3 twice, in the place of the other at .3; all else once.
    # At .5 by the same risks: in the resample 4/10 - 2/10 = .2, in all patients .2: none. At .2: in the resample
    # 6 responders, 2 others, 6/10 - 2/10 * .25 = .55, in all patients .425: optimism .125.
    weights = np.array([[1.0, 1, 0, 2, 1, 1, 1, 1, 1, 1]])
    found = corrected_net_benefit(RISK, RISK[None], weights, Y, np.array([0.2, 0.5]))
    np.testing.assert_allclose(found.optimism, [0.125, 0], atol=1e-15)
    np.testing.assert_allclose(found.corrected, [0.3, 0.2], atol=1e-15)
    assert (found.resamples, found.failed) == (1, 0)


@given(seed=SEEDS)
def test_optimism_is_the_mean_over_resamples_of_copied_patients(seed):
    risk, y, rng = made_up(seed, n=40)
    thresholds = np.array([0.7, 0.2, 0.5])
    drawn = rng.integers(40, size=(6, 40))
    weights = np.stack([np.bincount(d, minlength=40) for d in drawn]).astype(float)
    risks = np.clip(risk + 0.2 * rng.standard_normal((6, 40)), 0, 1)
    expected = np.mean(
        [
            net_benefit(risks[b][drawn[b]], y[drawn[b]], thresholds).model - net_benefit(risks[b], y, thresholds).model
            for b in range(6)
        ],
        axis=0,
    )
    found = corrected_net_benefit(risk, risks, weights, y, thresholds)
    np.testing.assert_allclose(found.optimism, expected, atol=1e-12)
    scaled = corrected_net_benefit(risk, risks, weights / 40, y, thresholds)
    np.testing.assert_allclose(scaled.optimism, expected, atol=1e-12)


def test_failed_resamples_are_left_out_and_counted():
    risks = np.stack([RISK, RISK, RISK])
    risks[1, 4] = np.nan
    found = corrected_net_benefit(RISK, risks, np.ones((3, 10)), Y, np.array([0.5]))
    assert (found.resamples, found.failed, found.optimism[0]) == (2, 1, 0)
    none = corrected_net_benefit(RISK, risks[1:2], np.ones((1, 10)), Y, np.array([0.5]))
    assert (none.resamples, none.failed) == (0, 1)
    assert np.isnan(none.corrected).all()


@pytest.mark.parametrize(
    ("risk", "threshold", "said"),
    [(1.2, 0.5, "risks"), (np.nan, 0.5, "risks"), (0.5, 1.0, "thresholds"), (0.5, -0.1, "thresholds")],
)
def test_impossible_values_are_refused_by_name(risk, threshold, said):
    with pytest.raises(ValueError, match=said):
        net_benefit(np.array([0.2, risk]), np.array([0.0, 1]), np.array([threshold]))


def test_no_patients_are_refused():
    with pytest.raises(ValueError, match="patient"):
        net_benefit(np.empty(0), np.empty(0), np.array([0.5]))
