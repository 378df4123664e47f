"""Where a patient lies against the training data."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from acrcast.estimators.design import columns_of
from acrcast.estimators.missing import ConditionalNormal
from acrcast.estimators.rows import Preparation
from acrcast.support import Judge, Limits, TrainingRange, joint_distance

NAN = np.nan


@pytest.fixture(scope="module")
def judged():
    """Judges patients against a trial: judged(trial, covariates) gives one judgement a patient."""

    def run(trial, covariates):
        rows = trial.rows
        preparation = Preparation.fit(rows, np.ones(len(rows)))
        fields = tuple(column.field for column in rows.terms.columns)
        learned = TrainingRange.fit(
            trial.covariates, preparation.standardisation.apply(rows.scaled)[None], preparation.conditional
        )
        others = replace(trial, covariates=covariates, treated=np.ones(len(covariates), dtype=bool))
        others = replace(others, responded=others.treated, risk=np.ones(len(covariates)))
        Z = preparation.standardisation.apply(others.rows.scaled)
        judge = Judge(learned, preparation.conditional, trial.study.contract, fields, trial.study.assays)
        return judge.judge(covariates, Z)

    return run


@pytest.fixture(scope="module")
def trial(a_trial, ld_il2):
    return a_trial(ld_il2, 240, seed=5)


@pytest.fixture(scope="module")
def typical(trial):
    """The patient with the median of every measure."""

    def change(**values):
        middle = np.nanmedian(trial.covariates.values, axis=0, keepdims=True)
        names = [field.name for field in trial.study.contract.covariates]
        for name, value in values.items():
            middle[0, names.index(name)] = value
        return replace(trial.covariates.rows(slice(1)), values=np.round(middle, 2))

    return change


def beyond_largest(trial, field, share):
    """A value by `share` of the range's width above it, on the measure's scale; the scale is a logarithm of 1 + x."""
    j = [f.name for f in trial.study.contract.covariates].index(field)
    values = np.log1p(trial.covariates.values[:, j])
    return float(np.expm1(values.max() + share * np.ptp(values)))


def test_a_typical_patient_is_inside_and_nothing_is_named(trial, typical, judged):
    found = judged(trial, typical())[0]
    assert (found.status, found.measures) == ("inside", ())


@pytest.mark.parametrize(("share", "status"), [(0.05, "inside"), (0.2, "edge"), (0.5, "outside")])
def test_a_value_beyond_the_range_is_judged_by_how_far(trial, typical, judged, share, status):
    value = beyond_largest(trial, "crp_mg_per_l", share)
    shape = typical(crp_mg_per_l=value)
    found = judged(trial, shape)[0]
    # alone so far out, the value may also be striking given the others: then the patient is at the edge at least
    order = ("inside", "edge", "outside")
    assert order.index(found.status) >= order.index(status)
    if status != "inside":
        assert "crp_mg_per_l" in found.measures


def test_how_far_beyond_the_range_is_a_share_of_its_width_on_the_measures_scale(one_arm, a_trial):
    covariates = a_trial(one_arm, 1).covariates
    # age 40 to 60 is linear; the marker, 0 to e^2 - 1, is a logarithm of 1 + x; the category's levels are seen
    learned = TrainingRange(
        np.array([40.0, 0, 0, 0]), np.array([60.0, 2, np.exp(2) - 1, 1]), Limits(0.1, 0.3), Limits(2, 3)
    )
    columns = tuple(column.field for column in columns_of(one_arm.contract))
    indicators = np.array([NAN, 0, 0, NAN, 0]), np.array([NAN, 1, 1, NAN, 1])
    conditional = ConditionalNormal(np.zeros(5), np.eye(5), *indicators, np.array([0, 1, 1, 2, 3]))
    judge = Judge(learned, conditional, one_arm.contract, columns, {})

    def beyond(*values):
        return judge.excess(replace(covariates, values=np.array([values], dtype=float)))[0]

    np.testing.assert_allclose(beyond(62, 1, np.exp(3) - 1, 0), [0.1, 0, 0.5, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(beyond(30, 1, 1, 1), [0.5, 0, 0, 0], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(beyond(50, 1, NAN, NAN), [0, 0, NAN, NAN])


def test_a_measure_that_was_never_taken_in_training_is_outside(trial, typical, judged):
    found = judged(trial.with_values("haq_di", NAN), typical())[0]
    assert (found.status, found.measures) == ("outside", ("haq_di",))


def test_a_measure_that_never_varied_is_outside_where_it_differs(trial, typical, judged):
    constant = trial.with_values("methotrexate_mg_per_week", 10.0)
    assert judged(constant, typical(methotrexate_mg_per_week=10.0))[0].status == "inside"
    assert judged(constant, typical(methotrexate_mg_per_week=15.0))[0].measures == ("methotrexate_mg_per_week",)


@pytest.mark.parametrize(("never", "others"), [(0, (1, 2)), (1, (0, 2)), (2, (0, 1))])
def test_a_level_that_nobody_had_is_outside(a_trial, one_arm, judged, never, others):
    trial = a_trial(one_arm, 60)
    stages = np.array(others)[np.arange(60) % 2]
    trial = trial.with_values("stage", stages)
    middle = np.nanmedian(trial.covariates.values, axis=0)
    for stage in (0, 1, 2):
        middle[1] = stage
        found = judged(trial, replace(trial.covariates.rows(slice(1)), values=middle[None]))[0]
        if stage == never:
            assert (found.status, found.measures) == ("outside", ("stage",))
        else:
            assert found.status == "inside"


def test_where_all_had_one_level_the_others_are_outside(a_trial, one_arm, judged):
    trial = a_trial(one_arm, 60).with_values("stage", 1.0)
    middle = np.nanmedian(trial.covariates.values, axis=0)
    status = []
    for stage in (0, 1, 2):
        middle[1] = stage
        status.append(judged(trial, replace(trial.covariates.rows(slice(1)), values=middle[None]))[0].status)
    assert status == ["outside", "inside", "outside"]


def test_an_unusual_combination_of_usual_values_is_noticed_and_the_measures_are_named(trial, typical, judged):
    values = trial.covariates.values
    names = [field.name for field in trial.study.contract.covariates]
    low, high = (np.quantile(values[:, 7:12], q, axis=0) for q in (0.02, 0.98))
    mixed = dict(zip(names[7:12], np.where([True, False, True, False, True], low, high), strict=True))
    found = judged(trial, typical(**mixed))[0]
    assert found.status in ("edge", "outside")
    assert 1 <= len(found.measures) <= 3
    assert set(found.measures) <= set(names[7:12])


def test_another_assay_than_the_studys_is_outside_and_names_the_measure(trial, typical, judged):
    patient = typical()
    assays = {**patient.assays, "treg_gating": np.array(["CD25+CD127low"])}
    found = judged(trial, replace(patient, assays=assays))[0]
    assert (found.status, found.measures) == ("outside", ("treg_percent_of_cd4",))


def test_an_unnamed_assay_and_one_of_a_measure_not_taken_do_not_matter(trial, typical, judged):
    patient = typical(treg_percent_of_cd4=NAN)
    assays = {"treg_gating": np.array(["CD25+CD127low"]), "il21_assay": np.array([""])}
    assert judged(trial, replace(patient, assays=assays))[0].status == "inside"


def test_a_patient_of_whom_next_to_nothing_is_known_is_inside(trial, judged):
    nothing = np.full((1, 17), NAN)
    assert judged(trial, replace(trial.covariates.rows(slice(1)), values=nothing))[0].status == "inside"


def test_patients_are_judged_alone_or_together_alike(trial, judged):
    some = trial.covariates.rows(slice(20))
    together = judged(trial, some)
    for i in range(20):
        assert judged(trial, some.rows(slice(i, i + 1)))[0] == together[i]


# the joint distance


def standard(q=6):
    nowhere = np.full(q, NAN)
    return ConditionalNormal(np.zeros(q), np.eye(q), nowhere, nowhere, np.arange(q))


def test_the_joint_distance_of_normal_measures_is_nearly_standard_normal_whatever_was_taken():
    Z = np.random.default_rng(0).standard_normal((20_000, 6))
    for kept in (6, 3, 1):
        some = Z.copy()
        some[:, kept:] = NAN
        distance, _ = joint_distance(standard(), some)
        expected = stats.norm.ppf([0.5, 0.9, 0.95, 0.99])
        np.testing.assert_allclose(np.quantile(distance, [0.5, 0.9, 0.95, 0.99]), expected, rtol=0, atol=0.12)


def test_residuals_are_in_standard_deviations_given_the_other_measures():
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    nowhere = np.full(2, NAN)
    conditional = ConditionalNormal(np.zeros(2), covariance, nowhere, nowhere, np.arange(2))
    _, residual = joint_distance(conditional, np.array([[2.0, -2.0], [2.0, NAN]]))
    assert residual[0, 0] == pytest.approx((2 + 0.8 * 2) / 0.6)
    assert residual[1].tolist() == [2, 0]


def test_with_nothing_taken_the_distance_is_zero():
    distance, residual = joint_distance(standard(), np.full((2, 6), NAN))
    assert distance.tolist() == [0, 0]
    assert (residual == 0).all()


def test_a_measure_without_spread_takes_no_part():
    nowhere = np.full(2, NAN)
    conditional = ConditionalNormal(np.zeros(2), np.diag([1.0, 0.0]), nowhere, nowhere, np.arange(2))
    distance, residual = joint_distance(conditional, np.array([[0.5, 0.0]]))
    assert np.isfinite(distance).all()
    assert residual[0, 1] == 0
