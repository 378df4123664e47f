"""One patient at a time gives what columns and plain formulas give, whatever is known of the patient."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acrcast.answer import Bedside, predict_patients
from acrcast.contract import OnePatient
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.estimators.normal import expit
from acrcast.missing_measures import VALUES_TRIED
from acrcast.response_model import interval

CANDIDATES = ["prevalence", "prespecified", "hierarchical", "firth", "elastic-net", "xgboost"]
# Numbers leave with six decimals; two ways to the same number may lie on both sides of a half.
HALF = 0.51e-6


@pytest.fixture(scope="module")
def studies(ld_il2, auranofin, one_arm):
    return {study.key: study for study in (ld_il2, auranofin, one_arm)}


@pytest.fixture(scope="module")
def some(a_trial, studies):
    """Complete patients of each study."""
    return {key: a_trial(study, 30, seed=8).covariates for key, study in studies.items()}


@st.composite
def gaps(draw):
    """Which patient, and of each of up to 17 covariates whether it is missing (2), below its limit (1) or known (0)."""
    return draw(st.integers(0, 29)), draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=17, max_size=17))


def with_gaps(covariates, patient, kinds):
    chosen = covariates.rows(slice(patient, patient + 1))
    values, below = chosen.values.copy(), chosen.below.copy()
    for j, field in enumerate(covariates.contract.covariates):
        if kinds[j] == 2 and not field.required:
            values[0, j] = np.nan
        elif kinds[j] and field.may_be_undetectable:
            below[0, j] = True
    return replace(chosen, values=values, below=below)


def logistic(model, arm, rows, coefficients):
    return np.einsum("...p,...p->...", model.terms.matrix(arm, rows), coefficients)


def members_of(model, arm, rows):
    """(n, M) log-odds of the members on completed rows (n, M, q), and the estimate's: the plain formulas."""
    if not hasattr(model.ensemble, "trees"):
        members = logistic(model, arm, rows, model.ensemble.members)
        return members, logistic(model, arm, rows, model.ensemble.point)
    ensemble = model.ensemble
    trees = ensemble.estimate(arm, rows)
    moved = np.resize([0.0, 1.0], ensemble.size) * (trees - logistic(model, arm, rows, ensemble.logistic.point))
    return logistic(model, arm, rows, ensemble.logistic.members) + moved, trees


def expected_width(model, Z, below, name, width):
    """By the definition: as many values as are tried, each put in the measure's place, and the others drawn anew."""
    columns = [j for j, column in enumerate(model.terms.columns) if column.field == name]
    drawn = model.completed(Z, below)[0]
    order = np.argsort(drawn[:, columns[0]], kind="stable")
    chosen = order[((np.arange(VALUES_TRIED) + 0.5) / VALUES_TRIED * len(order)).astype(int)]
    tried = np.repeat(Z, VALUES_TRIED, axis=0)
    tried[:, columns] = drawn[chosen][:, columns]
    now, then = (
        expit(members_of(model, TREATED, model.completed(rows, np.repeat(below, len(rows), axis=0)))[0]).std(axis=1)
        for rows in (Z, tried)
    )
    return width * min(1.0, then.mean() / max(now[0], 1e-12))


@pytest.mark.parametrize("study", ["ld-il2-ra", "auranofin-ra", "one-arm"])
@pytest.mark.parametrize("candidate", CANDIDATES)
@settings(max_examples=12, deadline=None)
@given(gap=gaps())
def test_an_answer_is_what_the_plain_formulas_give(a_model, studies, some, study, candidate, gap):
    model = a_model(candidate, studies[study])
    covariates = with_gaps(some[study], *gap)
    answer = Bedside(model, 0.9).predict(OnePatient.of_row(covariates, 0))
    Z, below = model.standardise(covariates)
    rows = model.completed(Z, below)
    for arm, risk in ((TREATED, answer.treated), (CONTROL, answer.control)):
        if risk is not None:
            members, estimate = members_of(model, arm, rows)
            probability = expit(estimate).mean()
            low, high = expit(interval(members, 0.9))[0]
            found = (risk.probability, *risk.interval)
            assert found == pytest.approx((probability, min(low, probability), max(high, probability)), abs=HALF)
    width = answer.treated.interval[1] - answer.treated.interval[0]
    for measure in answer.missing:
        expected = expected_width(model, Z, below, measure.measure, width)
        # the width itself is known to six decimals of either end
        assert measure.expected_interval_width_if_measured == pytest.approx(expected, abs=4 * HALF)


@pytest.mark.parametrize("study", ["ld-il2-ra", "auranofin-ra", "one-arm"])
@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
@settings(max_examples=12, deadline=None)
@given(gap=gaps())
def test_columns_of_one_patient_are_those_of_many(a_model, studies, some, study, candidate, gap):
    model = a_model(candidate, studies[study])
    covariates = with_gaps(some[study], *gap)
    Z, known, below = model.standardise_one(OnePatient.of_row(covariates, 0))
    columns, limits = model.standardise(covariates)
    np.testing.assert_allclose(Z, columns, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(below, limits[0])
    np.testing.assert_array_equal(known, ~(np.isnan(columns[0]) | limits[0]))


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_a_patient_gets_the_same_answer_whoever_came_before(a_model, ld_il2, a_trial, candidate):
    model, covariates = a_model(candidate), a_trial(ld_il2, 12, seed=4, missing=0.3, below=0.2).covariates
    patients = [OnePatient.of_row(covariates, i) for i in range(12)]
    bedside = Bedside(model, 0.95)
    together = predict_patients(model, covariates)
    for i in np.random.default_rng(0).permutation(np.repeat(np.arange(12), 2)):
        assert bedside.predict(patients[i]) == together[i]


def test_threads_may_share_it(a_model, ld_il2, a_trial):
    model = replace(a_model())
    covariates = a_trial(ld_il2, 40, seed=5, missing=0.3, below=0.2).covariates
    expected, bedside = predict_patients(a_model(), covariates), Bedside(model, 0.95)
    found = [[], []]

    def work(answers):
        answers.extend(bedside.predict(OnePatient.of_row(covariates, i)) for i in range(40))

    threads = [Thread(target=work, args=(answers,)) for answers in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected, expected]


def test_who_is_plainly_inside_is_judged_as_everybody_else(a_model, ld_il2, a_trial):
    """The quick look only spares work: with or without it the judgement is the same."""
    bedside = Bedside(a_model(), 0.95)
    covariates = a_trial(ld_il2, 300, seed=11, missing=0.2).covariates
    Z, _ = a_model().standardise(covariates)
    judge = bedside._judge
    together = judge.judge(covariates, Z)
    alone = [judge.judge_one(OnePatient.of_row(covariates, i), Z[i : i + 1]) for i in range(300)]
    assert alone == together
    assert {"inside", "edge"} <= {found.status for found in alone}
