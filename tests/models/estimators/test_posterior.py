"""Posteriors of the prespecified and the hierarchical model, their draws, their projection, and what their intervals cover."""

from dataclasses import replace

import numpy as np
import pytest

from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.estimators.posterior import (
    ARM_SD,
    INTERACTION_SD,
    MAIN_SD,
    SCALES,
    Posterior,
    hierarchical,
    predictive_risk,
    prespecified,
    prior_precision,
    projected,
)
from acrcast.estimators.rows import PreparedRows, TrialRows, prepare
from acrcast.response_model import interval


def resampled(trial, weights=None):
    weights = np.ones((1, len(trial))) if weights is None else weights
    return prepare(trial.rows, weights, np.random.default_rng(0))


def both_arms(prepared, coefficients, b=0):
    """Risks (n,) of the rows in each arm."""
    return [expit(prepared.terms.matrix(arm, prepared.Z[b]) @ coefficients) for arm in (CONTROL, TREATED)]


def with_columns(prepared: PreparedRows, kept: slice) -> PreparedRows:
    """The same rows with some of the columns, and nothing named beforehand."""
    fewer = replace(prepared.terms, columns=prepared.terms.columns[kept], modifiers=(), small_set=())
    return replace(prepared, rows=replace(prepared.rows, terms=fewer), Z=prepared.Z[:, :, kept])


# priors


def test_priors_are_on_log_odds_per_standard_deviation(auranofin, a_trial):
    terms = resampled(a_trial(auranofin, 30)).terms
    np.testing.assert_allclose(
        prior_precision(terms, 0.6), [1 / 25, 1 / 2.5**2, 1 / 0.36, 1 / 0.36, 1 / 0.25, 1 / 0.49], rtol=1e-12
    )
    assert (ARM_SD, MAIN_SD, INTERACTION_SD) == (2.5, 0.6, 0.7)


def test_one_arm_has_no_prior_on_an_arm(one_arm, a_trial):
    terms = resampled(a_trial(one_arm, 30)).terms
    np.testing.assert_allclose(prior_precision(terms, 0.5), [1 / 25, 4, 4, 4, 4, 4])


# the prespecified model


def test_the_prespecified_model_is_the_penalised_fit_of_its_terms(a_trial, auranofin):
    prepared = resampled(a_trial(auranofin, 60))
    posterior = prespecified(prepared)
    X = prepared.terms.matrix(prepared.arm, prepared.Z)[:, :, [0, 1, 4, 5]]
    fit = fit_logistic(X, prepared.y, prepared.weights, np.array([1 / 25, 1 / 6.25, 1 / 0.25, 1 / 0.49]))
    assert posterior.terms == (0, 1, 4, 5)
    np.testing.assert_allclose(posterior.mean[0, 0], fit.coefficients[0], rtol=0, atol=1e-10)
    np.testing.assert_array_equal(posterior.weights, [[1.0]])


# the hierarchical model


def test_weights_of_the_scales_sum_to_one(a_trial, ld_il2):
    weights = np.random.default_rng(0).exponential(size=(3, 50))
    posterior = hierarchical(resampled(a_trial(ld_il2, 50, missing=0.1), weights))
    np.testing.assert_allclose(posterior.weights.sum(axis=1), 1, rtol=1e-12)
    assert (posterior.weights >= 0).all()


def test_with_one_measure_the_scales_have_the_weights_that_integration_gives(a_trial, one_arm):
    prepared = with_columns(resampled(a_trial(one_arm, 40)), slice(1))
    y, x = prepared.y, prepared.Z[0, :, 0]
    intercept, effect = np.linspace(-4, 4, 401)[:, None, None], np.linspace(-4, 4, 401)[:, None]
    eta = intercept + effect * x
    log_likelihood = np.sum(y * eta - np.logaddexp(0, eta), axis=2)
    expected = []
    for scale in SCALES[::-1]:
        prior = np.exp(-0.5 / 25 * intercept[:, :, 0] ** 2 - 0.5 * (effect[:, 0] / scale) ** 2) / scale
        # half-normal of 0.5 on the scale, of which the grid is even in the logarithm
        expected.append(np.sum(np.exp(log_likelihood) * prior) * np.exp(-0.5 * (scale / 0.5) ** 2) * scale)
    np.testing.assert_allclose(hierarchical(prepared).weights[0], np.array(expected) / sum(expected), rtol=0, atol=3e-3)


def test_noise_pulls_the_common_scale_down_and_effects_hold_it_up(a_trial, ld_il2):
    mean_scale = {}
    for strength in (0.0, 2.0):
        posterior = hierarchical(resampled(a_trial(ld_il2, 240, seed=2, strength=strength)))
        mean_scale[strength] = float(posterior.weights[0] @ SCALES[::-1])
    assert mean_scale[0.0] < 0.12
    assert mean_scale[2.0] > 0.2


