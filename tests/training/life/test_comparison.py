"""Who is new and who is held out, how two models are compared, and what changed between them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from acrcast.errors import FitError
from acrcast.estimators.design import CONTROL, TREATED
from acrcast.studies import load_study
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.simulator import SimulationOptions, simulate, write
from acrcast_training.fit import fit_model
from acrcast_training.retraining.changes import coefficients, moved
from acrcast_training.retraining.comparison import paired
from acrcast_training.retraining.split import AT_RANDOM, LATEST, split
from acrcast_training.sources import Source, described

DAYS = np.arange(738_000, 738_120)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """Two simulated trials of 120 patients, with identifiers of their own."""
    found = []
    for seed in (21, 22):
        baseline, visits, _ = write(
            simulate(SimulationOptions(patients=120, seed=seed)), tmp_path_factory.mktemp(f"trial-{seed}")
        )
        cohort = load_cohort(load_study("ld-il2-ra"), baseline=baseline, visits=visits)
        found.append(replace(cohort, patient_ids=np.char.add(f"T{seed}-", cohort.patient_ids)))
    return found


@pytest.fixture
def champion_of(released):
    """The released model, whose card says what it has seen."""
    return lambda **training_data: replace(released, card={"training_data": training_data})


def test_a_table_that_the_champion_was_made_from_is_not_new(cohorts, champion_of):
    champion = champion_of(fingerprint=cohorts[0].fingerprint)
    found = split([Source("old", cohorts[0]), Source("new", cohorts[1])], champion, seed=1)
    assert found.new.tolist() == [False] * 120 + [True] * 120
    assert not found.held_out[:120].any()


def test_a_table_among_several_that_it_was_made_from_is_not_new_either(cohorts, champion_of):
    champion = champion_of(fingerprint="joined", sources=described([Source("old", cohorts[0])]))
    assert not split([Source("old", cohorts[0]), Source("new", cohorts[1])], champion, seed=1).new[:120].any()


def test_recorded_patients_are_new_from_the_day_after_it_last_learned_from_records(cohorts, champion_of):
    seen = described([Source("export", cohorts[0].rows(slice(0, 40)), DAYS[:40])])
    found = split([Source("export", cohorts[0], DAYS)], champion_of(sources=seen), seed=1)
    assert found.new.tolist() == [False] * 40 + [True] * 80


def test_what_it_learned_in_an_update_is_not_new(cohorts, released):
    history = [{"sources": described([Source("export", cohorts[0].rows(slice(0, 40)), DAYS[:40])])}]
    champion = replace(released, card={"training_data": {}, "history": history})
    assert split([Source("export", cohorts[0], DAYS)], champion, seed=1).new.sum() == 80


def test_where_days_are_known_the_latest_quarter_is_held_out(cohorts, champion_of):
    order = np.random.default_rng(1).permutation(120)
    champion = champion_of(fingerprint=cohorts[1].fingerprint)
    found = split([Source("old", cohorts[1]), Source("export", cohorts[0], DAYS[order])], champion, seed=1)
    assert found.how == LATEST
    assert sorted(DAYS[order][found.held_out[120:]].tolist()) == DAYS[90:].tolist()


def test_where_a_day_is_not_known_a_quarter_is_drawn_within_arm_and_outcome(cohorts, champion_of):
    sources = [Source("table", cohorts[0]), Source("export", cohorts[1], DAYS)]
    found, again, other = (split(sources, champion_of(), seed=seed) for seed in (1, 1, 2))
    assert found.how == AT_RANDOM
    assert (found.held_out == again.held_out).all()
    assert (found.held_out != other.held_out).any()
    for treated in (True, False):
        for responded in (True, False):
            members = np.concatenate([(c.treated == treated) & (c.responded == responded) for c in cohorts])
            assert abs(found.held_out[members].sum() - members.sum() / 4) <= 1


def test_too_few_new_patients_compare_nothing(cohorts, champion_of):
    champion = champion_of(fingerprint=cohorts[0].fingerprint)
    with pytest.raises(FitError, match="39 patients whom the champion has not seen: at least 40 are needed"):
        split([Source("old", cohorts[0]), Source("new", cohorts[1].rows(slice(0, 39)))], champion, seed=1)


def test_outcomes_of_one_kind_among_those_held_out_compare_nothing(cohorts, champion_of):
    late_failures = replace(cohorts[0], responded=cohorts[0].responded & (DAYS < DAYS[90]))
    with pytest.raises(FitError, match="0 of the 30 patients held out responded"):
        split([Source("export", late_failures, DAYS)], champion_of(), seed=1)


def test_a_gain_is_the_mean_difference_of_log_loss_by_hand():
    """Champion 1/2 for all; retrained 3/4 for two responders and 1/2 for two others: ln 1.5, ln 1.5, 0, 0."""
    y, arm = np.array([1.0, 1.0, 0.0, 0.0]), np.full(4, TREATED)
    found = paired(np.full(4, 0.5), np.array([0.75, 0.75, 0.5, 0.5]), y, arm)
    assert found.gain.value == pytest.approx(math.log(1.5) / 2)
    spread = math.log(1.5) / 2 * math.sqrt(4 / 3)
    assert found.gain.high - found.gain.value == pytest.approx(1.959964 * spread / 2, rel=1e-6)
    assert found.brier.value == pytest.approx((0.25 - 0.0625) / 2)
    assert (found.patients, found.responders) == (4, 2)


def test_net_benefit_is_compared_at_each_threshold_by_hand():
    """At 0.6 the champion treats nobody and the retrained model the two responders: half a responder per patient."""
    y = np.array([1.0, 1.0, 0.0, 0.0])
    found = dict(paired(np.full(4, 0.5), np.array([0.75, 0.75, 0.5, 0.5]), y, np.full(4, TREATED)).net_benefit)
    assert found[0.6].value == pytest.approx(0.5)
    assert found[0.5].value == 0


def test_the_same_risks_gain_nothing():
    rng = np.random.default_rng(1)
    risk, y = rng.random(50), (rng.random(50) < 0.5).astype(float)
    found = paired(risk, risk, y, np.full(50, CONTROL))
    assert (found.gain.value, found.gain.low, found.gain.high) == (0, 0, 0)


@pytest.fixture(scope="module")
def models(cohorts):
    return [fit_model(cohort, "hierarchical", seed=1) for cohort in cohorts]


def test_coefficients_on_the_champions_scale_give_the_same_risks(cohorts, models):
    champion, retrained = models
    complete = ~np.isnan(cohorts[0].covariates.values).any(axis=1) & ~cohorts[0].covariates.below.any(axis=1)
    covariates = cohorts[0].covariates.rows(complete)
    old, _ = champion.standardise(covariates)
    new, _ = retrained.standardise(covariates)
    found = {row.term: row.retrained.value for row in coefficients(champion, retrained)}
    as_told = np.array([found.get(term, 0.0) for term in champion.terms.names])
    for arm in (CONTROL, TREATED):
        expected = retrained.terms.matrix(arm, new) @ retrained.ensemble.point
        assert champion.terms.matrix(arm, old) @ as_told == pytest.approx(expected, abs=1e-9)


def test_a_model_compared_with_itself_has_not_changed(models):
    for row in coefficients(models[0], models[0]):
        assert row.champion == row.retrained


def test_boosted_trees_have_no_coefficients(cohorts, models):
    assert coefficients(models[0], fit_model(cohorts[1], "xgboost", seed=1)) == ()


def test_groups_are_told_and_those_that_moved_most_come_first(cohorts):
    cohort = cohorts[0]
    before = np.full(120, 0.5)
    after = np.where(cohort.treated, 0.65, 0.45)
    everyone, *groups = moved(cohort, before, after)
    treated = int(cohort.treated.sum())
    assert (everyone.group, everyone.patients) == ("All patients", 120)
    assert everyone.far == pytest.approx(treated / 120)
    arms = {row.subgroup: row for row in groups if row.group == "Arm"}
    assert arms["Low-dose IL-2 with methotrexate"].change == pytest.approx(0.15)
    assert arms["Methotrexate alone"].change == pytest.approx(-0.05)
    assert groups[0].subgroup == "Low-dose IL-2 with methotrexate"
    assert all(row.patients >= 5 for row in groups)
