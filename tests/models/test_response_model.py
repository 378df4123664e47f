"""A fitted model's risks and intervals."""

from dataclasses import replace

import numpy as np
import pytest

from acrcast.response_model import interval

CANDIDATES = ["prevalence", "prespecified", "hierarchical", "firth", "elastic-net", "xgboost"]


@pytest.fixture(scope="module")
def some(a_trial, ld_il2):
    """30 patients of ld-il2-ra, some with measures missing or undetectable."""
    return a_trial(ld_il2, 30, seed=9, missing=0.15, below=0.1).covariates


@pytest.fixture(scope="module")
def complete(a_trial, ld_il2):
    return a_trial(ld_il2, 30, seed=9).covariates


def without(covariates, field):
    """The same patients, of whom nobody has the measure."""
    j = [f.name for f in covariates.contract.covariates].index(field)
    values, below = covariates.values.copy(), covariates.below.copy()
    values[:, j], below[:, j] = np.nan, False
    return replace(covariates, values=values, below=below)


# the interval of members


def test_an_interval_holds_one_more_member_as_often_as_it_claims():
    rng = np.random.default_rng(0)
    for size in (50, 200):
        drawn = rng.standard_normal((20_000, size + 1))
        low, high = interval(drawn[:, :size], 0.95).T
        held = (low <= drawn[:, size]) & (drawn[:, size] <= high)
        assert held.mean() == pytest.approx(0.95, abs=0.005)


def test_the_ends_of_an_interval_by_hand():
    members = np.array([[3.0, 1.0, 2.0, 5.0, 4.0, 6.0, 7.0, 8.0, 9.0]])
    # of nine, type 6 puts the quantile q at the value 10 q
    low, high = interval(members, 0.5).T
    assert (low[0], high[0]) == (2.5, 7.5)


@pytest.mark.parametrize("level", [0.9, 0.999, 1 - 1e-9])
def test_no_interval_leaves_the_members(level):
    members = np.arange(10.0)[None]
    low, high = interval(members, level).T
    assert low[0] >= 0
    assert high[0] <= 9


# risks


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_every_interval_holds_its_estimate_and_probabilities_are_probabilities(a_model, some, candidate):
    risks = a_model(candidate).risks(some)
    for arm in (risks.treated, risks.control):
        assert (arm.low <= arm.probability).all()
        assert (arm.probability <= arm.high).all()
        assert (arm.low > 0).all()
        assert (arm.high < 1).all()
    assert (risks.benefit.low <= risks.benefit.probability).all()
    assert (risks.benefit.probability <= risks.benefit.high).all()
    assert (np.abs(np.concatenate([risks.benefit.low, risks.benefit.high])) < 1).all()
    assert ((risks.probability_positive >= 0) & (risks.probability_positive <= 1)).all()


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_benefit_is_the_difference_of_the_two_risks(a_model, some, candidate):
    risks = a_model(candidate).risks(some)
    np.testing.assert_array_equal(risks.benefit.probability, risks.treated.probability - risks.control.probability)


def test_prevalence_gives_everybody_the_rate_of_the_arm_and_an_interval_of_the_patient(a_model, a_trial, ld_il2):
    trial = a_trial(ld_il2, 120, seed=3)
    risks = a_model("prevalence").risks(trial.covariates)
    for arm, treated in ((risks.treated, True), (risks.control, False)):
        responders = trial.responded[trial.treated == treated].sum()
        np.testing.assert_allclose(arm.probability, (responders + 0.5) / 61, rtol=0, atol=1e-12)
        assert np.ptp(arm.high - arm.low) > 0.01


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_one_arm_has_neither_control_nor_benefit(a_model, a_trial, one_arm, candidate):
    risks = a_model(candidate, one_arm).risks(a_trial(one_arm, 10, missing=0.3).covariates)
    assert risks.control is None
    assert risks.benefit is None
    assert risks.probability_positive is None
    assert (risks.treated.low <= risks.treated.probability).all()


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_a_higher_level_gives_a_wider_interval_of_the_same_estimate(a_model, some, candidate):
    model = a_model(candidate)
    narrow, wide = model.risks(some, 0.5), model.risks(some, 0.95)
    np.testing.assert_array_equal(narrow.treated.probability, wide.treated.probability)
    assert ((wide.treated.high - wide.treated.low) > (narrow.treated.high - narrow.treated.low)).all()
    assert ((wide.benefit.high - wide.benefit.low) > (narrow.benefit.high - narrow.benefit.low)).all()


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_the_same_patient_gets_the_same_numbers_always(a_model, some, candidate):
    model = a_model(candidate)
    np.testing.assert_array_equal(model.risks(some).treated.low, model.risks(some).treated.low)


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_patients_alone_or_together_get_the_same_numbers(a_model, some, candidate):
    model = a_model(candidate)
    together = model.risks(some)
    for i in range(len(some)):
        alone = model.risks(some.rows(slice(i, i + 1)))
        for name in ("treated", "control", "benefit"):
            for part in ("probability", "low", "high"):
                one, all_ = getattr(getattr(alone, name), part)[0], getattr(getattr(together, name), part)[i]
                assert one == pytest.approx(all_, abs=1e-12)


