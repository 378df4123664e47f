"""The simulated trial of ld-il2-ra against what is published, and against its own truth.

Published values are written here as literals: Zhang 2022 (response, withdrawal), Lv 2015 (course of the methotrexate
arm), PMID 22699077 (Treg), GSE198520 and others (correlations).
"""

import csv
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from acrcast.contract import Undetectable
from acrcast.domain import CoreSet, acr_response, das28_esr
from acrcast.errors import UsageError
from acrcast.studies.ld_il2_ra import LdIl2RaPatient
from acrcast_training.data.simulator import SimulationOptions, comparison_table, published, simulate, write
from acrcast_training.data.simulator.baseline import COVARIATES, Patients, enrol
from acrcast_training.data.simulator.course import follow_up
from acrcast_training.data.simulator.margins import Levels, LogNormal
from acrcast_training.data.simulator.recording import as_columns, core_set, record

CONTROL, TREATED = "placebo+mtx", "ld-il2+mtx"
CORE_SET = [field.name for field in fields(CoreSet)]
FIVE = ["pain_mm", "patient_global_mm", "physician_global_mm", "haq_di", "esr_mm_per_h"]
IL21_LIMIT = "<15.6"


@pytest.fixture(scope="module")
def large():
    """20,000 patients as a data file would have them."""
    return simulate(SimulationOptions(patients=20_000, seed=3))


@pytest.fixture(scope="module")
def complete():
    """20,000 patients without a missing value at baseline."""
    return simulate(SimulationOptions(patients=20_000, seed=4, missing=False))


def core_set_of(table):
    return CoreSet(**{name: table[name].to_numpy(dtype=float, na_value=np.nan) for name in CORE_SET})


def acr20(trial, week):
    """Non-responder imputation: a patient without the visit did not respond."""
    visits = trial.visits[trial.visits.week == week].set_index("patient_id").reindex(trial.baseline.patient_id)
    return acr_response(core_set_of(trial.baseline), core_set_of(visits), 20, "esr")


def arm(trial, key):
    return (trial.baseline.arm == key).to_numpy()


def has_visit(trial, week):
    return trial.baseline.patient_id.isin(trial.visits.patient_id[trial.visits.week == week]).to_numpy()


def numbers(trial, name):
    if name == "das28_esr":
        at_baseline = core_set_of(trial.baseline)
        return das28_esr(
            tender_joint_count_28=at_baseline.tender_joint_count_28,
            swollen_joint_count_28=at_baseline.swollen_joint_count_28,
            esr_mm_per_h=at_baseline.esr_mm_per_h,
            patient_global_mm=at_baseline.patient_global_mm,
        )
    column = trial.baseline[name]
    if name == "il21_pg_per_ml":
        column = column.str.removeprefix("<").astype(float)
    return column.to_numpy(dtype=float, na_value=np.nan)


def log_odds(risk):
    return np.log(risk / (1 - risk))


# The tables


def test_the_baseline_has_every_field_of_the_patient_contract_in_its_order(large):
    assert list(large.baseline) == ["patient_id", "arm", "data_kind", *LdIl2RaPatient.model_fields]


def test_every_row_says_that_it_is_simulated(large):
    assert set(large.baseline.data_kind) == {"simulated"}


def test_visits_hold_the_core_set_at_weeks_4_12_and_24(large):
    assert list(large.visits) == ["patient_id", "week", *CORE_SET]
    assert set(large.visits.week) == {4, 12, 24}
    assert not large.visits.duplicated(["patient_id", "week"]).any()


def test_haq_alone_is_not_taken_at_week_4(large):
    at_week_4 = large.visits[large.visits.week == 4]
    assert at_week_4.haq_di.isna().all()
    assert at_week_4.drop(columns="haq_di").notna().all(axis=None)
    assert large.visits[large.visits.week > 4].notna().all(axis=None)


def test_follow_up_stays_on_its_scales(large):
    joints, scales = CORE_SET[:2], ["pain_mm", "patient_global_mm", "physician_global_mm"]
    assert large.visits[joints].max().max() == 28
    assert large.visits[scales].max().max() == 100
    assert large.visits.haq_di.max() == 3
    assert large.visits.min(numeric_only=True).min() >= 0
    assert (large.visits.haq_di.dropna() % 0.125 == 0).all()


