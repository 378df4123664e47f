"""What must hold for any patient, found by hypothesis."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from acrcast.domain import (
    CoreSet,
    acr_n,
    acr_response,
    cdai,
    das28_crp,
    das28_crp_3,
    das28_esr,
    das28_esr_3,
    eular_response,
    relative_improvement,
    sdai,
)

# A loaded machine is no defect of a formula.
unhurried = settings(deadline=None)

joint_counts = st.integers(0, 28)
scales_mm = st.integers(0, 100)
# As they are recorded: HAQ-DI in eighths or to one decimal, CRP to one decimal
haq_dis = st.one_of(st.integers(0, 24).map(lambda eighths: eighths / 8), st.integers(0, 30).map(lambda n: n / 10))
esrs = st.integers(0, 140)
crps = st.integers(0, 2000).map(lambda tenths: tenths / 10)
COLUMNS = (joint_counts, joint_counts, scales_mm, scales_mm, scales_mm, haq_dis, esrs, crps)
complete_rows = st.tuples(*COLUMNS)
rows = st.tuples(*[st.one_of(column, st.just(math.nan)) for column in COLUMNS])
levels = st.sampled_from([20, 50, 70])
reactants = st.sampled_from(["esr", "crp"])


def visit(patients):
    return CoreSet(*np.array(patients, dtype=float).reshape(-1, 8).T)


def improved_on_paper(before, after, level):
    """At least `level` % in exact decimal arithmetic, as a clinician reads the recorded numbers."""
    if math.isnan(before) or math.isnan(after):
        return False
    exact_before, exact_after = Fraction(str(before)), Fraction(str(after))
    return exact_before > 0 and (exact_before - exact_after) * 100 >= level * exact_before


@unhurried
@given(st.lists(st.tuples(rows, rows), min_size=1, max_size=8), levels, reactants)
def test_the_acr_response_is_the_definition_worked_on_paper(pairs, level, acute_phase):
    on_paper = []
    for before, after in pairs:
        met = [improved_on_paper(x, y, level) for x, y in zip(before, after, strict=True)]
        five = [*met[2:6], met[6] if acute_phase == "esr" else met[7]]
        on_paper.append(met[0] and met[1] and sum(five) >= 3)
    baseline, follow_up = visit([pair[0] for pair in pairs]), visit([pair[1] for pair in pairs])
    assert acr_response(baseline, follow_up, level, acute_phase).tolist() == on_paper


@unhurried
@given(complete_rows)
def test_a_patient_exactly_20_percent_better_in_everything_always_responds(before):
    assume(before[0] > 0 and before[1] > 0 and sum(value > 0 for value in before[2:7]) >= 3)
    after = [float(Fraction(str(value)) * 4 / 5) for value in before]
    assert acr_response(visit([before]), visit([after])).tolist() == [True]


@unhurried
@given(rows, rows, st.integers(0, 7), st.floats(0, 1000), levels)
def test_worsening_a_component_or_losing_it_never_makes_a_responder(before, after, component, rise, level):
    baseline, follow_up = visit([before]), visit([after])
    for worse_value in (after[component] + rise, math.nan):
        worse = visit([[*after[:component], worse_value, *after[component + 1 :]]])
        assert acr_response(baseline, worse, level) <= acr_response(baseline, follow_up, level)


@unhurried
@given(rows, rows, reactants)
def test_every_acr70_is_an_acr50_and_every_acr50_an_acr20(before, after, acute_phase):
    acr20, acr50, acr70 = (acr_response(visit([before]), visit([after]), x, acute_phase) for x in (20, 50, 70))
    assert acr70 <= acr50 <= acr20


@unhurried
@given(rows, rows, levels, reactants)
def test_acr_n_reaches_the_level_exactly_where_the_patient_responds_missing_or_not(before, after, level, acute_phase):
    baseline, follow_up = visit([before]), visit([after])
    reached = acr_n(baseline, follow_up, acute_phase) >= level
    assert reached.tolist() == acr_response(baseline, follow_up, level, acute_phase).tolist()


@unhurried
@given(complete_rows, complete_rows)
def test_acr_n_of_complete_data_is_never_missing_and_never_above_100(before, after):
    assert acr_n(visit([before]), visit([after]))[0] <= 100


@unhurried
@given(
    st.lists(st.tuples(rows, rows), min_size=1, max_size=8),
    levels,
    reactants,
)
def test_many_patients_at_once_get_what_each_gets_alone(pairs, level, acute_phase):
    baseline, follow_up = visit([pair[0] for pair in pairs]), visit([pair[1] for pair in pairs])
    together = acr_response(baseline, follow_up, level, acute_phase)
    n_together = acr_n(baseline, follow_up, acute_phase)
    for i in range(len(pairs)):
        alone = baseline.take([i]), follow_up.take([i])
        assert acr_response(*alone, level, acute_phase)[0] == together[i]
        np.testing.assert_array_equal(acr_n(*alone, acute_phase)[0], n_together[i])
        one_das28 = das28_of(baseline, i)
        # The logarithm of one number and of many may differ in the last bit, by the processor.
        np.testing.assert_allclose(one_das28, das28_of(baseline, slice(None))[i], rtol=1e-12)
        np.testing.assert_array_equal(
            eular_response(one_das28, das28_of(follow_up, i)),
            eular_response(das28_of(baseline, slice(None)), das28_of(follow_up, slice(None)))[i],
        )


def das28_of(patients, which):
    return das28_esr(
        tender_joint_count_28=patients.tender_joint_count_28[which],
        swollen_joint_count_28=patients.swollen_joint_count_28[which],
        esr_mm_per_h=patients.esr_mm_per_h[which],
        patient_global_mm=patients.patient_global_mm[which],
    )


@unhurried
@given(complete_rows, st.integers(0, 7), st.floats(0, 1000))
def test_every_activity_score_rises_or_stays_when_a_component_rises(row, component, rise):
    higher = [*row[:component], row[component] + rise, *row[component + 1 :]]
    for score in (das28_esr, das28_crp, das28_esr_3, das28_crp_3, cdai, sdai):
        inputs = [name for name in score.__annotations__ if name != "return"]
        before, after = (score(**{name: getattr(visit([values]), name) for name in inputs}) for values in (row, higher))
        assert before[0] <= after[0]


@unhurried
@given(esrs, st.floats(0, 1000), st.floats(0, 1000))
def test_improvement_falls_or_stays_as_the_follow_up_rises(before, after, rise):
    assert relative_improvement(before, after + rise) <= relative_improvement(before, after)


@unhurried
@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 10))
def test_a_larger_attained_das28_is_never_a_better_eular_response(before, after, rise):
    assert eular_response(before, after + rise) <= eular_response(before, after)
