"""Newton's iteration for many fits: R's answers, and what a batch must have in common with fits one by one."""

import numpy as np
import pytest

from acrcast.estimators.newton import fit_logistic, log_determinant, weighted_products
from acrcast.estimators.normal import expit

TERMS = ("(Intercept)", "arm", "treg", "il21", "haq", "log(crp)", "arm:treg", "arm:il21")
FLAT = np.zeros(8)


def made_up(n=60, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.standard_normal((n, p - 1))])
    y = (rng.random(n) < expit(X @ np.linspace(0.5, -0.5, p))).astype(float)
    return X, y


def one_fit(X, y, weights=None, precision=None, **options):
    weights = np.ones(len(y)) if weights is None else weights
    precision = np.zeros(X.shape[1]) if precision is None else precision
    return fit_logistic(X[None], y, weights[None], precision, **options)


@pytest.fixture(scope="module")
def trial(golden_table):
    return golden_table("trial.csv")


def test_maximum_likelihood_agrees_with_r(trial, golden_design, reference):
    fit = one_fit(golden_design(trial), trial["y"])
    expected = reference["logistic"]
    errors = np.sqrt(np.diag(np.linalg.inv(fit.information[0])))
    np.testing.assert_allclose(fit.coefficients[0], [expected["coefficients"][t] for t in TERMS], rtol=0, atol=1e-8)
    np.testing.assert_allclose(errors, [expected["standard_errors"][t] for t in TERMS], rtol=0, atol=1e-8)
    assert fit.log_likelihood[0] == pytest.approx(expected["log_likelihood"], abs=1e-8)
    assert fit.converged.all()


@pytest.mark.parametrize("penalty", [1, 4, 16])
def test_ridge_agrees_with_r_on_standardised_columns(trial, golden_design, reference, penalty):
    X = golden_design(trial)
    X[:, 1:] = (X[:, 1:] - X[:, 1:].mean(axis=0)) / X[:, 1:].std(axis=0)
    fit = one_fit(X, trial["y"], precision=np.array([0, 0] + [penalty] * 6, dtype=float))
    expected = [reference["ridge"][str(penalty)][t] for t in TERMS]
    np.testing.assert_allclose(fit.coefficients[0], expected, rtol=0, atol=1e-8)


def test_ridge_penalties_in_one_batch_agree_with_r(trial, golden_design, reference):
    X = golden_design(trial)
    X[:, 1:] = (X[:, 1:] - X[:, 1:].mean(axis=0)) / X[:, 1:].std(axis=0)
    precision = np.outer([1, 4, 16], [0, 0, 1, 1, 1, 1, 1, 1]).astype(float)
    fit = fit_logistic(X[None], trial["y"], np.ones((3, 240)), precision)
    expected = [[reference["ridge"][penalty][t] for t in TERMS] for penalty in ("1", "4", "16")]
    np.testing.assert_allclose(fit.coefficients, expected, rtol=0, atol=1e-8)


def test_firth_agrees_with_r_on_separated_data(golden_table, reference):
    table = golden_table("separated.csv")
    X = np.column_stack([np.ones(40), table["arm"], table["treg"], table["marker"]])
    fit = one_fit(X, table["y"], firth=True)
    expected = reference["firth"]
    terms = ("(Intercept)", "arm", "treg", "marker")
    errors = np.sqrt(np.diag(np.linalg.inv(fit.information[0])))
    np.testing.assert_allclose(fit.coefficients[0], [expected["coefficients"][t] for t in terms], rtol=0, atol=1e-6)
    np.testing.assert_allclose(errors, [expected["standard_errors"][t] for t in terms], rtol=0, atol=1e-6)
    assert expit(X @ fit.coefficients[0]).mean() == pytest.approx(expected["mean_prediction"], abs=1e-6)
    assert fit.converged.all()