def test_every_patient_is_a_valid_one(large):
    for row in large.baseline.drop(columns=["patient_id", "arm", "data_kind"]).head(400).to_dict("records"):
        present = {name: value for name, value in row.items() if not pd.isna(value)}
        if "il21_pg_per_ml" in present:
            text = present["il21_pg_per_ml"]
            present["il21_pg_per_ml"] = (
                Undetectable(comparator="<", value=float(text[1:])) if text.startswith("<") else float(text)
            )
        LdIl2RaPatient(**present)


def test_the_assays_are_those_of_the_study(large):
    assert set(large.baseline.treg_gating) == {"CD25+FoxP3+"}
    assert set(large.baseline.il21_assay) == {"ELISA"}


def test_allocation_is_1_to_1_in_blocks_of_four(large):
    assert (arm(large, TREATED).reshape(-1, 4).sum(axis=1) == 2).all()
    assert len({tuple(block) for block in arm(large, TREATED).reshape(-1, 4)}) == 6


def test_patients_are_numbered():
    assert list(simulate(SimulationOptions(patients=3)).baseline.patient_id) == ["P00001", "P00002", "P00003"]


# The same seed


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for folder in ("one", "other"):
        write(simulate(SimulationOptions(patients=150, seed=9)), tmp_path / folder)
    for name in ("baseline.csv", "visits.csv", "truth.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_another_seed_gives_other_patients():
    one, other = (simulate(SimulationOptions(patients=50, seed=seed)) for seed in (1, 2))
    assert not one.baseline.equals(other.baseline)


def test_effects_change_who_responds_and_not_who_enrols():
    one = simulate(SimulationOptions(patients=200, seed=5))
    other = simulate(SimulationOptions(patients=200, seed=5, treg_interaction=0, il21_interaction=0))
    pd.testing.assert_frame_equal(one.baseline, other.baseline)
    assert not one.truth.treated_risk.equals(other.truth.treated_risk)
    pd.testing.assert_series_equal(one.truth.control_risk, other.truth.control_risk)


def test_gaps_hide_values_and_change_none():
    gaps = simulate(SimulationOptions(patients=500, seed=5)).baseline
    whole = simulate(SimulationOptions(patients=500, seed=5, missing=False)).baseline
    assert whole.notna().all(axis=None)
    assert gaps.isna().any(axis=None)
    pd.testing.assert_frame_equal(gaps.where(gaps.notna(), whole).astype(whole.dtypes), whole)


# What was published: within 2 percentage points for response and withdrawal, 10 % for baseline means and SDs, 10 % or
# .05 (the larger) for correlations, 5 % for the course's means and 12 % for its SDs, twice that for CRP with its long tail.


@pytest.mark.parametrize(
    ("key", "week", "per_protocol", "randomised"),
    [
        (TREATED, 12, 12 / 17, 12 / 23),
        (CONTROL, 12, 10 / 23, 10 / 24),
        (TREATED, 24, 13 / 17, 13 / 23),
        (CONTROL, 24, 13 / 23, 13 / 24),
    ],
)
def test_acr20_has_the_trials_margins_per_protocol_and_over_all_randomised(large, key, week, per_protocol, randomised):
    responded, in_arm = acr20(large, week), arm(large, key)
    assert responded[in_arm].mean() == pytest.approx(randomised, abs=0.02)
    assert responded[in_arm & has_visit(large, 24)].mean() == pytest.approx(per_protocol, abs=0.02)


@pytest.mark.parametrize(("key", "share"), [(TREATED, 6 / 23), (CONTROL, 1 / 24)])
def test_as_many_withdraw_as_in_the_trial(large, key, share):
    assert 1 - has_visit(large, 24)[arm(large, key)].mean() == pytest.approx(share, abs=0.02)


def test_who_withdraws_does_so_before_week_12_and_has_no_later_row(large):
    np.testing.assert_array_equal(has_visit(large, 12), has_visit(large, 24))
    withdrew = ~has_visit(large, 24)
    assert 0 < has_visit(large, 4)[withdrew].mean() < 1
    assert has_visit(large, 4)[~withdrew].all()


@pytest.mark.parametrize(
    ("measure", "mean", "sd"),
    [
        ("age_years", 51, 10),
        ("tender_joint_count_28", 16.2, 8.3),
        ("swollen_joint_count_28", 9.1, 6.0),
        ("pain_mm", 71.8, 22.5),
        ("patient_global_mm", 68.0, 24.6),
        ("physician_global_mm", 62.8, 23.5),
        ("haq_di", 1.53, 0.85),
        ("esr_mm_per_h", 54.0, 28.0),
        ("crp_mg_per_l", 38.1, 40.3),
        ("treg_percent_of_cd4", 5.4, 1.6),
    ],
)
def test_baseline_means_and_sds_are_the_published_ones(large, measure, mean, sd):
    assert np.nanmean(numbers(large, measure)) == pytest.approx(mean, rel=0.1)
    assert np.nanstd(numbers(large, measure)) == pytest.approx(sd, rel=0.1)


def test_shares_and_duration_are_the_published_ones(large):
    table = large.baseline
    assert (table.sex == "female").mean() == pytest.approx(0.85, abs=0.02)
    assert table.rf_positive.mean() == pytest.approx(0.77, abs=0.02)
    assert table.anti_ccp_positive.mean() == pytest.approx(0.80, abs=0.02)
    assert table.disease_duration_years.median() == pytest.approx(4, abs=0.2)


@pytest.mark.parametrize(
    ("one", "other", "spearman"),
    [
        ("tender_joint_count_28", "swollen_joint_count_28", 0.21),
        ("tender_joint_count_28", "pain_mm", 0.38),
        ("pain_mm", "patient_global_mm", 0.42),
        ("patient_global_mm", "physician_global_mm", 0.44),
        ("tender_joint_count_28", "physician_global_mm", 0.38),
        ("swollen_joint_count_28", "physician_global_mm", 0.37),
        ("haq_di", "physician_global_mm", 0.31),
        ("haq_di", "pain_mm", 0.43),
        ("haq_di", "crp_mg_per_l", 0.35),
        ("esr_mm_per_h", "crp_mg_per_l", 0.50),
        ("il21_pg_per_ml", "esr_mm_per_h", 0.40),
        ("il21_pg_per_ml", "das28_esr", 0.60),
    ],
)
def test_baseline_correlations_are_the_published_ones(complete, one, other, spearman):
    found = stats.spearmanr(numbers(complete, one), numbers(complete, other)).statistic
    assert found == pytest.approx(spearman, rel=0.1, abs=0.05)


@pytest.mark.parametrize(
    "measure", ["tender_joint_count_28", "swollen_joint_count_28", "pain_mm", "patient_global_mm", "haq_di"]
)
def test_esr_goes_with_the_rest_weakly(complete, measure):
    assert -0.01 < stats.spearmanr(numbers(complete, "esr_mm_per_h"), numbers(complete, measure)).statistic < 0.26


def test_treg_falls_with_activity_weakly(complete):
    assert (
        -0.3 < stats.spearmanr(numbers(complete, "treg_percent_of_cd4"), numbers(complete, "das28_esr")).statistic < 0
    )


@pytest.mark.parametrize(
    ("week", "measure", "mean", "sd"),
    [
        (4, "tender_joint_count_28", 11.9, 7.8),
        (4, "swollen_joint_count_28", 5.5, 5.3),
        (4, "pain_mm", 52.3, 27.0),
        (4, "patient_global_mm", 51.7, 27.4),
        (4, "physician_global_mm", 45.8, 26.3),
        (4, "esr_mm_per_h", 40.9, 27.8),
        (4, "crp_mg_per_l", 25.3, 33.0),
        (12, "tender_joint_count_28", 9.8, 8.0),
        (12, "swollen_joint_count_28", 3.9, 4.7),
        (12, "pain_mm", 43.4, 25.7),
        (12, "patient_global_mm", 43.3, 26.6),
        (12, "physician_global_mm", 39.3, 26.4),
        (12, "haq_di", 0.93, 0.83),
        (12, "esr_mm_per_h", 34.4, 25.5),
        (12, "crp_mg_per_l", 19.5, 30.7),
        (24, "tender_joint_count_28", 7.1, 7.6),
        (24, "swollen_joint_count_28", 2.8, 4.3),
        (24, "pain_mm", 31.1, 24.4),
        (24, "patient_global_mm", 33.8, 23.3),
        (24, "physician_global_mm", 30.5, 25.0),
        (24, "haq_di", 0.76, 0.80),
        (24, "esr_mm_per_h", 27.6, 23.9),
        (24, "crp_mg_per_l", 15.2, 31.2),
    ],
)
def test_the_control_arm_follows_the_published_course(large, week, measure, mean, sd):
    control = large.baseline.patient_id[arm(large, CONTROL)]
    values = large.visits[(large.visits.week == week) & large.visits.patient_id.isin(control)][measure]
    tolerance = 2 if measure == "crp_mg_per_l" else 1
    assert values.mean() == pytest.approx(mean, rel=0.05 * tolerance)
    assert values.std() == pytest.approx(sd, rel=0.12 * tolerance)


def test_the_published_course_is_that_of_the_methotrexate_arm_in_the_source(shared_data):
    columns = {
        "tender_joint_count_28": "tjc",
        "swollen_joint_count_28": "sjc",
        "pain_mm": "pain_mm",
        "patient_global_mm": "ptga_mm",
        "physician_global_mm": "phga_mm",
        "haq_di": "haq",
        "esr_mm_per_h": "esr_mm_h",
        "crp_mg_per_l": "crp_mg_L",
    }
    with (shared_data / "trifra_trajectories.csv").open(newline="", encoding="utf-8") as file:
        source = {row["measure"]: row for row in csv.DictReader(file) if row["arm"] == "MTX"}
    for week, course in published.COURSE.items():
        expected = {
            name: (float(source[column][f"w{week}_mean"]), float(source[column][f"w{week}_sd"]))
            for name, column in columns.items()
            if source[column][f"w{week}_mean"]
        }
        assert course == expected


def test_only_who_was_eligible_is_enrolled(complete):
    assert complete.baseline.age_years.between(18, 70).all()
    assert numbers(complete, "das28_esr").min() > 3.2


def test_il21_is_right_skewed_and_a_tenth_is_below_its_limit(complete):
    column = complete.baseline.il21_pg_per_ml
    below = column.str.startswith("<")
    assert set(column[below]) == {IL21_LIMIT}
    assert below.mean() == pytest.approx(0.10, abs=0.02)
    found = column[~below].astype(float)
    assert found.min() >= 15.6
    assert found.mean() > 1.4 * found.median()


def test_the_assays_are_missing_most_often_and_joint_counts_never(large):
    missing = large.baseline.isna().mean()
    assert missing.il21_pg_per_ml == pytest.approx(0.12, abs=0.02)
    assert missing.treg_percent_of_cd4 == pytest.approx(0.10, abs=0.02)
    assert missing.drop(["il21_pg_per_ml", "treg_percent_of_cd4"]).max() < 0.08
    required = ["age_years", "sex", "tender_joint_count_28", "swollen_joint_count_28", "esr_mm_per_h"]
    assert (missing[required] == 0).all()


def test_everybody_could_respond_on_what_was_recorded(large):
    assert large.baseline[["tender_joint_count_28", "swollen_joint_count_28"]].min().min() == 1
    assert ((large.baseline[FIVE] > 0).sum(axis=1) >= 3).all()


def with_values(patients, name, values):
    """The same patients with this column instead."""
    changed = patients.values.copy()
    changed[:, COVARIATES.index(name)] = values
    return Patients(patients.scores, changed)


def test_too_little_is_never_left_of_the_five_to_improve_in():
    patients = with_values(enrol(100_000, np.random.default_rng(1)), "haq_di", 0.0)
    recorded = record(patients, missing=True, random=np.random.default_rng(2))
    five = recorded.values[:, [COVARIATES.index(name) for name in FIVE]]
    assert np.isnan(five).any()
    assert ((five > 0).sum(axis=1) >= 3).all()


def test_a_value_at_the_limit_of_the_assay_is_still_a_value():
    patients = with_values(enrol(2, np.random.default_rng(1)), "il21_pg_per_ml", [15.5, 15.6])
    recorded = record(patients, missing=False, random=np.random.default_rng(2))
    assert list(as_columns(recorded)["il21_pg_per_ml"]) == [IL21_LIMIT, "15.6"]


def test_nobody_fell_ill_before_the_age_of_16(complete):
    assert (complete.baseline.age_years - complete.baseline.disease_duration_years).min() >= 16


# The truth


def test_the_mean_of_the_truth_is_the_rate_in_each_arm(large):
    responded = acr20(large, 24)
    for key, column in ((CONTROL, "control_risk"), (TREATED, "treated_risk")):
        in_arm = arm(large, key)
        assert large.truth[column][in_arm].mean() == pytest.approx(responded[in_arm].mean(), abs=0.015)


@pytest.mark.parametrize(("key", "column"), [(CONTROL, "control_risk"), (TREATED, "treated_risk")])
def test_the_truth_is_calibrated_in_each_tenth_of_the_patients(large, key, column):
    in_arm = arm(large, key)
    risk, responded = large.truth[column].to_numpy()[in_arm], acr20(large, 24)[in_arm]
    for tenth in np.array_split(np.argsort(risk), 10):
        standard_error = np.sqrt(np.mean(risk[tenth] * (1 - risk[tenth])) / len(tenth))
        assert abs(responded[tenth].mean() - risk[tenth].mean()) < 3.5 * standard_error


def test_the_benefit_varies_with_treg_and_il21_as_asked_for():
    trial = simulate(SimulationOptions(patients=300, seed=6, missing=False))
    detected = ~trial.baseline.il21_pg_per_ml.str.startswith("<").to_numpy()
    # ln of 5.4 (1.6) has mean 1.6443 and SD .29008; IL-21 is drawn with median 64 and SD 1.1 on the log scale.
    treg = (np.log(numbers(trial, "treg_percent_of_cd4")) - 1.6443242) / 0.2900853
    il21 = (np.log(numbers(trial, "il21_pg_per_ml")) - np.log(64)) / 1.1
    difference = log_odds(trial.truth.treated_risk) - log_odds(trial.truth.control_risk)
    rest = (difference + 0.6 * treg - 0.5 * il21)[detected]
    assert rest.max() - rest.min() < 1e-6


def test_without_interactions_the_log_odds_ratio_is_the_same_for_all():
    truth = simulate(SimulationOptions(patients=300, seed=6, treg_interaction=0, il21_interaction=0)).truth
    difference = log_odds(truth.treated_risk) - log_odds(truth.control_risk)
    assert difference.max() - difference.min() < 1e-9


@pytest.mark.parametrize(("treg", "il21"), [(0.0, 0.0), (-2.0, 1.5), (1.0, -1.0)])
def test_the_margins_hold_whatever_the_effects(treg, il21):
    trial = simulate(SimulationOptions(patients=8000, seed=7, treg_interaction=treg, il21_interaction=il21))
    assert trial.truth.control_risk.mean() == pytest.approx(13 / 24, abs=0.01)
    assert trial.truth.treated_risk.mean() == pytest.approx(13 / 23, abs=0.01)
    assert acr20(trial, 12)[arm(trial, TREATED)].mean() == pytest.approx(12 / 23, abs=0.03)
    assert 1 - has_visit(trial, 24)[arm(trial, TREATED)].mean() == pytest.approx(6 / 23, abs=0.03)


def test_the_truth_separates_responders_no_better_than_published_models(large):
    def c_statistic(risk):
        """Expected for outcomes drawn from the risks themselves."""
        drawn = np.random.default_rng(0).random(len(risk)) < risk
        ranks = stats.rankdata(risk)[drawn]
        return (ranks.mean() - (len(ranks) + 1) / 2) / np.sum(~drawn)

    assert 0.60 < c_statistic(large.truth.control_risk) < 0.70
    assert 0.68 < c_statistic(large.truth.treated_risk) < 0.77


# The follow-up given the response


@pytest.mark.parametrize("pattern", [(False, False), (False, True), (True, False), (True, True)])
def test_the_derived_acr20_is_exactly_the_response_that_was_drawn(pattern):
    random = np.random.default_rng(8)
    patients = enrol(1500, random)
    baseline = core_set(record(patients, missing=True, random=random))
    wanted = {week: np.full(1500, response) for week, response in zip((12, 24), pattern, strict=True)}
    visits = follow_up(patients.scores, baseline, wanted, random)
    for week, responded in wanted.items():
        np.testing.assert_array_equal(acr_response(baseline, visits[week], 20, "esr"), responded)


def test_a_patient_with_hardly_anything_to_improve_can_be_a_responder_and_a_non_responder():
    little = np.array([1.0, 1.0])
    baseline = CoreSet(little, little, little, little, np.array([np.nan, np.nan]), np.zeros(2), little, little)
    wanted = {12: np.array([True, False]), 24: np.array([False, True])}
    visits = follow_up(np.full((2, 17), -3.0), baseline, wanted, np.random.default_rng(1))
    for week, responded in wanted.items():
        np.testing.assert_array_equal(acr_response(baseline, visits[week], 20, "esr"), responded)


# Distributions


def test_a_score_has_the_mean_and_sd_that_it_was_given():
    draws = Levels.score(published.MeanSd(1.53, 0.85), 0, 3, step=0.125).values(
        stats.norm.ppf((np.arange(20000) + 0.5) / 20000)
    )
    assert draws.mean() == pytest.approx(1.53, abs=0.005)
    assert draws.std() == pytest.approx(0.85, abs=0.005)
    assert set(draws) <= {0.125 * step for step in range(25)}


def test_a_score_with_an_impossible_sd_is_refused():
    with pytest.raises(ValueError, match="no beta-binomial from 0 to 28"):
        Levels.score(published.MeanSd(14, 1), 0, 28)


def test_a_log_normal_measure_has_the_mean_and_sd_that_it_was_given():
    margin = LogNormal.of_moments(published.MeanSd(54, 28), decimals=3, low=0, high=1e6)
    draws = margin.values(stats.norm.ppf((np.arange(20000) + 0.5) / 20000))
    assert draws.mean() == pytest.approx(54, rel=0.005)
    assert draws.std() == pytest.approx(28, rel=0.02)


# Options and files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patients": 0}, "patients: give at least 1"),
        ({"seed": -1}, "seed: give 0 or more"),
        ({"treg_interaction": float("nan")}, "treg_interaction: give a finite number"),
        ({"il21_interaction": float("inf")}, "il21_interaction: give a finite number"),
    ],
)
def test_an_option_out_of_its_range_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        SimulationOptions(**options)


