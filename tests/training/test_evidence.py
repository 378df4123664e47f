"""What a model keeps for its report: summaries of the baseline, figures of subgroups, risks in both arms."""

import numpy as np
import pytest

from acrcast.estimators.design import TREATED
from acrcast.studies import load_study
from acrcast.validation.cross_validated import CrossValidated, cross_validated_c, cross_validated_slope
from acrcast.validation.performance import concordance, log_loss
from acrcast.validation.resampling import cross_validated, cross_validated_in_both_arms
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.examples import example_table
from acrcast_training.fit import trial_rows
from acrcast_training.subgroups import figures, subgroups
from acrcast_training.table_one import table_one


@pytest.fixture(scope="module")
def cohort():
    return load_cohort(load_study("auranofin-ra"), table=example_table("auranofin-ra"))


def test_cross_validated_in_both_arms_are_of_the_same_folds(cohort):
    rows = trial_rows(cohort)
    expected = cross_validated(rows, ("prespecified",), folds=3, repeats=2, seed=4)["prespecified"]
    own, both = cross_validated_in_both_arms(rows, "prespecified", folds=3, repeats=2, seed=4)
    np.testing.assert_array_equal(own.risk, expected.risk)
    np.testing.assert_array_equal(own.distance, expected.distance)
    control, treated = both.risk
    np.testing.assert_array_equal(np.where(rows.arm == TREATED, treated, control), own.risk)
    assert np.abs(treated - control).min() > 0


def test_table_one_counts_by_arm_and_for_all(cohort):
    found = table_one(cohort)
    assert found["columns"] == [
        {"title": "Placebo", "patients": 149},
        {"title": "Auranofin", "patients": 153},
        {"title": "All", "patients": 302},
    ]
    # the published table: 83 of 302 are coded 1
    (first,) = [row for row in found["rows"] if row["label"].endswith(": 1")]
    assert [cell["count"] for cell in first["cells"]] == [43, 40, 83]
    (age,) = [row for row in found["rows"] if row["label"] == "Age"]
    assert age["cells"][2]["median"] == 54


def test_missing_is_counted_and_takes_no_part(cohort):
    cohort.covariates.values[:2, 0], before = np.nan, cohort.covariates.values[:2, 0].copy()
    try:
        (age,) = [row for row in table_one(cohort)["rows"] if row["label"] == "Age"]
    finally:
        cohort.covariates.values[:2, 0] = before
    assert (age["cells"][2]["known"], age["cells"][2]["missing"]) == (300, 2)


@pytest.fixture
def judged_alike(cohort):
    """(302,) risks that five fits agree on."""

    def make(risk):
        fold = np.arange(302)[None] % 5
        found = CrossValidated.empty(fold, 5, cohort.treated.astype(float))
        for k in range(5):
            found.put(0, k, risk)
        return found

    return make


def test_nineteen_responders_are_too_few_to_judge_and_twenty_are_not(cohort, judged_alike):
    found = judged_alike(np.linspace(0.1, 0.9, 302))
    responders, others = np.flatnonzero(cohort.responded), np.flatnonzero(~cohort.responded)

    def judged(count):
        members = np.isin(np.arange(302), [*responders[:count], *others[:30]])
        return figures(cohort, found, members, individual=True)

    assert judged(19) == {"patients": 49, "responders": 19, "too_few": True}
    enough = judged(20)
    assert not enough["too_few"]
    assert enough["observed_over_expected"][0] == pytest.approx(20 / (50 * enough["mean_risk"]), abs=1e-5)


def test_figures_of_everybody_are_those_of_cross_validation(cohort):
    rows = trial_rows(cohort)
    judged = cross_validated(rows, ("prespecified",), folds=5, repeats=2, seed=4)["prespecified"]
    everybody = figures(cohort, judged, np.ones(302, dtype=bool), individual=True)
    for name, of in (("c_statistic", cross_validated_c), ("calibration_slope", cross_validated_slope)):
        expected = of(judged, rows.y)
        assert everybody[name] == pytest.approx([expected.value, expected.low, expected.high], abs=1e-6)


def test_figures_of_a_subgroup_are_those_of_its_patients_alone(cohort, judged_alike):
    """Where all fits agree there is nothing but the patients themselves."""
    risk, y = np.linspace(0.1, 0.9, 302), cohort.responded.astype(float)
    members, arm = np.arange(302) % 3 > 0, cohort.treated.astype(float)
    found = figures(cohort, judged_alike(risk), members, individual=True)
    assert found["log_loss"] == pytest.approx(float(log_loss(risk, y)[members].mean()), abs=1e-6)
    pairs = concordance(risk[members], y[members], arm[members] + 2 * (np.flatnonzero(members) % 5))
    assert found["c_statistic"][0] == pytest.approx(pairs.value, abs=1e-6)


def test_subgroups_of_a_measure_hold_everybody_once(cohort, judged_alike):
    found = subgroups(cohort, judged_alike(np.full(302, 0.4)), individual=False)
    for group in {part["group"] for part in found}:
        assert sum(part["patients"] for part in found if part["group"] == group) == 302
    assert {part["group"] for part in found} == {
        "Arm",
        "Age",
        "Sex, as coded in the published table",
        "Self-assessment at baseline",
    }
    assert all("c_statistic" not in part for part in found)
