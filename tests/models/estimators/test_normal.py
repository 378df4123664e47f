"""Logistic and normal functions, against SciPy."""

import numpy as np
import pytest
from scipy import special, stats

from acrcast.estimators.normal import expit, latin_normal, log1p_exp, logit, normal_cdf, normal_quantile


def test_expit_agrees_with_scipy():
    x = np.linspace(-700, 700, 2001)
    np.testing.assert_allclose(expit(x), special.expit(x), rtol=0, atol=1e-15)


def test_expit_of_what_overflows_is_0_or_1():
    np.testing.assert_array_equal(expit(np.array([-1e308, -np.inf, np.inf, 1e308])), [0, 0, 1, 1])


def test_logit_undoes_expit():
    p = np.array([1e-9, 0.1, 0.5, 0.9])
    np.testing.assert_allclose(expit(logit(p)), p, rtol=0, atol=1e-15)
    np.testing.assert_allclose(logit(p), special.logit(p), rtol=1e-12, atol=1e-15)


def test_log1p_exp_does_not_overflow():
    np.testing.assert_array_equal(log1p_exp(np.array([-1e4, 0.0, 1e4])), [0, np.log(2), 1e4])


def test_the_normal_distribution_agrees_with_scipy_in_both_tails():
    x = np.linspace(-37, 8, 4001)
    np.testing.assert_allclose(normal_cdf(x), special.ndtr(x), rtol=3e-7)


def test_normal_quantiles_agree_with_scipy():
    p = np.concatenate([10.0 ** np.arange(-300, -1, 7), np.linspace(0.001, 0.999, 999), 1 - 10.0 ** np.arange(-15, -2)])
    np.testing.assert_allclose(normal_quantile(p), special.ndtri(p), rtol=2e-9, atol=1e-9)


def test_a_quantile_of_a_number_is_a_number():
    assert float(normal_quantile(np.array(0.975))) == pytest.approx(1.959963984540054, abs=1e-8)


def test_each_column_of_a_latin_hypercube_is_evenly_spread():
    drawn = latin_normal((50, 3), np.random.default_rng(0))
    expected = stats.norm.ppf((np.arange(50) + 0.5) / 50)
    for j in range(3):
        np.testing.assert_allclose(np.sort(drawn[:, j]), expected, rtol=0, atol=1e-8)


def test_columns_of_a_latin_hypercube_are_in_different_orders():
    drawn = latin_normal((2000, 4), np.random.default_rng(0))
    assert np.abs(np.corrcoef(drawn.T) - np.eye(4)).max() < 0.08


def test_the_same_seed_gives_the_same_latin_hypercube():
    first, second = (latin_normal((20, 2), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
