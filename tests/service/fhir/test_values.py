"""What the answer of an Observation is worth in the study's units, and what is refused rather than guessed."""

from copy import deepcopy

import pytest

from .conftest import INTERPRETATION, LOINC, OWN, SNOMED, UCUM, an_observation, concept, quantity

CODES = {
    "crp_mg_per_l": ("1988-5", LOINC),
    "il21_pg_per_ml": ("il21-serum", OWN),
    "treg_percent_of_cd4": ("treg-percent-of-cd4", OWN),
    "esr_mm_per_h": ("4537-7", LOINC),
    "pain_mm": ("38214-3", LOINC),
    "haq_di": ("75874-8", LOINC),
    "tender_joint_count_28": ("88981-6", LOINC),
    "rf_positive": ("11572-5", LOINC),
    "anti_ccp_positive": ("33935-8", LOINC),
    "current_smoker": ("72166-2", LOINC),
    "sex": ("76689-9", LOINC),
    "age_years": ("30525-0", LOINC),
}


@pytest.fixture
def value(read):
    """The value that an answer gives a measure."""

    def of(measure, **answer):
        reading = read(_observed(measure, answer))
        assert reading.problems == []
        assert reading.skipped == []
        return reading.values[measure]

    return of


@pytest.fixture
def refusal(read):
    """Place and message of the one problem that an answer is refused with."""

    def of(measure, **answer):
        reading = read(_observed(measure, answer))
        assert reading.values == {}
        (problem,) = reading.problems
        return problem.field, problem.message

    return of


@pytest.fixture
def reason(read):
    """Why an answer is no result."""

    def of(measure, **answer):
        reading = read(_observed(measure, answer))
        assert reading.problems == []
        assert reading.values == {}
        (skipped,) = reading.skipped
        return skipped.reason

    return of


def _observed(measure, answer):
    code, system = CODES[measure]
    return an_observation(code, system=system, **deepcopy(answer))


@pytest.mark.parametrize(
    ("measure", "sent", "expected"),
    [
        ("crp_mg_per_l", quantity(22.0, "mg/L"), 22.0),
        ("crp_mg_per_l", quantity(2.2, "mg/dL"), 22.0),
        ("crp_mg_per_l", quantity(2.2, "mg/dl"), 22.0),
        ("crp_mg_per_l", quantity(22, "ug/mL"), 22.0),
        ("crp_mg_per_l", quantity(0, "mg/L"), 0.0),
        # what is printed is not what counts
        ("crp_mg_per_l", quantity(2.2, "mg/dL", unit="mg/L"), 22.0),
        ("il21_pg_per_ml", quantity(0.5, "ng/mL"), 500.0),
        ("il21_pg_per_ml", quantity(85, "ng/L"), 85.0),
        ("treg_percent_of_cd4", quantity(5.2, "%"), 5.2),
        ("treg_percent_of_cd4", quantity(0.2, "%"), 0.2),
        ("esr_mm_per_h", quantity(48, "mm/h"), 48.0),
        ("pain_mm", quantity(6.5, "{score}"), 65.0),
        ("pain_mm", quantity(65, "mm"), 65.0),
        ("pain_mm", quantity(6.5, "cm"), 65.0),
        ("tender_joint_count_28", quantity(14, "{#}"), 14),
        ("tender_joint_count_28", quantity(14.0, "1"), 14),
        ("tender_joint_count_28", {"value": 14}, 14),
        ("haq_di", {"value": 1.5}, 1.5),
        ("age_years", quantity(54, "a"), 54.0),
    ],
)
def test_a_quantity_is_converted_by_its_code_in_ucum(value, measure, sent, expected):
    assert value(measure, valueQuantity=sent) == expected


def test_a_bare_whole_number_is_a_count_or_a_score_and_nothing_with_a_unit(value, refusal):
    assert value("tender_joint_count_28", valueInteger=14) == 14
    assert value("haq_di", valueInteger=2) == 2.0
    place, message = refusal("esr_mm_per_h", valueInteger=48)
    assert place == "Observation[0].valueInteger"
    assert message == ("ESR (esr_mm_per_h): expected the unit mm/h, with system http://unitsofmeasure.org and code")
    # 6 of 10, or 6 mm
    assert refusal("pain_mm", valueInteger=6)[1].startswith("Pain (pain_mm): expected the unit mm or cm or {score}")