def test_resamples_in_one_batch_or_alone_are_alike(a_trial, ld_il2):
    trial = a_trial(ld_il2, 50)
    weights = np.random.default_rng(3).integers(0, 3, (4, 50)).astype(float)
    together = hierarchical(resampled(trial, weights))
    for b in range(4):
        alone = hierarchical(resampled(trial, weights[b : b + 1]))
        np.testing.assert_allclose(together.weights[b], alone.weights[0], rtol=0, atol=1e-8)
        np.testing.assert_allclose(together.mean[b], alone.mean[0], rtol=0, atol=1e-8)


def test_a_measure_that_does_not_vary_changes_neither_scales_nor_effects(a_trial, one_arm):
    trial = a_trial(one_arm, 60)
    flat = trial.with_values("age_years", 50.0)
    missing = trial.with_values("age_years", np.nan)
    with_flat, with_missing = (hierarchical(resampled(t)) for t in (flat, missing))
    np.testing.assert_allclose(with_flat.weights, with_missing.weights, rtol=0, atol=1e-9)
    np.testing.assert_allclose(with_flat.mean, with_missing.mean, rtol=0, atol=1e-9)
    assert (with_flat.mean[:, :, 1] == 0).all()


def test_a_constant_measure_more_or_less_changes_nothing(a_trial, one_arm):
    prepared = resampled(a_trial(one_arm, 60).with_values("age_years", 50.0))
    more, fewer = hierarchical(prepared), hierarchical(with_columns(prepared, slice(1, None)))
    np.testing.assert_allclose(more.weights, fewer.weights, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.delete(more.mean, 1, axis=2), fewer.mean, rtol=0, atol=1e-9)


def test_the_order_of_patients_does_not_matter(a_trial, ld_il2):
    trial = a_trial(ld_il2, 50)
    order = np.random.default_rng(4).permutation(50)
    one, other = hierarchical(resampled(trial)), hierarchical(resampled(trial.take(order)))
    np.testing.assert_allclose(one.weights, other.weights, rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-8)


@pytest.mark.parametrize("model", [prespecified, hierarchical])
def test_calling_the_other_arm_control_changes_only_the_signs_of_what_concerns_the_arm(a_trial, ld_il2, model):
    trial = a_trial(ld_il2, 50)
    swapped = replace(trial, treated=~trial.treated)
    one, other = model(resampled(trial)), model(resampled(swapped))
    terms = one.design
    sign = np.ones(terms.size)
    sign[1] = -1
    sign[terms.interactions] = -1
    np.testing.assert_allclose(one.weights, other.weights, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.mean, other.mean * sign[list(one.terms)], rtol=0, atol=1e-8)


# draws


def test_draws_have_the_mean_and_the_covariance_of_the_mixture(a_trial, auranofin):
    posterior = hierarchical(resampled(a_trial(auranofin, 60)))
    drawn = posterior.draws(40_000, np.random.default_rng(0))
    weights, means = posterior.weights[0], posterior.mean[0]
    mean = weights @ means
    covariance = np.einsum("t,tpq->pq", weights, np.linalg.inv(posterior.information[0]))
    covariance += np.einsum("t,tp,tq->pq", weights, means - mean, means - mean)
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, rtol=0, atol=0.01 * spread.max())
    np.testing.assert_allclose(np.cov(drawn.T), covariance, rtol=0, atol=0.03 * spread.max() ** 2)


def test_few_draws_already_have_nearly_the_right_mean(a_trial, ld_il2):
    posterior = prespecified(resampled(a_trial(ld_il2, 60)))
    drawn = posterior.draws(200, np.random.default_rng(0))[:, list(posterior.terms)]
    np.testing.assert_allclose(drawn.mean(axis=0), posterior.mean[0, 0], rtol=0, atol=1e-9)


def test_terms_outside_the_model_are_drawn_as_zero(a_trial, ld_il2):
    posterior = prespecified(resampled(a_trial(ld_il2, 60)))
    drawn = posterior.draws(50, np.random.default_rng(0))
    outside = np.setdiff1d(np.arange(posterior.design.size), posterior.terms)
    assert (drawn[:, outside] == 0).all()


def test_twice_the_data_halve_the_variance_of_the_draws(a_trial, auranofin):
    trial = a_trial(auranofin, 400)
    twice = trial.take(np.tile(np.arange(400), 2))
    variance = [
        hierarchical(resampled(t)).draws(4000, np.random.default_rng(0)).var(axis=0)[[0, 1, 2, 4]]
        for t in (trial, twice)
    ]
    np.testing.assert_allclose(variance[1] / variance[0], 0.5, rtol=0, atol=0.06)


# projection


def test_the_projection_of_a_posterior_that_is_a_point_is_that_point(a_trial, auranofin):
    prepared = resampled(a_trial(auranofin, 60))
    point = np.array([0.2, -0.5, 0.8, -0.3, 0.4, 0.6])
    posterior = Posterior(
        prepared.terms, tuple(range(6)), np.ones((1, 1)), point[None, None], 1e12 * np.eye(6)[None, None]
    )
    np.testing.assert_allclose(projected(prepared, posterior)[0], point, rtol=0, atol=1e-3)


