"""The words of a card, from predictions written by hand."""

from dataclasses import replace

import pytest

from acrcast.prediction import (
    ArmRisk,
    Benefit,
    Contribution,
    MissingMeasure,
    ModelIdentity,
    Prediction,
    Support,
)
from acrcast.studies import load_study
from acrcast_service.cds_hooks.cards import missing_card, prediction_card
from acrcast_service.cds_hooks.schemas import Source
from acrcast_service.fhir.entries import Entry
from acrcast_service.fhir.reading import Reading

SOURCE = Source("acrcast", "https://cds.test/")


@pytest.fixture(scope="module")
def study():
    return load_study("ld-il2-ra")


@pytest.fixture
def prediction():
    return Prediction(
        prediction_id="d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        study="ld-il2-ra",
        endpoint="ACR20 at week 24",
        model=ModelIdentity("acr20", "7", "sha256:0123456789abcdef", "simulated"),
        control=ArmRisk("placebo+mtx", 0.52, (0.41, 0.63), 0.47, (0.4, 0.5)),
        treated=ArmRisk("ld-il2+mtx", 0.706, (0.58, 0.82), 0.61, (0.5, 0.7)),
        benefit=Benefit(0.19, (-0.02, 0.35), 0.97),
        level=0.95,
        estimate_conditions_on="every measure",
        derived={"das28_esr": 6.1, "cdai": 38.2},
        explanation_scale="log-odds",
        explanation_baseline=0.2,
        explanation_control_baseline=0.1,
        explanation=(
            Contribution("treg_percent_of_cd4", "Treg frequency", 0.405465, 0.0),
            Contribution(None, "Measures not taken or below detection, averaged over", 0.3, 0.3),
            Contribution("esr_mm_per_h", "ESR", -0.105361, -0.223144),
            Contribution("sex", "Sex", 0.001, 0.001),
        ),
        support=Support("edge", ("crp_mg_per_l",)),
        missing=(
            MissingMeasure("il21_pg_per_ml", "Serum IL-21", 0.24, 0.19),
            MissingMeasure("pain_mm", "Pain", 0.24, 0.238),
            MissingMeasure("haq_di", "HAQ disability index", 0.24, 0.239),
        ),
        cautions=("Trained on simulated patients: the numbers show the method, not the treatment.",),
        intended_use="Research use only.",
    )


@pytest.fixture
def reading():
    return Reading(values={"age_years": 54.0, "rf_positive": True, "il21_pg_per_ml": {"comparator": "<", "value": 3.9}})


def test_a_card_in_full(study, prediction, reading):
    card = prediction_card(study, prediction, reading, SOURCE, "https://cds.test/basis/x")
    assert card.summary == (
        "ACR20 at week 24: Low-dose IL-2 with methotrexate 71 % (58 to 82); Methotrexate alone 52 % (41 to 63). "
        "Research only, simulated data."
    )
    assert (
        card.detail
        == """\
**Research use only: not a medical device, not for diagnosis or treatment decisions. Low-dose interleukin-2 is investigational in rheumatoid arthritis.**

| ACR20 at week 24 | Probability | 95 % interval | Average of the arm |
| --- | --- | --- | --- |
| Low-dose IL-2 with methotrexate | **71 %** | 58 to 82 % | 61 % |
| Methotrexate alone | **52 %** | 41 to 63 % | 47 % |

**Difference: +19 percentage points** (-2 to +35) for Low-dose IL-2 with methotrexate over Methotrexate alone. It is above zero with a probability of 97 %.

**What carried it**: the factor by which a measure moved the odds of response, against the average patient. It describes this prediction, and is no effect of changing the measure.

| Measure | Low-dose IL-2 with methotrexate | Methotrexate alone |
| --- | --- | --- |
| Treg frequency | 1.50 | 1.00 |
| ESR | 0.90 | 0.80 |

**Not known, and averaged over**, and what each would do to the interval with treatment

- Serum IL-21: would be expected to narrow it from 24 to 19 points
- Pain, HAQ disability index: would hardly change it

**Where this patient lies**: At the edge of the patients that the model was trained on: CRP.

**What was used**

- Age 54 years, Serum IL-21 \\< 3.9 pg/mL, Rheumatoid factor positive yes
- DAS28-ESR 6.1, CDAI 38.2

**Take care**

- Trained on simulated patients: the numbers show the method, not the treatment.

Model acr20 7 (`sha256:0123456789ab`), trained on simulated patients, no real ones. Prediction `d1577c69-dfbe-44ad-ba6d-3e05e953b2ea`."""
    )