@pytest.mark.parametrize(
    "sent",
    [
        {"value": 22},
        {"value": 22, "unit": "mg/L"},
        {"value": 22, "unit": "mg/L", "code": "mg/L"},
        {"value": 22, "unit": "mg/L", "system": UCUM},
        quantity(22, "mg/L", system=SNOMED),
        quantity(22, "MG/L"),
        quantity(22, "mg"),
        quantity(22, "nmol/L"),
        quantity(22, "mg/L "),
        quantity(22, ""),
    ],
)
def test_a_unit_that_is_missing_or_unknown_is_refused_with_those_that_are_taken(refusal, sent):
    assert refusal("crp_mg_per_l", valueQuantity=sent) == (
        "Observation[0].valueQuantity",
        "CRP (crp_mg_per_l): expected the unit mg/L or mg/dL or ug/mL, with system http://unitsofmeasure.org and code",
    )


@pytest.mark.parametrize(
    "number", ["22", "22 mg/L", True, float("nan"), float("inf"), -float("inf"), [22], {"value": 22}, 10**400]
)
def test_a_number_that_is_none_is_refused_without_being_repeated(refusal, number):
    place, message = refusal("crp_mg_per_l", valueQuantity=quantity(number, "mg/L"))
    assert place == "Observation[0].valueQuantity.value"
    assert message.startswith("expected as FHIR R4 has it: ")
    assert "22" not in message


@pytest.mark.parametrize("sent", [2**31, -(2**31) - 1, 14.0, "14", True])
def test_a_whole_number_that_is_none_of_fhir_is_refused(refusal, sent):
    assert refusal("tender_joint_count_28", valueInteger=sent)[0] == "Observation[0].valueInteger"


@pytest.mark.parametrize(
    ("measure", "sent", "expected"),
    [
        ("crp_mg_per_l", quantity(51, "mg/dL"), "CRP (crp_mg_per_l): expected a number from 0 to 500 mg/L"),
        ("crp_mg_per_l", quantity(1e308, "mg/dL"), "CRP (crp_mg_per_l): expected a number from 0 to 500 mg/L"),
        ("crp_mg_per_l", quantity(-1, "mg/L"), "CRP (crp_mg_per_l): expected a number from 0 to 500 mg/L"),
        (
            "tender_joint_count_28",
            quantity(29, "{#}"),
            "Tender joint count (28) (tender_joint_count_28): expected a whole number from 0 to 28 joints",
        ),
        (
            "tender_joint_count_28",
            quantity(14.5, "{#}"),
            "Tender joint count (28) (tender_joint_count_28): expected a whole number from 0 to 28 joints",
        ),
        # a fraction, not a percentage
        (
            "treg_percent_of_cd4",
            quantity(0.052, "%"),
            "Treg frequency (treg_percent_of_cd4): expected a number from 0.2 to 100 % (a value below 0.2 is most likely a fraction: give the percentage of CD4+ T cells)",
        ),
    ],
)
def test_the_range_is_checked_in_the_fields_own_unit(refusal, measure, sent, expected):
    assert refusal(measure, valueQuantity=sent) == ("Observation[0].valueQuantity", expected)


@pytest.mark.parametrize("sent", [{"value": 0.052}, {"value": 5.2}, quantity(5.2, "1"), quantity(52, "/uL")])
def test_tregs_without_their_percent_are_refused(refusal, sent):
    assert refusal("treg_percent_of_cd4", valueQuantity=sent)[1] == (
        "Treg frequency (treg_percent_of_cd4): expected the unit %, with system http://unitsofmeasure.org and code"
    )


def test_a_result_below_the_limit_of_detection_is_kept_as_one_in_the_fields_own_unit(value):
    sent = quantity(0.0039, "ng/mL", comparator="<")
    assert value("il21_pg_per_ml", valueQuantity=sent) == {"comparator": "<", "value": pytest.approx(3.9)}


