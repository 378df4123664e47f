"""How long the disease has lasted and how much of a drug is taken, where a record says so in one way only."""

import pytest

from .conftest import SNOMED, a_condition, a_person, a_statement, concept, quantity, weekly

ICD10 = "http://hl7.org/fhir/sid/icd-10"
CONFIRMATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
YEARS, DOSE = "disease_duration_years", "methotrexate_mg_per_week"


def the_reason(reading):
    assert reading.values == {}
    assert reading.problems == []
    (skipped,) = reading.skipped
    return skipped.reason


def without(resource, *names):
    return {name: value for name, value in resource.items() if name not in names}


@pytest.mark.parametrize(
    ("onset", "years", "choice"),
    [
        # 1643 days of 365.25
        ({"onsetDateTime": "2021-09-14"}, 4.5, None),
        ({"onsetDateTime": "2026-03-15"}, 0.0, None),
        ({"onsetPeriod": {"start": "2021-09-14", "end": "2022-01-01"}}, 4.5, None),
        # from 16 September, in the middle of the month
        ({"onsetDateTime": "2021-09"}, 4.49, "the middle of what the date says was taken"),
        # from 2 July
        ({"onsetDateTime": "2021"}, 4.7, "the middle of what the date says was taken"),
        # the middle of this year is yet to come
        ({"onsetDateTime": "2026"}, 0.0, "the middle of what the date says was taken"),
    ],
)
def test_the_duration_is_from_the_onset_to_the_prediction(read, onset, years, choice):
    (used,) = read(without(a_condition(), "onsetDateTime") | onset).used
    assert (used.measure, used.value, used.choice) == (YEARS, years, choice)


@pytest.mark.parametrize(
    ("code", "system"), [("M05.79", ICD10), ("M06.9", f"{ICD10}-cm"), ("M06", ICD10), ("69896004", SNOMED)]
)
def test_the_diagnosis_is_recognised_by_its_codes_and_those_below(read, code, system):
    assert YEARS in read(a_condition(code=concept(code, system))).values


@pytest.mark.parametrize(("code", "system"), [("M06.1", ICD10), ("M06.4", ICD10), ("M16.1", ICD10), ("M05", SNOMED)])
def test_another_disease_is_none(read, code, system):
    assert the_reason(read(a_condition(code=concept(code, system)))) == "none of its codes is of rheumatoid arthritis"


@pytest.mark.parametrize("status", ["provisional", "differential", "unconfirmed", "refuted", "entered-in-error"])
def test_a_diagnosis_that_is_not_confirmed_is_none(read, status):
    reading = read(a_condition(verificationStatus=concept(status, CONFIRMATION)))
    assert the_reason(reading) == "the diagnosis is not confirmed"


def test_a_confirmed_diagnosis_is_one(read):
    assert read(a_condition(verificationStatus=concept("confirmed", CONFIRMATION))).values == {YEARS: 4.5}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "it has no onset as a date (onsetDateTime, or the start of onsetPeriod)"),
        ({"onsetString": "in youth"}, "it has no onset as a date (onsetDateTime, or the start of onsetPeriod)"),
        ({"onsetAge": quantity(49, "a")}, "it has no onset as a date (onsetDateTime, or the start of onsetPeriod)"),
        ({"recordedDate": "2021-09-14"}, "it has no onset as a date (onsetDateTime, or the start of onsetPeriod)"),
        ({"onsetDateTime": "2026-03-17"}, "its onset is later than the prediction"),
        (
            {"onsetDateTime": "2021-09-14", "modifierExtension": [{"url": "urn:x"}]},
            "it has a modifier, which may change what it means",
        ),
    ],
)
def test_an_onset_that_is_not_known_is_left_out(read, more, reason):
    assert the_reason(read(without(a_condition(), "onsetDateTime") | more)) == reason


