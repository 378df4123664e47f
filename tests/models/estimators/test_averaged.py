"""Incomplete patients are fitted by the likelihood of their mean risk over the rows that stand for them."""

import numpy as np
import pytest
from scipy.optimize import minimize

from acrcast.estimators.averaged import fit_averaged
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit, latin_normal

PRECISION = np.array([0.04, 1.0, 2.0])
COPIES = 4


def a_trial(n=80, seed=0, spread=0.8):
    """Every other patient is incomplete: its last measure is drawn four times."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n), np.where(np.arange(n) % 2, COPIES, 1))
    complete = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    X = complete[patient]
    X[:, 2] += np.where(patient % 2, spread * rng.standard_normal(len(patient)), 0.0)
    y = (rng.random(n) < expit(complete @ [0.3, -0.8, 0.9])).astype(float)
    share = 1 / np.bincount(patient)[patient]
    return X, y, share, np.flatnonzero(np.diff(patient, prepend=-1))


def objective(beta, X, y, weights, share, first, precision=PRECISION):
    """The penalised log-likelihood, written out patient by patient."""
    total = -0.5 * np.sum(precision * beta**2)
    ends = [*first[1:], len(X)]
    for i, (begin, end) in enumerate(zip(first, ends, strict=True)):
        risk = np.sum(share[begin:end] / (1 + np.exp(-X[begin:end] @ beta)))
        total += weights[i] * np.log(risk if y[i] else 1 - risk)
    return total


def test_it_finds_the_largest_likelihood_of_the_mean_risks():
    X, y, share, first = a_trial()
    weights = np.random.default_rng(1).exponential(size=len(y))
    fit = fit_averaged(X[None], y, weights[None], first, PRECISION)
    by_search = minimize(lambda b: -objective(b, X, y, weights, share, first), np.zeros(3), method="BFGS", tol=1e-10)
    np.testing.assert_allclose(fit.coefficients[0], by_search.x, rtol=0, atol=1e-6)
    penalty = 0.5 * np.sum(PRECISION * fit.coefficients[0] ** 2)
    assert fit.log_likelihood[0] - penalty == pytest.approx(-by_search.fun, abs=1e-10)
    assert fit.converged.all()


def test_with_one_row_a_patient_it_is_the_usual_fit():
    X, y, _, first = a_trial()
    usual = fit_logistic(X[first][None], y, np.ones((1, len(y))), PRECISION)
    fit = fit_averaged(X[first][None], y, np.ones((1, len(y))), np.arange(len(y)), PRECISION)
    np.testing.assert_array_equal(fit.coefficients, usual.coefficients)


def test_equal_rows_of_a_patient_are_the_patient():
    X, y, _, first = a_trial(spread=0.0)
    usual = fit_logistic(X[first][None], y, np.ones((1, len(y))), PRECISION)
    fit = fit_averaged(X[None], y, np.ones((1, len(y))), first, PRECISION)
    np.testing.assert_allclose(fit.coefficients, usual.coefficients, rtol=0, atol=1e-9)
    np.testing.assert_allclose(fit.information, usual.information, rtol=0, atol=1e-8)


def test_draws_are_not_taken_for_measurements():
    """The information is less than if every row were a part of a patient by itself."""
    X, y, share, first = a_trial()
    fit = fit_averaged(X[None], y, np.ones((1, len(y))), first, PRECISION)
    risk = expit(X @ fit.coefficients[0])
    as_patients = (X * (share * risk * (1 - risk))[:, None]).T @ X + np.diag(PRECISION)
    assert np.linalg.eigvalsh(as_patients - fit.information[0]).min() > -1e-9
    assert fit.information[0, 2, 2] < 0.95 * as_patients[2, 2]


def test_a_batch_gives_what_fits_one_by_one_give():
    X, y, _, first = a_trial()
    rng = np.random.default_rng(2)
    designs = X + 0.1 * rng.standard_normal((5, *X.shape))
    weights = rng.exponential(size=(5, len(y)))
    batch = fit_averaged(designs, y, weights, first, PRECISION)
    for b in range(5):
        one = fit_averaged(designs[b][None], y, weights[b][None], first, PRECISION)
        np.testing.assert_allclose(batch.coefficients[b], one.coefficients[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(batch.information[b], one.information[0], rtol=0, atol=1e-7)


def test_a_start_changes_nothing():
    X, y, _, first = a_trial()
    weights = np.ones((1, len(y)))
    cold = fit_averaged(X[None], y, weights, first, PRECISION)
    warm = fit_averaged(X[None], y, weights, first, PRECISION, start=np.array([[2.0, -2.0, 2.0]]))
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, rtol=0, atol=1e-9)


def test_separated_outcomes_leave_the_fit_finite():
    X, _, _, first = a_trial()
    y = (X[first, 1] > 0).astype(float)
    fit = fit_averaged(X[None], y, np.ones((1, len(y))), first, PRECISION)
    assert np.isfinite(fit.coefficients).all()
    assert fit.converged.all()


def test_effects_are_not_drawn_towards_zero():
    """With two in five values missing, rows fitted as patients give less of the effect; the mean risk gives it back."""
    rng = np.random.default_rng(3)
    n, rho, effect = 40_000, 0.3, 1.2
    x = rng.standard_normal((n, 2)) @ np.linalg.cholesky([[1, rho], [rho, 1]]).T
    y = (rng.random(n) < expit(0.2 + 0.5 * x[:, 0] + effect * x[:, 1])).astype(float)
    missing = rng.random(n) < 0.4
    patient = np.repeat(np.arange(n), np.where(missing, 8, 1))
    X = np.column_stack([np.ones(len(patient)), x[patient]])
    drawn = missing[patient]
    nodes = latin_normal((int(missing.sum()), 8, 1), rng).ravel()
    X[drawn, 2] = rho * X[drawn, 1] + np.sqrt(1 - rho**2) * nodes
    share = 1 / np.bincount(patient)[patient]
    first = np.flatnonzero(np.diff(patient, prepend=-1))
    averaged = fit_averaged(X[None], y, np.ones((1, n)), first, np.full(3, 1e-6)).coefficients[0]
    as_patients = fit_logistic(X[None], y[patient], share[None], np.full(3, 1e-6)).coefficients[0]
    assert averaged[2] == pytest.approx(effect, abs=0.05)
    assert as_patients[2] < 0.85 * effect