@pytest.mark.parametrize(
    ("measure", "comparator"),
    [
        ("crp_mg_per_l", "<"),
        ("crp_mg_per_l", ">"),
        ("il21_pg_per_ml", ">"),
        ("il21_pg_per_ml", "<="),
        ("il21_pg_per_ml", ">="),
    ],
)
def test_a_limit_is_no_number_and_counts_as_not_known_with_a_caution(read, measure, comparator):
    unit = {"crp_mg_per_l": "mg/L", "il21_pg_per_ml": "pg/mL"}[measure]
    found = read(_observed(measure, {"valueQuantity": quantity(5, unit, comparator=comparator)}))
    label = {"crp_mg_per_l": "CRP", "il21_pg_per_ml": "Serum IL-21"}[measure]
    assert (found.problems, measure in found.values) == ([], False)
    said = f"{label} counts as not known: its newest result is a limit (a comparator such as <) and no number."
    assert found.cautions == {measure: said}


def test_a_comparator_of_a_later_fhir_is_refused(refusal):
    place, _ = refusal("il21_pg_per_ml", valueQuantity=quantity(5, "pg/mL", comparator="ad"))
    assert place == "Observation[0].valueQuantity.comparator"


@pytest.mark.parametrize(
    "answer",
    [
        {"valueString": "48"},
        {"valueBoolean": True},
        {"valueCodeableConcept": concept("LA6576-8")},
        {"valueRange": {"low": quantity(40, "mm/h"), "high": quantity(50, "mm/h")}},
        {"valueSampledData": {}},
    ],
)
def test_a_kind_of_value_that_a_number_cannot_be_read_from_is_refused(refusal, answer):
    place, message = refusal("esr_mm_per_h", **answer)
    assert place == f"Observation[0].{next(iter(answer))}"
    assert message == "ESR (esr_mm_per_h): expected valueQuantity in mm/h"


def test_two_values_are_refused(refusal):
    answer = {"valueQuantity": quantity(48, "mm/h"), "valueInteger": 48}
    assert refusal("esr_mm_per_h", **answer) == (
        "Observation[0]",
        "ESR (esr_mm_per_h): expected one value, not several",
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, "it has no value"),
        ({"valueQuantity": {"unit": "mm/h"}}, "it has no value"),
        ({"dataAbsentReason": concept("not-performed")}, "it says that there is no result"),
    ],
)
def test_an_answer_without_a_result_is_none(reason, answer, expected):
    assert reason("esr_mm_per_h", **answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"valueBoolean": False}, False),
        ({"valueCodeableConcept": concept("LA6576-8")}, True),
        ({"valueCodeableConcept": concept("LA6577-6")}, False),
        ({"valueCodeableConcept": concept("10828004", SNOMED)}, True),
        ({"valueCodeableConcept": concept("260385009", SNOMED)}, False),
        ({"valueCodeableConcept": concept("POS", INTERPRETATION)}, True),
        ({"interpretation": [concept("NEG", INTERPRETATION)]}, False),
        ({"valueQuantity": quantity(80, "[IU]/mL"), "interpretation": [concept("H", INTERPRETATION)]}, True),
        ({"valueQuantity": quantity(8, "[IU]/mL"), "interpretation": [concept("N", INTERPRETATION)]}, False),
        # the laboratory's word goes before its range
        (
            {
                "valueQuantity": quantity(8, "[IU]/mL"),
                "interpretation": [concept("POS", INTERPRETATION)],
                "referenceRange": [{"high": quantity(14, "[IU]/mL")}],
            },
            True,
        ),
    ],
)
def test_positive_is_what_the_laboratory_says(value, answer, expected):
    assert value("rf_positive", **answer) is expected


@pytest.mark.parametrize(
    ("number", "comparator", "expected"),
    [(15, None, True), (14, None, False), (14, "<", False), (300, ">", True), (14, ">", True), (300, ">=", True)],
)
def test_positive_is_above_the_range_that_came_with_the_result(value, number, comparator, expected):
    sent = quantity(number, "[IU]/mL") | ({"comparator": comparator} if comparator else {})
    ranges = [{"low": quantity(0, "[IU]/mL"), "high": quantity(14, "[IU]/mL")}]
    assert value("rf_positive", valueQuantity=sent, referenceRange=ranges) is expected


