"""The complete answer for a patient."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from acrcast.answer import predict_patients
from acrcast.estimators.normal import expit
from acrcast.prediction import ModelIdentity

CANDIDATES = ["prevalence", "prespecified", "hierarchical", "firth", "elastic-net", "xgboost"]
# XGBoost's single precision, and six decimals of each of up to eighteen parts.
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def answered(a_model, covariates_of, a_patient):
    """The answer of a model for one patient, of whom only what differs from the typical one is named."""

    def answer(candidate="hierarchical", level=0.95, **changed):
        model = a_model(candidate)
        return predict_patients(model, covariates_of(a_patient(**changed)), level=level)[0]

    return answer


def log_odds_of(probability):
    return math.log(probability / (1 - probability))


UNKNOWN = {
    "complete": {},
    "one missing": {"treg_percent_of_cd4": None},
    "several missing": {"treg_percent_of_cd4": None, "haq_di": None, "rf_positive": None, "crp_mg_per_l": None},
    "undetectable": {"il21_pg_per_ml": {"comparator": "<", "value": 60.0}},
    "both": {"il21_pg_per_ml": {"comparator": "<", "value": 60.0}, "haq_di": None},
}


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize("unknown", UNKNOWN)
def test_baseline_and_contributions_add_up_to_the_log_odds_of_both_arms(answered, candidate, unknown):
    answer = answered(candidate, **UNKNOWN[unknown])
    treated = answer.explanation_baseline + sum(part.contribution for part in answer.explanation)
    control = answer.explanation_control_baseline + sum(part.control_contribution for part in answer.explanation)
    assert treated == pytest.approx(log_odds_of(answer.treated.probability), abs=TOLERANCE)
    assert control == pytest.approx(log_odds_of(answer.control.probability), abs=TOLERANCE)


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_contributions_of_one_arm_add_up_too(a_model, a_trial, one_arm, candidate):
    covariates = a_trial(one_arm, 12, seed=2, missing=0.4).covariates
    for answer in predict_patients(a_model(candidate, one_arm), covariates):
        total = answer.explanation_baseline + sum(part.contribution for part in answer.explanation)
        assert total == pytest.approx(log_odds_of(answer.treated.probability), abs=TOLERANCE)


def test_every_measure_that_was_taken_is_explained_once_and_the_rest_together(answered, ld_il2):
    answer = answered(haq_di=None, il21_pg_per_ml={"comparator": "<", "value": 60.0})
    explained = [part.measure for part in answer.explanation]
    assert len(explained) == len(set(explained))
    names = {field.name for field in ld_il2.contract.covariates}
    assert set(explained) == names - {"haq_di", "il21_pg_per_ml"} | {None}
    rest = next(part for part in answer.explanation if part.measure is None)
    assert rest.label == "Measures not taken or below detection, averaged over"


def test_a_complete_patient_has_no_part_for_what_was_not_taken(answered):
    assert None not in [part.measure for part in answered().explanation]


def test_the_largest_contribution_comes_first(answered):
    sizes = [abs(part.contribution) for part in answered().explanation]
    assert sizes == sorted(sizes, reverse=True)


def test_a_category_is_one_part_of_the_explanation(a_model, a_trial, one_arm):
    answer = predict_patients(a_model("hierarchical", one_arm), a_trial(one_arm, 1).covariates)[0]
    assert [part.measure for part in answer.explanation].count("stage") == 1


def test_the_median_patient_is_explained_by_little(a_model, a_trial, ld_il2):
    """Contributions are against the average patient of the training data."""
    trial = a_trial(ld_il2, 120, seed=3)
    answers = predict_patients(a_model(), trial.covariates)
    mean = np.mean([sum(part.contribution for part in answer.explanation) for answer in answers])
    assert abs(mean) < 0.15


@pytest.mark.parametrize("candidate", CANDIDATES)
@pytest.mark.parametrize("unknown", UNKNOWN)
def test_numbers_hang_together(answered, candidate, unknown):
    answer = answered(candidate, **UNKNOWN[unknown])
    for part in (answer.treated, answer.control):
        assert part.interval[0] <= part.probability <= part.interval[1]
        assert part.average_interval[0] < part.average < part.average_interval[1]
    assert answer.benefit.interval[0] <= answer.benefit.difference <= answer.benefit.interval[1]
    assert answer.benefit.difference == pytest.approx(
        answer.treated.probability - answer.control.probability, abs=1.01e-6
    )


def test_numbers_leave_with_six_decimals_and_without_a_negative_zero(answered, a_model, covariates_of, a_patient):
    plain = answered(haq_di=None).as_answer()
    numbers = []

    def collect(value):
        if isinstance(value, dict):
            [collect(item) for item in value.values()]
        elif isinstance(value, list):
            [collect(item) for item in value]
        elif isinstance(value, float):
            numbers.append(value)

    collect(plain)
    assert all(round(number, 6) == number for number in numbers)
    # with no effect at all, every contribution and the benefit are zero
    model = a_model()
    nothing = replace(model, ensemble=replace(model.ensemble, point=0 * model.ensemble.point))
    flat = predict_patients(nothing, covariates_of(a_patient()))[0].as_answer()
    collect(flat)
    assert not re.search(r"-0\.0(?!\d)", json.dumps(flat))


def test_an_answer_is_plain_data_for_json(answered):
    assert json.loads(json.dumps(answered().as_answer(), allow_nan=False)) == answered().as_answer()


def test_the_same_patient_gets_the_same_answer(answered):
    assert answered(haq_di=None) == answered(haq_di=None)


def test_patients_alone_or_together_get_the_same_answers(a_model, a_trial, ld_il2):
    covariates = a_trial(ld_il2, 10, seed=4, missing=0.2, below=0.1).covariates
    together = predict_patients(a_model(), covariates)
    for i in range(10):
        alone = predict_patients(a_model(), covariates.rows(slice(i, i + 1)))[0]
        assert alone.treated.probability == pytest.approx(together[i].treated.probability, abs=1e-6)
        assert (alone.support, alone.cautions) == (together[i].support, together[i].cautions)
        assert [part.measure for part in alone.missing] == [part.measure for part in together[i].missing]


# one arm


def test_a_one_arm_study_answers_without_control_or_benefit(a_model, a_trial, one_arm):
    covariates = a_trial(one_arm, 1, missing=1.0).covariates
    answer = predict_patients(a_model("hierarchical", one_arm), covariates)[0].as_answer()
    assert "control" not in json.dumps(answer).replace("uncontrolled", "")
    assert "benefit" not in answer
    assert answer["treated"]["arm"] == "drug"
    assert answer["derived"] == {}


# what was not taken


def test_what_was_not_taken_is_named_with_the_width_now_and_then(answered):
    answer = answered(treg_percent_of_cd4=None, haq_di=None)
    assert {part.measure for part in answer.missing} == {"treg_percent_of_cd4", "haq_di"}
    width = answer.treated.interval[1] - answer.treated.interval[0]
    for part in answer.missing:
        assert part.interval_width == pytest.approx(width, abs=2e-6)
        assert 0 < part.expected_interval_width_if_measured <= 1
    assert answer.missing[0].measure == "treg_percent_of_cd4"  # what would help most comes first


def test_a_complete_patient_misses_nothing_and_an_undetectable_result_was_taken(answered):
    assert answered().missing == ()
    assert answered(il21_pg_per_ml={"comparator": "<", "value": 60.0}).missing == ()


@pytest.mark.parametrize("candidate", ["hierarchical", "prevalence", "xgboost"])
def test_taking_a_measure_is_never_expected_to_widen_the_interval(a_model, a_trial, ld_il2, candidate):
    n = 8 if candidate == "xgboost" else 25
    covariates = a_trial(ld_il2, n, seed=6, missing=0.25).covariates
    found = [part for answer in predict_patients(a_model(candidate), covariates) for part in answer.missing]
    assert len(found) > 10
    assert all(part.expected_interval_width_if_measured <= part.interval_width for part in found)


def test_the_expected_width_is_what_taking_the_measure_gives_on_average(a_model, a_trial, ld_il2):
    """Among many patients, hiding Treg and asking, against the widths that knowing it gives."""
    model = a_model()
    known = a_trial(ld_il2, 60, seed=8).covariates
    j = [field.name for field in ld_il2.contract.covariates].index("treg_percent_of_cd4")
    values = known.values.copy()
    values[:, j] = np.nan
    expected = [
        answer.missing[0].expected_interval_width_if_measured
        for answer in predict_patients(model, replace(known, values=values))
    ]
    found = model.risks(known).treated
    assert np.mean(expected) == pytest.approx((found.high - found.low).mean(), abs=0.015)


# levels, averages, scores


def test_the_level_is_said_and_widens_both_intervals(answered):
    narrow, wide = answered(level=0.5), answered(level=0.99)
    assert (narrow.level, wide.level) == (0.5, 0.99)
    for part in ("interval", "average_interval"):
        (a, b), (c, d) = getattr(narrow.treated, part), getattr(wide.treated, part)
        assert c < a < b < d
    assert narrow.treated.probability == wide.treated.probability


def test_averages_are_the_jeffreys_posterior_of_each_arms_rate(answered, a_trial, ld_il2):
    from scipy.stats import beta

    trial = a_trial(ld_il2, 120, seed=3)
    answer = answered()
    for part, treated in ((answer.treated, True), (answer.control, False)):
        r = trial.responded[trial.treated == treated].sum()
        posterior = beta(r + 0.5, 60 - r + 0.5)
        assert part.average == pytest.approx(posterior.mean(), abs=1e-4)
        np.testing.assert_allclose(part.average_interval, posterior.ppf([0.025, 0.975]), rtol=0, atol=2e-3)


def test_scores_that_can_be_derived_are_given_with_two_decimals(answered):
    answer = answered(
        tender_joint_count_28=4, swollen_joint_count_28=5, esr_mm_per_h=7, patient_global_mm=50, crp_mg_per_l=None
    )
    assert answer.derived == {"das28_esr": 3.81, "cdai": 20.0}


def test_what_the_answer_is_of_is_said(answered, ld_il2):
    answer = answered("prevalence")
    assert (answer.study, answer.endpoint) == ("ld-il2-ra", "ACR20 at week 24")
    assert answer.treated.arm == "ld-il2+mtx"
    assert answer.control.arm == "placebo+mtx"
    assert answer.intended_use == ld_il2.intended_use
    assert answer.estimate_conditions_on.startswith("the treatment arm only")
    assert answer.explanation_scale == "log-odds"


# cautions


def test_simulated_training_data_are_a_caution(answered):
    assert answered().cautions[0].startswith("Trained on simulated patients")


def test_cautions_of_the_card_go_with_every_answer(a_model, covariates_of, a_patient):
    model = a_model()
    warned = replace(
        model, card={"cautions": ["Not externally validated."]}, identity=ModelIdentity("m", "1", "sha256:0", "trial")
    )
    assert predict_patients(warned, covariates_of(a_patient()))[0].cautions == ("Not externally validated.",)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"treg_gating": None}, "Treg gating is not named: the model was trained with CD25+FoxP3+"),
        ({"treg_gating": "CD25+CD127low"}, "Treg gating differs from the CD25+FoxP3+ that the model was trained with"),
        ({"treg_gating": "CD25+CD127low"}, "outside the training data (Treg frequency)"),
        ({"crp_mg_per_l": 500.0, "esr_mm_per_h": 1}, "training data ("),
    ],
)
def test_what_to_beware_of_is_said(answered, changed, words):
    assert any(words in caution for caution in answered(**changed).cautions)


def test_the_assay_of_a_measure_that_was_not_taken_does_not_matter(answered):
    cautions = answered(treg_percent_of_cd4=None, treg_gating=None).cautions
    assert not [caution for caution in cautions if "gating" in caution]


def test_no_caution_tells_a_value_of_the_patient(answered):
    answer = answered(crp_mg_per_l=487.25, treg_gating="my own gating", age_years=97.75)
    assert not [caution for caution in answer.cautions if "487" in caution or "my own" in caution or "97" in caution]


# extremes


@pytest.mark.parametrize("missing", [False, True])
def test_a_patient_beyond_all_measure_gets_a_finite_answer(a_model, covariates_of, a_patient, missing):
    covariates = covariates_of(a_patient(haq_di=None if missing else 1.5))
    values = covariates.values.copy()
    values[0, 0] = 1e12
    for sign in (1, -1):
        values[0, 0] *= sign
        answer = predict_patients(a_model(), replace(covariates, values=values))[0]
        assert json.dumps(answer.as_answer(), allow_nan=False)
        assert answer.support.status == "outside"
        assert expit(np.array(answer.explanation_baseline)) > 0


def test_an_arms_response_rate_is_carried_by_no_measure(answered):
    answer = answered("prevalence", haq_di=None)
    assert answer.explanation == ()
    assert answer.explanation_baseline == pytest.approx(log_odds_of(answer.treated.probability), abs=TOLERANCE)
