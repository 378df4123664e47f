"""What is derived from a patient class: kinds, ranges, words and the digest."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from acrcast.contract import FEMALE_OR_MALE, SMOKES, Contract, Measure, Patient, Undetectable, own


class TinyPatient(Patient):
    age_years: Annotated[float, Field(ge=18, le=90), Measure(label="Age", unit="years")]
    stage: Annotated[Literal["I", "II"], Measure(label="Stage")]
    joints: Annotated[int | None, Field(ge=0, le=28), Measure(label="Joints", scale="sqrt")] = None
    smoker: Annotated[bool | None, Measure(label="Smoker")] = None
    marker: Annotated[
        Annotated[float, Field(ge=0)] | Undetectable | None, Measure(label="Marker", unit="pg/mL", scale="log")
    ] = None
    marker_assay: Annotated[str | None, Measure(label="Marker assay", assay_of="marker")] = None


def contract_of(**fields):
    """Contract of a class with these annotated fields, each given as its type."""
    return Contract.of(type("APatient", (Patient,), {"__annotations__": fields, "__module__": __name__}))


def test_kinds_follow_from_types():
    kinds = [(field.name, field.kind, field.required) for field in Contract.of(TinyPatient)]
    assert kinds == [
        ("age_years", "number", True),
        ("stage", "category", True),
        ("joints", "count", False),
        ("smoker", "yes_no", False),
        ("marker", "number", False),
        ("marker_assay", "text", False),
    ]


def test_ranges_are_read_where_they_stand_also_inside_a_union():
    contract = Contract.of(TinyPatient)
    assert (contract["age_years"].low, contract["age_years"].high) == (18, 90)
    assert (contract["marker"].low, contract["marker"].high) == (0, None)
    assert contract["marker"].may_be_undetectable
    assert not contract["age_years"].may_be_undetectable


def test_the_name_of_an_assay_is_no_covariate():
    contract = Contract.of(TinyPatient)
    assert [field.name for field in contract.covariates] == ["age_years", "stage", "joints", "smoker", "marker"]
    assert [field.name for field in contract.assays] == ["marker_assay"]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("age_years", "a number from 18 to 90 years"),
        ("stage", "one of I, II"),
        ("joints", "a whole number from 0 to 28"),
        ("smoker", "true or false"),
        ("marker", "a number of at least 0 pg/mL"),
        ("marker_assay", "the assay's name"),
    ],
)
def test_what_is_expected_is_said_in_words(field, words):
    assert Contract.of(TinyPatient)[field].expected == words


def test_more_expected_words():
    contract = contract_of(
        weight=Annotated[float, Field(le=300), Measure(label="Weight", unit="kg")],
        anything=Annotated[float, Measure(label="Anything")],
        share=Annotated[float, Field(ge=0.2), Measure(label="Share", below_range="that is a fraction")],
    )
    assert contract["weight"].expected == "a number of at most 300 kg"
    assert contract["anything"].expected == "a number"
    assert contract["share"].expected == "a number of at least 0.2 (that is a fraction)"


def test_a_treg_value_that_is_a_fraction_is_told_so(ld_il2):
    words = ld_il2.contract["treg_percent_of_cd4"].expected
    assert words.startswith("a number from 0.2 to 100 % (a value below 0.2 is most likely a fraction")


def test_fields_are_found_by_name():
    contract = Contract.of(TinyPatient)
    assert "age_years" in contract
    assert "weight" not in contract
    assert contract["smoker"].measure.label == "Smoker"


def test_plain_data_hold_every_field():
    data = Contract.of(TinyPatient).as_data()
    assert [item["name"] for item in data][:2] == ["age_years", "stage"]
    assert data[0]["measure"]["label"] == "Age"


# the digest

DIGEST = "288c9a59cc61e4ef18c7a2cfd5abcfc41ea239cd7aba556b6cf3a2972bd9efe4"  # pragma: allowlist secret  (a digest)


def test_the_digest_of_a_contract_stays_the_same():
    """A model on disk carries it: where this fails, models that people have no longer load."""
    assert Contract.of(TinyPatient).digest == DIGEST


AGE = Annotated[float, Field(ge=18, le=90), Measure(label="Age", unit="years")]


@pytest.mark.parametrize(
    "other",
    [
        {"age": AGE},
        {"age_years": Annotated[int, Field(ge=18, le=90), Measure(label="Age", unit="years")]},
        {"age_years": Annotated[float, Field(ge=16, le=90), Measure(label="Age", unit="years")]},
        {"age_years": Annotated[float, Field(ge=18, le=99), Measure(label="Age", unit="years")]},
        {"age_years": Annotated[float, Field(ge=18, le=90), Measure(label="Age", unit="months")]},
        {"age_years": Annotated[float, Field(ge=18, le=90), Measure(label="Age", unit="years", scale="log")]},
        {"age_years": AGE, "more": Annotated[bool, Measure(label="More")]},
    ],
)
def test_the_digest_changes_with_whatever_a_model_depends_on(other):
    assert contract_of(**other).digest != contract_of(age_years=AGE).digest


def test_the_order_of_a_categorys_levels_is_part_of_the_digest():
    one, other = (
        contract_of(stage=Annotated[Literal[levels], Measure(label="Stage")]) for levels in (("I", "II"), ("II", "I"))
    )
    assert one.digest != other.digest


def test_labels_help_codes_and_sources_do_not_change_the_digest():
    reworded = Measure(label="Age at baseline", unit="years", help="completed", source="somewhere", ucum="a")
    other = contract_of(age_years=Annotated[float, Field(ge=18, le=90), reworded])
    assert other.digest == contract_of(age_years=AGE).digest


# classes that make no sense


def test_a_field_needs_its_measure():
    with pytest.raises(TypeError, match=r"field age: give exactly one Measure"):
        contract_of(age=float)


def test_a_field_of_an_unknown_type_is_refused():
    with pytest.raises(TypeError, match=r"field age: use float, int, bool, str or Literal"):
        contract_of(age=Annotated[list[float], Measure(label="Age")])


def test_a_field_of_two_types_is_refused():
    with pytest.raises(TypeError, match=r"field age: use float, int, bool, str or Literal"):
        contract_of(age=Annotated[float | bool | None, Measure(label="Age")])


@pytest.mark.parametrize("scale", ["log", "sqrt"])
@pytest.mark.parametrize("limits", [{}, {"le": 5}, {"ge": -1}])
def test_a_scale_that_only_positive_numbers_have_needs_a_lower_limit(scale, limits):
    with pytest.raises(TypeError, match=r"field marker: .* ge=0"):
        contract_of(marker=Annotated[float, Field(**limits), Measure(label="Marker", scale=scale)])


def test_text_that_names_no_assay_is_refused():
    with pytest.raises(TypeError, match=r"field note: .* assay_of"):
        contract_of(note=Annotated[str | None, Measure(label="Note")])


def test_an_assay_of_something_that_is_not_measured_is_refused():
    with pytest.raises(TypeError, match=r"field assay: .* no field 'marker'"):
        contract_of(assay=Annotated[str | None, Measure(label="Assay", assay_of="marker")])


def test_an_assay_that_is_not_text_is_refused():
    with pytest.raises(TypeError, match=r"field assay: .* str"):
        contract_of(
            marker=Annotated[float, Measure(label="Marker")],
            assay=Annotated[int | None, Measure(label="Assay", assay_of="marker")],
        )


CODED = own("marker")


@pytest.mark.parametrize(
    ("kind", "measure", "message"),
    [
        (float, Measure(label="Marker", unit="mg/L", codes=CODED), "needs ucum"),
        (float, Measure(label="Marker", answers=SMOKES), "answers: give codes for none"),
        (Literal["I", "II"], Measure(label="Stage", answers=SMOKES), "answers: give codes for I, II"),
        (bool, Measure(label="Female", answers=FEMALE_OR_MALE), "answers: give codes for true, false"),
        (int, Measure(label="Age", ucum="a", held_in="Patient.birthDate"), "needs a float in years"),
        (float, Measure(label="Age", ucum="mo", held_in="Condition.onset"), "needs a float in years"),
        (Literal["I", "II"], Measure(label="Sex", held_in="Patient.gender"), "needs answers"),
        (float, Measure(label="Dose", ucum="mg", dose_of=CODED), "dose_of: needs a number"),
        (bool, Measure(label="Takes it", dose_of=CODED), "dose_of: needs a number"),
    ],
)
def test_a_measure_that_a_record_could_not_be_read_for_is_refused(kind, measure, message):
    with pytest.raises(TypeError, match=f"field marker: .*{message}"):
        contract_of(marker=Annotated[kind, measure])
