"""What is typed becomes the JSON of a patient, in the field's own unit, or stays what it is for the reader to refuse."""

import json
import math
from typing import Annotated

import pytest
from pydantic import Field

from acrcast.contract import Contract, Measure, Patient
from acrcast.errors import InputError
from acrcast.studies import load_study
from acrcast_service.pages.form import entries, known_numbers, patient_json, units_of

STUDY = load_study("ld-il2-ra")
CONTRACT = STUDY.contract


def read(**typed):
    return json.loads(patient_json(CONTRACT, {name.replace("__", "."): text for name, text in typed.items()}))


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ({"age_years": "54"}, {"age_years": 54}),
        ({"age_years": " 54.5 "}, {"age_years": 54.5}),
        ({"haq_di": "", "pain_mm": "  "}, {}),
        ({"rf_positive": "true", "current_smoker": "false", "anti_ccp_positive": ""}, {"rf_positive": True, "current_smoker": False}),
        ({"sex": "female"}, {"sex": "female"}),
        ({"treg_gating": "CD25+FoxP3+"}, {"treg_gating": "CD25+FoxP3+"}),
        ({"il21_pg_per_ml": "<4"}, {"il21_pg_per_ml": {"comparator": "<", "value": 4}}),
        ({"il21_pg_per_ml": "< 3.9", "unit__il21_pg_per_ml": "ng/mL"}, {"il21_pg_per_ml": {"comparator": "<", "value": 3900}}),
        ({"crp_mg_per_l": "2.2", "unit__crp_mg_per_l": "mg/dL"}, {"crp_mg_per_l": 22}),
        ({"crp_mg_per_l": "22", "unit__crp_mg_per_l": "mg/L"}, {"crp_mg_per_l": 22}),
        ({"pain_mm": "6.8", "unit__pain_mm": "cm"}, {"pain_mm": 68}),
    ],
)  # fmt: skip
def test_what_is_typed_is_read_as(typed, read_as):
    assert read(**typed) == read_as


def test_digits_and_signs_of_full_width_are_read_as_the_plain_ones():
    assert read(age_years="５４．５", il21_pg_per_ml="＜４") == {
        "age_years": 54.5,
        "il21_pg_per_ml": {"comparator": "<", "value": 4},
    }


@pytest.mark.parametrize("typed", ["5,4", "1e3", "0x10", "five", "NaN", "1" * 16, "<5", "--5", "5 mg"])
def test_what_is_no_plain_number_stays_the_text_that_it_is(typed):
    assert read(crp_mg_per_l=typed) == {"crp_mg_per_l": typed}


def test_a_name_that_no_field_has_is_left_to_the_reader_and_the_forms_own_entries_are_not():
    assert read(name="x", page__key="secret", unit__crp_mg_per_l="mg/dL") == {"name": "x"}


def test_a_unit_that_the_field_does_not_take_is_named_with_those_that_it_takes():
    with pytest.raises(InputError) as refused:
        read(crp_mg_per_l="2", unit__crp_mg_per_l="g/L")
    (problem,) = refused.value.problems
    assert problem.field == "crp_mg_per_l"
    assert problem.message.startswith("expected the unit mg/L or mg/dL")


def test_units_are_offered_when_the_number_differs_in_them_with_the_range_in_each():
    crp = units_of(CONTRACT["crp_mg_per_l"])
    assert [(choice.value, choice.low, choice.high) for choice in crp] == [("mg/L", 0, 500), ("mg/dL", 0, 50)]
    il21 = units_of(CONTRACT["il21_pg_per_ml"])
    assert [(choice.value, choice.high) for choice in il21] == [("pg/mL", 20000), ("ng/mL", 20)]
    assert len(units_of(CONTRACT["esr_mm_per_h"])) == 1
    assert units_of(CONTRACT["sex"]) == ()


def test_a_unit_that_people_do_not_print_is_not_shown():
    class Scored(Patient):
        score: Annotated[
            float, Field(ge=0, le=100), Measure(label="Score", unit="mm", other_units={"{score}": 10.0, "1": 1.0})
        ]

    own, other = units_of(Contract.of(Scored)["score"])
    assert (own.names, other.names) == (("mm",), ())
    assert (other.value, other.high) == ("{score}", 10)


def test_what_is_needed_comes_first_and_an_assay_behind_its_measure():
    names = [entry.name for entry in entries(CONTRACT, STUDY.assays, {})]
    assert names[:5] == [
        "age_years",
        "sex",
        "tender_joint_count_28",
        "swollen_joint_count_28",
        "disease_duration_years",
    ]
    assert names.index("treg_gating") == names.index("treg_percent_of_cd4") + 1
    assert sorted(names) == sorted(field.name for field in CONTRACT)


def test_while_somebody_types_only_numbers_within_their_range_count():
    typed = {"age_years": "540", "tender_joint_count_28": "14", "swollen_joint_count_28": "9.5", "crp_mg_per_l": "2.2"}
    known = known_numbers(
        CONTRACT, typed | {"unit.crp_mg_per_l": "mg/dL", "esr_mm_per_h": "4x", "il21_pg_per_ml": "<4"}
    )
    found = {name: value for name, value in zip(CONTRACT.names, known.values, strict=True) if not math.isnan(value)}
    assert found == {"tender_joint_count_28": 14, "crp_mg_per_l": 22}
