"""What a model keeps for its report: summaries of the baseline, figures of subgroups, risks in both arms."""

import numpy as np
import pytest

from acrcast.estimators.design import TREATED
from acrcast.studies import load_study
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
    own = cross_validated(rows, ("prespecified",), folds=3, repeats=2, seed=4)["prespecified"].risk
    control, treated = cross_validated_in_both_arms(rows, "prespecified", folds=3, repeats=2, seed=4)
    np.testing.assert_array_equal(np.where(rows.arm == TREATED, treated, control), own)
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


def test_nineteen_responders_are_too_few_to_judge_and_twenty_are_not(cohort):
    risk = np.linspace(0.1, 0.9, 302)
    responders, others = np.flatnonzero(cohort.responded), np.flatnonzero(~cohort.responded)

    def judged(count):
        members = np.isin(np.arange(302), [*responders[:count], *others[:30]])
        return figures(cohort, risk, members, individual=True)

    assert judged(19) == {"patients": 49, "responders": 19, "too_few": True}
    enough = judged(20)
    assert not enough["too_few"]
    assert enough["observed_over_expected"][0] == pytest.approx(20 / (50 * enough["mean_risk"]), abs=1e-5)


def test_subgroups_of_a_measure_hold_everybody_once(cohort):
    found = subgroups(cohort, np.full(302, 0.4), individual=False)
    for group in {part["group"] for part in found}:
        assert sum(part["patients"] for part in found if part["group"] == group) == 302
    assert {part["group"] for part in found} == {
        "Arm",
        "Age",
        "Sex, as coded in the published table",
        "Self-assessment at baseline",
    }
    assert all("c_statistic" not in part for part in found)