@pytest.mark.parametrize("firth", [False, True])
def test_a_batch_gives_what_fits_one_by_one_give(firth):
    rng = np.random.default_rng(1)
    X, y = made_up()
    designs = X + 0.1 * rng.standard_normal((5, *X.shape))
    weights = rng.exponential(size=(5, len(y)))
    precision = rng.uniform(0.1, 3, (5, 4))
    batch = fit_logistic(designs, y, weights, precision, firth=firth)
    for b in range(5):
        alone = fit_logistic(designs[b : b + 1], y, weights[b : b + 1], precision[b], firth=firth)
        np.testing.assert_allclose(batch.coefficients[b], alone.coefficients[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(batch.information[b], alone.information[0], rtol=1e-8)
        assert batch.log_likelihood[b] == pytest.approx(alone.log_likelihood[0], abs=1e-9)


@pytest.mark.parametrize("firth", [False, True])
@pytest.mark.parametrize("fits", [2, 9])  # fewer and more fits than terms take different ways through the products
def test_a_shared_design_gives_what_repeating_it_gives(firth, fits):
    X, y = made_up()
    weights = np.random.default_rng(2).exponential(size=(fits, len(y)))
    shared = fit_logistic(X[None], y, weights, np.full(4, 0.2), firth=firth)
    repeated = fit_logistic(np.repeat(X[None], fits, axis=0), y, weights, np.full(4, 0.2), firth=firth)
    np.testing.assert_allclose(shared.coefficients, repeated.coefficients, rtol=0, atol=1e-9)
    np.testing.assert_allclose(shared.information, repeated.information, rtol=1e-8)


@pytest.mark.parametrize("firth", [False, True])
def test_a_weight_counts_as_that_many_patients(firth):
    X, y = made_up(n=40)
    times = np.random.default_rng(3).integers(0, 4, 40)
    weighted = one_fit(X, y, times.astype(float), firth=firth)
    replicated = one_fit(np.repeat(X, times, axis=0), np.repeat(y, times), firth=firth)
    np.testing.assert_allclose(weighted.coefficients, replicated.coefficients, rtol=0, atol=1e-8)
    np.testing.assert_allclose(weighted.information, replicated.information, rtol=1e-8)


def test_each_fit_may_have_its_own_outcomes():
    X, y = made_up()
    both = fit_logistic(X[None], np.stack([y, 1 - y]), np.ones((2, len(y))), np.ones(4))
    np.testing.assert_allclose(both.coefficients[0], -both.coefficients[1], rtol=0, atol=1e-9)


def test_fractional_outcomes_are_fitted_exactly_where_a_logistic_model_made_them():
    X, _ = made_up()
    truth = np.array([0.3, -1.2, 0.8, 2.0])
    fit = one_fit(X, expit(X @ truth))
    np.testing.assert_allclose(fit.coefficients[0], truth, rtol=0, atol=1e-8)


def test_a_fractional_outcome_is_a_patient_split_into_responder_and_not():
    X, y = made_up(n=30)
    half = np.where(np.arange(30) < 10, 0.25, y)
    split = one_fit(
        np.concatenate([X, X[:10]]),
        np.concatenate([np.where(np.arange(30) < 10, 1.0, y), np.zeros(10)]),
        np.concatenate([np.where(np.arange(30) < 10, 0.25, 1.0), np.full(10, 0.75)]),
    )
    np.testing.assert_allclose(one_fit(X, half).coefficients, split.coefficients, rtol=0, atol=1e-8)


def test_a_start_changes_the_way_and_not_the_answer():
    X, y = made_up()
    far = one_fit(X, y, precision=np.full(4, 0.1), start=np.array([[3.0, -3.0, 3.0, -3.0]]))
    np.testing.assert_allclose(
        far.coefficients, one_fit(X, y, precision=np.full(4, 0.1)).coefficients, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("n", [6, 20, 200])
def test_firth_is_finite_under_complete_separation(n):
    x = np.linspace(-1, 1, n)
    fit = one_fit(np.column_stack([np.ones(n), x]), (x > 0).astype(float), firth=True)
    assert fit.converged.all()
    assert 0 < fit.coefficients[0, 1] < 20 * n
    assert fit.coefficients[0, 0] == pytest.approx(0, abs=1e-6)


def test_firth_without_covariates_adds_half_a_patient_to_either_side():
    y = np.array([1.0, 0, 0, 0, 0])
    fit = one_fit(np.ones((5, 1)), y, firth=True)
    assert expit(fit.coefficients[0, 0]) == pytest.approx(1.5 / 6, abs=1e-9)


@pytest.mark.parametrize("firth", [False, True])
def test_a_column_of_zeros_gets_no_coefficient_and_changes_no_other(firth):
    X, y = made_up()
    wider = np.column_stack([X, np.zeros(len(y))])
    fit, plain = one_fit(wider, y, firth=firth), one_fit(X, y, firth=firth)
    np.testing.assert_allclose(fit.coefficients[0, :4], plain.coefficients[0], rtol=0, atol=1e-7)
    assert fit.coefficients[0, 4] == 0


@pytest.mark.parametrize("firth", [False, True])
def test_collinear_columns_share_what_one_of_them_would_say(firth):
    X, y = made_up()
    twice = np.column_stack([X, X[:, 1]])
    fit, plain = one_fit(twice, y, firth=firth), one_fit(X, y, firth=firth)
    np.testing.assert_allclose(twice @ fit.coefficients[0], X @ plain.coefficients[0], rtol=0, atol=1e-5)
    assert np.abs(fit.coefficients).max() < 10


def test_one_collinear_fit_does_not_spoil_its_neighbours():
    X, y = made_up()
    designs = np.stack([X, X])
    designs[1, :, 3] = designs[1, :, 2]
    fit = fit_logistic(designs, y, np.ones((2, len(y))), np.zeros(4))
    np.testing.assert_allclose(fit.coefficients[0], one_fit(X, y).coefficients[0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_a_prior_keeps_fits_to_one_class_finite(outcome):
    X, _ = made_up()
    fit = one_fit(X, np.full(60, outcome), precision=np.array([1e-4, 1, 1, 1]))
    assert fit.converged.all()
    assert np.isfinite(fit.coefficients).all()
    assert (np.sign(fit.coefficients[0, 0]) > 0) == bool(outcome)


def test_without_weight_the_prior_is_all_there_is():
    X, y = made_up()
    fit = one_fit(X, y, np.zeros(60), np.full(4, 2.0))
    assert (fit.coefficients == 0).all()
    np.testing.assert_array_equal(fit.information[0], 2 * np.eye(4))


def test_separation_without_a_prior_ends_with_finite_coefficients():
    x = np.linspace(-1, 1, 20)
    fit = one_fit(np.column_stack([np.ones(20), x]), (x > 0).astype(float))
    assert np.isfinite(fit.coefficients).all()
    assert fit.log_likelihood[0] == pytest.approx(0, abs=1e-6)


def test_a_log_determinant_is_that_of_each_matrix():
    np.testing.assert_allclose(log_determinant(np.array([np.eye(2), 2 * np.eye(2)])), [0, np.log(4)])


@pytest.mark.parametrize("sets", [1, 7])
def test_weighted_products_are_sums_of_the_rows_outer_products(sets):
    rng = np.random.default_rng(5)
    X, curvature = rng.standard_normal((2, 50, 3)), rng.exponential(size=(2, sets, 50))
    expected = np.einsum("gfn,gni,gnj->gfij", curvature, X, X)
    np.testing.assert_allclose(weighted_products(X, curvature), expected, rtol=1e-12)