def test_many_patients_are_predicted_in_parts_with_the_same_result(a_model, some, monkeypatch):
    model = a_model()
    whole = model.risks(some)
    monkeypatch.setattr("acrcast.response_model.PATIENTS_AT_ONCE", 7)
    parts = model.risks(some)
    for name in ("treated", "control", "benefit"):
        for part in ("probability", "low", "high"):
            np.testing.assert_allclose(
                getattr(getattr(parts, name), part), getattr(getattr(whole, name), part), rtol=0, atol=1e-12
            )
    np.testing.assert_allclose(parts.probability_positive, whole.probability_positive)


def test_many_patients_of_one_arm_are_predicted_in_parts(a_model, a_trial, one_arm, monkeypatch):
    covariates = a_trial(one_arm, 10).covariates
    whole = a_model("hierarchical", one_arm).risks(covariates)
    monkeypatch.setattr("acrcast.response_model.PATIENTS_AT_ONCE", 3)
    parts = a_model("hierarchical", one_arm).risks(covariates)
    assert parts.benefit is None
    np.testing.assert_allclose(parts.treated.high, whole.treated.high, rtol=0, atol=1e-12)


def test_no_patients_get_no_risks(a_model, some):
    assert len(a_model().risks(some.rows(slice(0))).treated.probability) == 0


@pytest.mark.parametrize("candidate", ["prespecified", "hierarchical"])
def test_a_missing_modifier_widens_the_interval(a_model, complete, candidate):
    model = a_model(candidate)
    with_it, without_it = (model.risks(c).treated for c in (complete, without(complete, "treg_percent_of_cd4")))
    width, wider = (arm.high - arm.low for arm in (with_it, without_it))
    assert (wider - width).mean() > 0.01


def test_with_nothing_optional_known_the_risks_stay_near_the_mean(a_model, complete):
    model = a_model()
    bare = complete
    for field in complete.contract.covariates:
        if not field.required:
            bare = without(bare, field.name)
    full, few = model.risks(complete).treated.probability, model.risks(bare).treated.probability
    assert np.std(few) < np.std(full)
    assert few.mean() == pytest.approx(full.mean(), abs=0.06)


def test_the_estimate_averages_over_what_is_missing(a_model, complete):
    model = a_model()
    holed = without(complete, "treg_percent_of_cd4")
    Z, below = model.standardise(holed)
    drawn = model.completed(Z, below)
    from acrcast.estimators.design import TREATED
    from acrcast.estimators.normal import expit

    expected = expit(model.terms.matrix(TREATED, drawn) @ model.ensemble.point).mean(axis=1)
    np.testing.assert_allclose(model.risks(holed).treated.probability, expected, rtol=0, atol=1e-12)


def test_an_undetectable_result_is_not_the_limit_itself(a_model, complete):
    j = [f.name for f in complete.contract.covariates].index("il21_pg_per_ml")
    values, below = complete.values.copy(), complete.below.copy()
    values[:, j], below[:, j] = 30.0, True
    at_limit = replace(complete, values=values)
    under = replace(complete, values=values, below=below)
    model = a_model()
    assert np.abs(model.risks(at_limit).treated.probability - model.risks(under).treated.probability).max() > 0.003
    assert (model.completed(*model.standardise(under)) <= model.standardise(under)[0][:, None] + 1e-12)[:, :, j].all()


def test_a_patient_far_outside_gets_finite_numbers(a_model, complete):
    values = complete.values.copy()
    values[:, 0] = 1e12
    risks = a_model().risks(replace(complete, values=values))
    for part in (risks.treated.probability, risks.treated.low, risks.treated.high, risks.benefit.low):
        assert np.isfinite(part).all()
