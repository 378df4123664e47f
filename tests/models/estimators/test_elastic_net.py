"""The elastic net against scikit-learn's on the same objective, and how its penalty is chosen."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from acrcast.estimators import elastic_net as module
from acrcast.estimators.design import Column, Terms
from acrcast.estimators.elastic_net import FOLDS, MIXING, PENALTIES, elastic_net
from acrcast.estimators.normal import expit
from acrcast.estimators.rows import PreparedRows, TrialRows, prepare


def made_up(n=150, p=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.5 * rng.standard_normal((n, 1))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (rng.random(n) < expit(0.3 + X @ np.r_[1.0, -0.7, np.zeros(p - 2)])).astype(float)
    return X, y


def by_scikit_learn(X, y, weights, penalty):
    """Minimises the mean loss plus penalty x (MIXING |b| + (1 - MIXING) b^2 / 2), the intercept free."""
    fit = LogisticRegression(
        solver="saga", l1_ratio=MIXING, C=1 / (penalty * weights.sum()), tol=1e-10, max_iter=100_000
    ).fit(X, y, sample_weight=weights)
    return np.r_[fit.intercept_, fit.coef_[0]]


def fitted(Z, y, weights, penalties, factor, outside=(FOLDS,), fold=None, intercept_precision=0.0):
    """(B, F, 1 + q) coefficients. Z: (B, n, q) or (n, q), measures of one arm. weights: (B, n). penalties: (F,)."""
    B, q = len(weights), Z.shape[-1]
    terms = Terms(tuple(Column(f"m{j}", j, "linear") for j in range(q)), two_arms=False, modifiers=(), small_set=())
    rows = TrialRows(None, terms, None, np.full(len(y), 0.5), y)
    everyone = np.arange(len(y))
    Z = np.broadcast_to(Z, (B, len(y), q))
    prepared = PreparedRows(rows, (), everyone, Z, weights)
    fold = np.zeros((B, len(y)), dtype=np.int64) if fold is None else fold
    penalties = np.broadcast_to(penalties, (B, len(penalties)))
    outside = np.broadcast_to(outside, penalties.shape[1:])
    precision = np.r_[intercept_precision, np.zeros(q)]
    return module._fit(prepared, fold, outside, penalties, np.r_[0.0, factor], precision)


@pytest.mark.parametrize("penalty", [0.1, 0.05, 0.01])
def test_coefficients_agree_with_scikit_learn(penalty):
    X, y = made_up()
    weights = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    found = fitted(X, y, weights[None], [penalty], np.ones(6))[0, 0]
    np.testing.assert_allclose(found, by_scikit_learn(X, y, weights, penalty), rtol=0, atol=1e-8)


@pytest.mark.parametrize("penalty", [0.1, 0.01])
def test_a_problem_that_leaves_out_a_fold_does_not_see_it(penalty):
    X, y = made_up()
    fold = np.random.default_rng(1).integers(0, 3, len(y))
    found = fitted(X, y, np.ones((1, len(y))), [penalty], np.ones(6), outside=(2,), fold=fold[None])[0, 0]
    seen = (fold != 2).astype(float)
    np.testing.assert_allclose(found, by_scikit_learn(X, y, seen, penalty), rtol=0, atol=1e-8)


def test_rows_that_do_not_fit_into_one_block_are_all_used():
    X, y = made_up(n=2 * module.ROWS_AT_ONCE + 5)
    found = fitted(X, y, np.ones((1, len(y))), [0.02], np.ones(6))[0, 0]
    np.testing.assert_allclose(found, by_scikit_learn(X, y, np.ones(len(y)), 0.02), rtol=0, atol=1e-8)


def test_a_column_of_half_the_spread_is_penalised_as_its_standardised_self():
    X, y = made_up()
    halved = X.copy()
    halved[:, 5] /= 2
    weights = np.ones((1, len(y)))
    whole = fitted(X, y, weights, [0.02], np.ones(6))[0, 0]
    half = fitted(halved, y, weights, [0.02], np.r_[np.ones(5), 0.5])[0, 0]
    np.testing.assert_allclose(half * np.r_[np.ones(6), 0.5], whole, rtol=0, atol=1e-9)


def test_all_penalties_and_resamples_in_one_batch_agree_with_each_alone():
    X, y = made_up()
    rng = np.random.default_rng(2)
    designs = X + 0.05 * rng.standard_normal((3, *X.shape))
    weights = rng.exponential(size=(3, len(y)))
    penalties = np.array([0.1, 0.01])
    together = fitted(designs, y, weights, penalties, np.ones(6))
    for g in range(3):
        for f in range(2):
            alone = fitted(designs[g], y, weights[g : g + 1], penalties[f : f + 1], np.ones(6))
            np.testing.assert_allclose(together[g, f], alone[0, 0], rtol=0, atol=1e-9)


def test_the_strongest_penalty_keeps_nothing_and_leaves_the_rate():
    X, y = made_up()
    found = fitted(X, y, np.ones((1, len(y))), [10.0], np.ones(6))[0, 0]
    assert (found[1:] == 0).all()
    assert expit(found[0]) == pytest.approx(y.mean(), abs=1e-9)


def test_the_same_seed_chooses_the_same_penalty(a_trial, ld_il2):
    prepared = prepare(a_trial(ld_il2, 60).rows, np.ones((1, 60)), np.random.default_rng(0))
    one, same = (elastic_net(prepared, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_arm_and_intercept_have_a_weak_prior_and_no_penalty(a_trial, ld_il2):
    trial = a_trial(ld_il2, 80, strength=0.0)
    prepared = prepare(trial.rows, np.ones((1, 80)), np.random.default_rng(0))
    found = elastic_net(prepared, np.random.default_rng(0))[0]
    if (found[2:] == 0).all():
        for arm, treated in ((-0.5, False), (0.5, True)):
            rate = trial.responded[trial.treated == treated].mean()
            assert expit(found[0] + arm * found[1]) == pytest.approx(rate, abs=0.005)
    else:
        pytest.fail("choose a seed at which noise is recognised as noise")


def test_a_prior_is_beside_the_summed_loss():
    # two patients, both responders, and no measure: 2 (1 - expit(b)) = b / 2.5^2, which holds at b = 1.78937
    found = fitted(np.zeros((2, 1)), np.ones(2), np.ones((1, 2)), [0.1], np.ones(1), intercept_precision=1 / 2.5**2)
    assert found[0, 0, 0] == pytest.approx(1.78937, abs=1e-5)


def test_an_arm_in_which_nobody_responded_has_a_small_risk_and_not_none(a_trial, auranofin):
    trial = a_trial(auranofin, 80, seed=3)
    trial = replace(trial, responded=trial.responded & trial.treated)
    prepared = prepare(trial.rows, np.ones((1, 80)), np.random.default_rng(0))
    found = elastic_net(prepared, np.random.default_rng(0))[0]
    risk = expit(prepared.terms.matrix(-0.5, prepared.Z[0]) @ found)
    # 0 of about 40: the rule of three puts the upper end of a 95 % interval at 0.075
    assert 0.001 < np.median(risk) < 0.075


def test_without_any_effect_little_is_kept(a_trial, auranofin):
    kept = []
    for seed in range(5):
        trial = a_trial(auranofin, 100, seed=seed, strength=0.0)
        prepared = prepare(trial.rows, np.ones((1, 100)), np.random.default_rng(seed))
        kept.append(np.abs(elastic_net(prepared, np.random.default_rng(seed))[0, 2:]).sum())
    assert np.median(kept) < 0.25


def test_a_strong_effect_is_kept(a_trial, auranofin):
    trial = a_trial(auranofin, 300, seed=1, strength=2.0)
    prepared = prepare(trial.rows, np.ones((1, 300)), np.random.default_rng(0))
    found = elastic_net(prepared, np.random.default_rng(0))[0]
    assert found[1] > 0.4
    assert found[2] > 0.4
    assert found[3] < -0.3


def test_penalties_run_from_strong_to_weak_so_that_ties_go_to_the_simpler_model():
    assert (np.diff(PENALTIES) < 0).all()