def test_of_several_conditions_the_earliest_onset_counts(read):
    later = a_condition(id="c2", onsetDateTime="2024-01-01")
    reading = read(later, a_condition())
    assert reading.values == {YEARS: 4.5}
    assert [(one.name, one.reason) for one in reading.skipped] == [
        ("Condition/c2", "another one has the earlier onset")
    ]


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        (a_condition(onsetDateTime="14.09.2021"), "Condition[0].onsetDateTime"),
        (a_condition(code="M05"), "Condition[0].code"),
        (a_condition(onsetPeriod={"start": "2021"}), "Condition[0].onset"),
        (a_condition(onsetDateTime="1931-01-01"), "Condition[0].onset"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(read, condition, place):
    reading = read(condition)
    assert [problem.field for problem in reading.problems] == [place]


@pytest.mark.parametrize(
    ("dosage", "dose"),
    [
        (weekly(12.5), 12.5),
        (weekly(25, period=2), 12.5),
        (weekly(5, frequency=3), 15.0),
        (weekly(5, frequency=3, dayOfWeek=["mon", "tue", "wed"]), 15.0),
        (weekly(2.5, periodUnit="d"), 17.5),
        (weekly(5, period=12, periodUnit="h"), 70.0),
        (weekly(12.5, boundsPeriod={"start": "2025-01-01", "end": "2026-12-31"}), 12.5),
    ],
)
def test_the_dose_is_what_is_taken_in_a_week(read, dosage, dose):
    reading = read(a_statement(dosage))
    if dose > 50:
        assert [problem.message for problem in reading.problems] == [
            "Methotrexate dose (methotrexate_mg_per_week): expected a number from 0 to 50 mg/week"
        ]
    else:
        assert reading.values == {DOSE: dose}
        assert reading.used[0].name == "MedicationStatement/m1"


@pytest.mark.parametrize(
    ("dosages", "reason"),
    [
        ([weekly(10), weekly(5)], "it has no dosage, or more than one"),
        ([{"text": "once a week 12.5 mg"}], "its dosage has no one doseQuantity"),
        (
            [weekly(6, "{tbl}")],
            "its doseQuantity is not in the unit mg, with system http://unitsofmeasure.org and code",
        ),
        ([weekly(12.5) | {"asNeededBoolean": True}], "its dosage is as needed, or has a maximum"),
        ([weekly(12.5) | {"timing": {}}], "its timing does not say how often in how many hours, days or weeks"),
        ([weekly(12.5, periodUnit="mo")], "its timing does not say how often in how many hours, days or weeks"),
        ([weekly(12.5, period=0)], "its timing does not say how often in how many hours, days or weeks"),
        ([weekly(12.5, periodMax=2)], "its timing says more than how often"),
        ([weekly(12.5, frequencyMax=2)], "its timing says more than how often"),
        ([weekly(12.5, count=3)], "its timing says more than how often"),
        ([weekly(12.5, dayOfWeek=["mon", "thu"])], "its days of the week do not agree with how often"),
    ],
)
def test_a_dose_that_can_be_read_in_more_than_one_way_is_left_out(read, dosages, reason):
    assert the_reason(read(a_statement(*dosages))) == reason


def test_a_range_of_doses_is_left_out(read):
    ranged = weekly(12.5) | {"doseAndRate": [{"doseRange": {"low": quantity(10, "mg"), "high": quantity(15, "mg")}}]}
    assert the_reason(read(a_statement(ranged))) == "its dosage has no one doseQuantity"


@pytest.mark.parametrize(
    "more",
    [
        {"status": "stopped"},
        {"status": "completed"},
        {"status": "on-hold"},
        {"status": "not-taken"},
        {"status": "intended"},
        {"status": "entered-in-error"},
        {"effectivePeriod": {"start": "2025-01-01", "end": "2025-12-31"}},
    ],
)
def test_a_drug_that_is_not_taken_now_has_no_dose(read, more):
    assert the_reason(read(a_statement(**more))) == "it does not say that the drug is taken now"


def an_order(**more):
    ordered = without(a_statement(), "dosage") | {"resourceType": "MedicationRequest", "id": "r1", "intent": "order"}
    return ordered | {"dosageInstruction": [weekly(12.5)]} | more


def test_an_order_is_a_dose_and_one_that_is_only_planned_is_not(read):
    assert read(an_order()).values == {DOSE: 12.5}
    assert the_reason(read(an_order(intent="plan"))) == "it does not say that the drug is taken now"
    assert the_reason(read(an_order(doNotPerform=True))) == "it does not say that the drug is taken now"


def test_a_statement_and_an_order_that_agree_are_one_dose_and_such_that_differ_are_none(read):
    assert read(a_statement(), an_order()).values == {DOSE: 12.5}
    reading = read(a_statement(), an_order(dosageInstruction=[weekly(15)]))
    assert reading.values == {}
    assert [one.reason for one in reading.skipped] == ["current doses of the drug differ"] * 2


def test_the_drug_may_stand_in_a_resource_of_its_own(read):
    drug = {"resourceType": "Medication", "id": "d1", "code": concept("L04AX03", "http://www.whocc.no/atc")}
    bare = without(a_statement(), "medicationCodeableConcept")
    beside = bare | {"medicationReference": {"reference": "Medication/d1"}}
    inside = bare | {"medicationReference": {"reference": "#d1"}, "contained": [drug]}
    assert read(beside, drug).values == {DOSE: 12.5}
    assert read(inside).values == {DOSE: 12.5}
    assert the_reason(read(beside)) == "none of its codes is of a drug whose dose is asked for"


def test_another_drug_has_no_dose_that_is_asked_for(read):
    other = a_statement(medicationCodeableConcept=concept("5521", RXNORM))
    assert the_reason(read(other)) == "none of its codes is of a drug whose dose is asked for"


def test_a_dose_that_is_no_number_is_refused(read):
    (problem,) = read(a_person(), a_statement(weekly("12.5"))).problems
    assert problem.field == "MedicationStatement[1].dosage[0].doseAndRate[0].doseQuantity.value"
