"""All candidates on every study, and on data that are bad."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.rows import TrialRows, prepare

LOGISTIC = [name for name, candidate in CANDIDATES.items() if candidate.is_logistic]
# The others are tuned on folds, which depend on the order of patients and part a patient who is given twice.
UNTUNED = [name for name in LOGISTIC if name != "elastic-net"]


def risks_of(name, trial, responded=None, weights=None):
    """(B, 2, N) risks of all rows in both arms, and the rows."""
    responded = trial.responded if responded is None else responded
    rows = TrialRows.of(trial.study, trial.covariates, trial.treated, responded)
    weights = np.ones((1, len(rows))) if weights is None else weights
    prepared = prepare(rows, weights, np.random.default_rng(0))
    points = CANDIDATES[name].fit(prepared, np.random.default_rng(1))
    return np.stack([points.risk(arm, prepared.Z) for arm in (CONTROL, TREATED)], axis=1), prepared


def assert_probabilities(risks):
    assert np.isfinite(risks).all()
    assert risks.min() >= 0
    assert risks.max() <= 1


def test_the_candidates_are_six_the_simplest_first():
    assert list(CANDIDATES) == ["prevalence", "prespecified", "hierarchical", "firth", "elastic-net", "xgboost"]


@pytest.mark.parametrize("name", list(CANDIDATES))
@pytest.mark.parametrize("study", ["ld_il2", "auranofin", "one_arm"])
def test_every_candidate_fits_every_study_with_measures_missing_and_undetectable(request, a_trial, name, study):
    trial = a_trial(request.getfixturevalue(study), 48, missing=0.15, below=0.1)
    weights = np.ones((2, 48))
    weights[1, ::4] = 0
    risks, prepared = risks_of(name, trial, weights=weights)
    assert risks.shape == (2, 2, len(prepared.patient))
    assert_probabilities(risks)
    assert (risks > 0).all()
    assert (risks < 1).all()


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_the_same_seed_gives_the_same_fit(a_trial, auranofin, name):
    trial = a_trial(auranofin, 40)
    np.testing.assert_array_equal(risks_of(name, trial)[0], risks_of(name, trial)[0])


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_effects_are_found_in_the_right_direction(a_trial, auranofin, name):
    trial = a_trial(auranofin, 300, strength=1.5)
    risks = risks_of(name, trial)[0][0]
    assert (risks[1] - risks[0]).mean() > 0.1
    if name != "prevalence":
        own = np.where(trial.treated, risks[1], risks[0])
        assert np.corrcoef(own, trial.risk)[0, 1] > 0.5


# what must not matter


@pytest.mark.parametrize("name", UNTUNED)
def test_the_order_of_patients_does_not_matter(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40)
    order = np.random.default_rng(2).permutation(40)
    one, other = risks_of(name, trial)[0], risks_of(name, trial.take(order))[0]
    np.testing.assert_allclose(one[:, :, order], other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", UNTUNED)
def test_calling_the_other_arm_control_swaps_the_arms_risks(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40)
    one, other = risks_of(name, trial)[0], risks_of(name, replace(trial, treated=~trial.treated))[0]
    np.testing.assert_allclose(one[:, ::-1], other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_units_do_not_matter_on_a_linear_scale(a_trial, auranofin, name):
    trial = a_trial(auranofin, 40)
    in_seconds = trial.with_values("age_years", trial.covariates.values[:, 0] * 31_557_600)
    tolerance = 0.0 if name == "xgboost" else 1e-7
    np.testing.assert_allclose(risks_of(name, trial)[0], risks_of(name, in_seconds)[0], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_the_value_of_a_constant_measure_does_not_matter(a_trial, auranofin, name):
    trial = a_trial(auranofin, 40)
    one, other = (risks_of(name, trial.with_values("age_years", age))[0] for age in (40.0, 70.0))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", UNTUNED)
def test_a_patient_given_twice_counts_as_a_weight_of_two(a_trial, auranofin, name):
    trial = a_trial(auranofin, 30)
    twice = trial.take(np.r_[np.arange(30), np.arange(10)])
    weights = np.r_[np.full(10, 2.0), np.ones(20)][None]
    weighted, repeated = risks_of(name, trial, weights=weights)[0], risks_of(name, twice)[0]
    np.testing.assert_allclose(weighted, repeated[:, :, :30], rtol=0, atol=1e-7)


# bad data


@pytest.mark.parametrize("name", list(CANDIDATES))
@pytest.mark.parametrize("outcome", [False, True])
def test_one_class_of_outcomes(a_trial, ld_il2, name, outcome):
    risks, _ = risks_of(name, a_trial(ld_il2, 24, missing=0.1), responded=np.full(24, outcome))
    assert_probabilities(risks)
    assert abs(risks.mean() - outcome) < 0.15


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_five_patients(a_trial, ld_il2, name):
    responded = np.array([True, False, True, False, False])
    assert_probabilities(risks_of(name, a_trial(ld_il2, 5, missing=0.2), responded=responded)[0])


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_an_arm_without_an_event(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40)
    risks, _ = risks_of(name, trial, responded=trial.responded & trial.treated)
    assert_probabilities(risks)
    assert risks[:, 0].mean() < risks[:, 1].mean()


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_an_arm_without_patients(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40)
    assert_probabilities(risks_of(name, replace(trial, treated=np.ones(40, dtype=bool)))[0])


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("xgboost", "treg_percent_of_cd4"),
        *product(LOGISTIC, ("treg_percent_of_cd4", "haq_di", "rf_positive", "sex")),
    ],
)
@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_a_measure_that_nobody_has_or_that_does_not_vary(a_trial, ld_il2, name, field, value):
    assert_probabilities(risks_of(name, a_trial(ld_il2, 30, missing=0.1).with_values(field, value))[0])


@pytest.mark.parametrize("name", LOGISTIC)
def test_a_measure_that_nobody_has_leaves_the_risks_as_if_it_were_constant(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40)
    missing, constant = (risks_of(name, trial.with_values("treg_percent_of_cd4", value)) for value in (np.nan, 5.0))
    by_patient = missing[1].by_patient(missing[0][:, 1])
    np.testing.assert_allclose(by_patient, constant[0][:, 1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_results_below_the_limit_in_everybody(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 30).with_values("il21_pg_per_ml", 3.0, below=True)
    assert_probabilities(risks_of(name, trial)[0])


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_collinear_measures(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40)
    treg = trial.covariates.values[:, [f.name for f in ld_il2.contract.covariates].index("treg_percent_of_cd4")]
    assert_probabilities(risks_of(name, trial.with_values("il21_pg_per_ml", treg))[0])


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_perfect_separation_by_a_named_measure(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40)
    j = [f.name for f in ld_il2.contract.covariates].index("treg_percent_of_cd4")
    treg = trial.covariates.values[:, j]
    risks, _ = risks_of(name, trial, responded=treg > np.median(treg))
    assert_probabilities(risks)
    if name != "prevalence":
        own = np.where(trial.treated, risks[0, 1], risks[0, 0])
        assert own[treg > np.median(treg)].mean() > own[treg <= np.median(treg)].mean() + 0.1


@pytest.mark.parametrize("name", LOGISTIC)
def test_a_patient_far_outside_gets_a_risk(a_trial, auranofin, name):
    trial = a_trial(auranofin, 40)
    ages = trial.covariates.values[:, 0].copy()
    ages[0] = 1e9
    weights = np.ones((1, 40))
    weights[0, 0] = 0
    assert_probabilities(risks_of(name, trial.with_values("age_years", ages), weights=weights)[0])


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_what_an_estimate_conditions_on_is_said_in_words(name):
    words = CANDIDATES[name].conditions_on
    assert words.startswith("the treatment arm")
    assert ("every measure" in words) == (name in ("hierarchical", "xgboost"))