def test_the_predictive_risk_is_the_mean_risk_of_the_draws(a_trial, auranofin):
    prepared = resampled(a_trial(auranofin, 60))
    posterior = hierarchical(prepared)
    drawn = posterior.draws(20_000, np.random.default_rng(0))
    for arm in (CONTROL, TREATED):
        X = prepared.terms.matrix(arm, prepared.Z)
        np.testing.assert_allclose(
            predictive_risk(X, posterior)[0], expit(X[0] @ drawn.T).mean(axis=1), rtol=0, atol=3e-3
        )


@pytest.mark.parametrize("model", [prespecified, hierarchical])
def test_projected_risks_are_close_to_the_predictive_ones_in_both_arms(a_trial, ld_il2, model):
    prepared = resampled(a_trial(ld_il2, 60, missing=0.1))
    posterior = model(prepared)
    risks = both_arms(prepared, projected(prepared, posterior)[0])
    for arm, risk in zip((CONTROL, TREATED), risks, strict=True):
        X = prepared.terms.matrix(arm, prepared.Z)[:, :, list(posterior.terms)]
        difference = np.abs(risk - predictive_risk(X, posterior)[0])
        assert difference.mean() < 0.01
        assert difference.max() < 0.06


def test_the_projection_keeps_the_mean_predictive_risk(a_trial, ld_il2):
    prepared = resampled(a_trial(ld_il2, 60))
    posterior = hierarchical(prepared)
    risks = np.mean(both_arms(prepared, projected(prepared, posterior)[0]), axis=0)
    predictive = np.mean(
        [predictive_risk(prepared.terms.matrix(arm, prepared.Z), posterior)[0] for arm in (CONTROL, TREATED)], axis=0
    )
    assert risks.mean() == pytest.approx(predictive.mean(), abs=1e-5)


@pytest.mark.parametrize("n", [30, 200])
def test_where_everybody_responds_the_risk_is_near_one(a_trial, auranofin, n):
    trial = a_trial(auranofin, n)
    rows = TrialRows.of(auranofin, trial.covariates, trial.treated, np.ones(n, dtype=bool))
    prepared = prepare(rows, np.ones((1, n)), np.random.default_rng(0))
    risks = both_arms(prepared, projected(prepared, hierarchical(prepared))[0])
    assert 1 - 3 / n < np.mean(risks) < 1  # the rule of three


# coverage

EFFECTS = {"main": (-0.3, 0.25, -0.35, 0.25), "interactions": (-0.6, 0.5)}


def coverage(ld_il2, n, repeats, seed):
    """Shares of new patients whose true treated risk, and whose true benefit, their 95 % intervals hold; p is 10 with 2 named."""
    from acrcast.estimators.design import Column, Standardisation, Terms

    terms = Terms(tuple(Column(f"x{j}", j, "linear") for j in range(10)), True, (0, 1), (0, 1))
    truth = np.zeros(terms.size)
    truth[:2] = 0.1, 0.9
    truth[2:6] = EFFECTS["main"]
    truth[terms.interactions] = EFFECTS["interactions"]
    rng = np.random.default_rng(seed)
    held = []
    for _ in range(repeats):
        raw, new = rng.standard_normal((n, 10)), rng.standard_normal((200, 10))
        arm = np.where(np.arange(n) % 2, TREATED, CONTROL)
        y = (rng.random(n) < expit(terms.matrix(arm, raw) @ truth)).astype(float)
        scale = Standardisation.fit(raw, np.ones(n))
        rows = TrialRows(ld_il2, terms, None, arm, y)
        prepared = PreparedRows(rows, (), np.arange(n), scale.apply(raw)[None], np.ones((1, n)))
        members = hierarchical(prepared).draws(200, rng)
        risks = [expit(terms.matrix(a, scale.apply(new)) @ members.T) for a in (CONTROL, TREATED)]
        true = [expit(terms.matrix(a, new) @ truth) for a in (CONTROL, TREATED)]
        for found, value in ((risks[1], true[1]), (risks[1] - risks[0], true[1] - true[0])):
            low, high = interval(found, 0.95).T
            held.append(np.mean((low <= value) & (value <= high)))
    return np.mean(held[::2]), np.mean(held[1::2])


def test_intervals_of_new_patients_hold_the_truth_about_as_often_as_they_claim(ld_il2):
    risk, benefit = coverage(ld_il2, 47, 12, seed=1)
    assert 0.88 < risk
    assert 0.88 < benefit


@pytest.mark.slow
@pytest.mark.parametrize("n", [47, 240])
def test_intervals_of_new_patients_hold_the_truth_as_often_as_they_claim(ld_il2, n):
    risk, benefit = coverage(ld_il2, n, 120, seed=2)
    assert 0.92 < risk < 0.985
    assert 0.92 < benefit < 0.985