def test_two_risks_that_read_the_same_have_no_difference(study, prediction, reading):
    treated, control = replace(prediction.treated, probability=0.554), replace(prediction.control, probability=0.545)
    alike = replace(prediction, treated=treated, control=control, benefit=Benefit(0.009, (-0.07, 0.09), 0.58))
    detail = prediction_card(study, alike, reading, SOURCE, None).detail
    assert detail.count("**55 %**") == 2
    assert "**Difference: 0 percentage points** (-7 to +9)" in detail


def test_no_probability_is_said_to_be_0_or_100(study, prediction, reading):
    certain = replace(prediction, benefit=Benefit(0.19, (0.02, 0.35), 0.998))
    rare = replace(certain, control=replace(prediction.control, probability=0.003, interval=(0.0, 0.02)))
    card = prediction_card(study, rare, reading, SOURCE, None)
    assert "It is above zero with a probability of more than 99 %." in card.detail
    assert "| Methotrexate alone | **less than 1 %** | 0 to 2 % |" in card.detail
    assert "less than 1 % (0 to 2)" in card.summary


def test_a_study_of_one_arm_has_no_difference(study, prediction, reading):
    alone = replace(study, arms=(study.treated,), control=None, effect_modifiers=())
    explained = tuple(replace(item, control_contribution=None) for item in prediction.explanation)
    one = replace(prediction, control=None, benefit=None, explanation=explained)
    card = prediction_card(alone, one, reading, SOURCE, None)
    assert card.summary == (
        "ACR20 at week 24: Low-dose IL-2 with methotrexate 71 % (58 to 82). Research only, simulated data."
    )
    assert "Difference" not in card.detail
    assert "| Treg frequency | 1.50 |\n" in card.detail
    assert card.links is None


@pytest.mark.parametrize(
    ("endpoint", "summary"),
    [
        ("ACR20 at week 24", "ACR20 at week 24: 71 % (58 to 82) treated; 52 % (41 to 63) control. Research only, simulated data."),
        ("x" * 120, "Response: 71 % (58 to 82) treated; 52 % (41 to 63) control. Research only, simulated data."),
    ],
)  # fmt: skip
def test_a_summary_stays_shorter_than_140_characters(study, prediction, reading, endpoint, summary):
    long = tuple(replace(arm, title=arm.title * 4) for arm in study.arms)
    card = prediction_card(replace(study, arms=long), replace(prediction, endpoint=endpoint), reading, SOURCE, None)
    assert card.summary == summary


def test_a_long_list_of_what_is_missing_is_counted_in_the_summary(study, reading):
    card = missing_card(study, study.contract.covariates, reading, SOURCE)
    assert card.summary == "No prediction of response: 17 measures are not known."
    assert card.detail.count("\n- ") == 17


def test_where_nothing_carried_a_prediction_nothing_is_said_of_it(study, prediction, reading):
    card = prediction_card(study, replace(prediction, explanation=()), reading, SOURCE, None)
    assert "What carried it" not in card.detail


def test_what_was_found_and_not_used_is_said_where_nothing_else_was(study, prediction, reading):
    entry = Entry({"resourceType": "Observation", "id": "17"}, "Observation[0]")
    for name in ("age_years", "pain_mm"):
        reading.skip(entry, "time", "it is later than the prediction", study.contract[name])
    detail = prediction_card(study, prediction, reading, SOURCE, None).detail
    assert detail.count("not used") == 1
    assert "- Pain, Observation/17: not used, it is later than the prediction" in detail


def test_what_counts_as_not_known_is_among_what_to_take_care_of(study, prediction, reading):
    limited = replace(
        reading, cautions={"crp_mg_per_l": "CRP counts as not known: its newest result is a limit and no number."}
    )
    detail = prediction_card(study, prediction, limited, SOURCE, None).detail
    take_care = detail.partition("**Take care**")[2]
    assert "- CRP counts as not known: its newest result is a limit and no number." in take_care


def test_names_with_marks_of_markdown_are_shown_as_they_are(study, prediction, reading):
    model = replace(prediction.model, name="a_b*c|<d>", version="[1](x)")
    detail = prediction_card(study, replace(prediction, model=model), reading, SOURCE, None).detail
    assert r"Model a\_b\*c\|\<d\> \[1\](x) (" in detail