@settings(max_examples=25)
@given(
    patients=st.integers(1, 30),
    seed=st.integers(0, 2**32),
    treg=st.floats(-4, 4),
    il21=st.floats(-4, 4),
    missing=st.booleans(),
)
def test_any_options_give_a_trial(patients, seed, treg, il21, missing):
    trial = simulate(SimulationOptions(patients, seed, treg, il21, missing))
    assert len(trial.baseline) == len(trial.truth) == patients
    assert abs(arm(trial, TREATED).sum() - patients / 2) <= 2
    assert trial.truth.control_risk.between(0, 1).all()
    assert trial.truth.treated_risk.between(0, 1).all()
    assert set(trial.visits.patient_id) <= set(trial.baseline.patient_id)


def test_files_hold_plain_text(tmp_path):
    trial = simulate(SimulationOptions(patients=60, seed=2))
    paths = write(trial, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["baseline.csv", "visits.csv", "truth.csv"]
    baseline, visits, truth = (pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths)
    assert set(baseline.rf_positive) == {"true", "false", ""}
    assert IL21_LIMIT in set(baseline.il21_pg_per_ml)
    assert "" in set(baseline.treg_percent_of_cd4)
    assert set(baseline.sex) == {"female", "male"}
    assert set(visits[visits.week == "4"].haq_di) == {""}
    assert list(truth) == ["patient_id", "control_risk", "treated_risk"]
    assert b"\r" not in paths[0].read_bytes()


def test_the_comparison_has_published_beside_simulated():
    rows = comparison_table(patients=2000, seed=1).splitlines()
    assert rows[:2] == ["| | Published | Simulated |", "|---|---|---|"]
    assert any(row.startswith("| Baseline: Pain (mm), mean (SD) | 71.8 (22.5) | ") for row in rows)
    assert any("ACR20 at week 24, completers | 13/17 (76.5 %) | " in row for row in rows)
    assert any(row.startswith("| Baseline: Serum IL-21 below the limit | not published | ") for row in rows)