@pytest.mark.parametrize(
    ("number", "comparator", "ranges"),
    [
        (80, None, []),
        (80, None, [{"text": "below 14"}]),
        (80, None, [{"low": quantity(14, "[IU]/mL")}]),
        (80, None, [{"high": quantity(14, "k[IU]/L")}]),
        (80, None, [{"high": {"value": 14}}]),
        (80, None, [{"high": quantity(14, "[IU]/mL", comparator="<")}]),
        (80, None, [{"high": quantity(14, "[IU]/mL")}, {"high": quantity(20, "[IU]/mL")}]),
        (80, None, [{"high": quantity(14, "[IU]/mL"), "age": {"low": quantity(60, "a")}}]),
        (80, None, [{"high": quantity(14, "[IU]/mL"), "appliesTo": [concept("248153007", SNOMED)]}]),
        (80, None, [{"high": quantity(90, "[IU]/mL"), "type": concept("therapeutic", "urn:x")}]),
        (80, "<", [{"high": quantity(14, "[IU]/mL")}]),
        (10, ">", [{"high": quantity(14, "[IU]/mL")}]),
        (14, ">=", [{"high": quantity(14, "[IU]/mL")}]),
    ],
)
def test_a_titre_without_its_assays_threshold_is_refused(refusal, number, comparator, ranges):
    sent = quantity(number, "[IU]/mL") | ({"comparator": comparator} if comparator else {})
    place, message = refusal("anti_ccp_positive", valueQuantity=sent, referenceRange=ranges)
    assert place == "Observation[0].valueQuantity"
    assert message == (
        "Anti-CCP positive (anti_ccp_positive): expected beside a number the laboratory's interpretation "
        "(POS, NEG, H, N), or one referenceRange with its high in the same unit: the threshold belongs to the assay"
    )


def test_an_interpretation_that_contradicts_itself_is_refused(refusal):
    both = [concept("POS", INTERPRETATION), concept("NEG", INTERPRETATION)]
    assert refusal("rf_positive", interpretation=both)[1] == (
        "Rheumatoid factor positive (rf_positive): expected codes of one answer, not of two"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"valueCodeableConcept": concept("449868002", SNOMED)}, True),
        ({"valueCodeableConcept": concept("LA18977-1")}, True),
        ({"valueCodeableConcept": concept("8517006", SNOMED)}, False),
        ({"valueCodeableConcept": concept("LA18978-9")}, False),
    ],
)
def test_whether_somebody_smokes_is_what_the_code_says(value, answer, expected):
    assert value("current_smoker", **answer) is expected


@pytest.mark.parametrize(
    ("measure", "code", "system"),
    [
        ("current_smoker", "LA18980-5", LOINC),
        ("current_smoker", "77176002", SNOMED),
        ("rf_positive", "LA11884-6", LOINC),
        ("sex", "LA4489-6", LOINC),
    ],
)
def test_an_answer_that_says_neither_is_no_result(reason, measure, code, system):
    assert reason(measure, valueCodeableConcept=concept(code, system)) == "its result says neither"


@pytest.mark.parametrize(
    ("measure", "answer"),
    [
        ("current_smoker", {"valueCodeableConcept": concept("LA6576-8")}),
        ("current_smoker", {"valueCodeableConcept": {"text": "smokes"}}),
        # cigarettes are no threshold
        (
            "current_smoker",
            {"valueQuantity": quantity(20, "{cigarettes}/d"), "interpretation": [concept("H", INTERPRETATION)]},
        ),
        ("rf_positive", {"valueCodeableConcept": concept("A", INTERPRETATION)}),
        ("rf_positive", {"valueString": "positive"}),
        ("sex", {"valueCodeableConcept": concept("female", "urn:x")}),
        ("sex", {"valueString": "female"}),
        ("sex", {"valueBoolean": True}),
    ],
)
def test_an_answer_with_a_code_that_the_study_does_not_know_is_refused(refusal, measure, answer):
    place, message = refusal(measure, **answer)
    assert place == f"Observation[0].{next(iter(answer))}"
    assert "expected valueBoolean or valueCodeableConcept" in message or "expected valueCodeableConcept" in message
    assert "smokes" not in message
