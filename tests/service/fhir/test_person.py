"""Whose record it is, how old they are, and that it is nobody else's."""

import pytest

from acrcast.studies import load_study
from acrcast_service.fhir.entries import Entry, entries_of, entries_of_bundle
from acrcast_service.fhir.record import read_resources

from .conftest import AT, WINDOW, a_condition, a_person, a_statement, an_observation, concept, quantity


def an_esr(subject):
    return an_observation("4537-7", quantity(48, "mm/h"), subject=subject)


@pytest.mark.parametrize(
    ("born", "age", "choice"),
    [
        ("1971-06-30", 54, None),
        ("1971-03-15", 55, None),
        ("1971-03-16", 54, None),
        ("1972-02-29", 54, None),
        ("1971-06", 54, "the middle of what the date says was taken"),
        ("1971", 54, "the middle of what the date says was taken"),
    ],
)
def test_the_age_is_in_completed_years_at_the_time_of_the_prediction(read, born, age, choice):
    used = read(a_person(birthDate=born)).used[0]
    assert (used.measure, used.value, used.choice) == ("age_years", age, choice)


@pytest.mark.parametrize("born", ["2010-01-01", "2027-01-01", "1900-01-01"])
def test_an_age_beyond_the_studys_range_is_refused(read, born):
    (problem,) = read(a_person(birthDate=born)).problems
    assert (problem.field, problem.message) == (
        "Patient[0].birthDate",
        "Age (age_years): expected a number from 18 to 100 years",
    )


def test_without_a_birth_date_the_age_is_that_of_an_observation_and_with_one_it_is_not(read):
    observed = an_observation("30525-0", quantity(60, "a"))
    person = a_person()
    assert read(person, observed).values["age_years"] == 54
    del person["birthDate"]
    assert read(person, observed).values["age_years"] == 60


@pytest.mark.parametrize(
    ("gender", "sex"), [("female", "female"), ("male", "male"), ("other", None), ("unknown", None)]
)
def test_the_sex_is_the_gender_where_that_says_one_of_the_levels(read, gender, sex):
    reading = read(a_person(gender=gender))
    assert reading.problems == []
    assert reading.values.get("sex") == sex
    assert [one.reason for one in reading.skipped] == ([] if sex else ["its gender is none of female, male"])


def test_a_gender_that_fhir_does_not_have_is_refused(read):
    (problem,) = read(a_person(gender="f")).problems
    assert (problem.field, problem.message) == ("Patient[0].gender", "expected male, female, other or unknown")


def test_a_sex_that_an_observation_says_otherwise_is_refused(read):
    observed = an_observation("76689-9", valueCodeableConcept=concept("LA2-8"))
    assert read(a_person(gender="male"), observed).problems == []
    (problem,) = read(a_person(), observed).problems
    assert (problem.field, problem.message) == (
        "Observation[1]",
        "Sex (sex): the Patient says otherwise: send one of them",
    )


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "https://ehr.test/fhir/Patient/p1"},
        {"identifier": {"system": "urn:mrn", "value": "17"}},
    ],
)
def test_a_resource_of_the_patient_is_recognised_however_it_refers_to_them(read, reference):
    person = a_person(identifier=[{"system": "urn:mrn", "value": "17"}])
    reading = read(person, an_esr(reference))
    assert reading.problems == []
    assert reading.values["esr_mm_per_h"] == 48.0


@pytest.mark.parametrize(
    "make", [an_esr, lambda subject: a_condition(subject=subject), lambda s: a_statement(subject=s)]
)
@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p2"},
        {"reference": "Group/p1"},
        {"reference": "urn:uuid:6b0d0f28-0a8a-4f2e-9a7b-1c0e8d3f4a5b"},
        {"identifier": {"system": "urn:mrn", "value": "18"}},
    ],
)
def test_a_resource_of_another_patient_is_refused(read, make, reference):
    (problem,) = read(a_person(identifier=[{"system": "urn:mrn", "value": "17"}]), make(reference)).problems
    assert problem.field.endswith("[1].subject")
    assert problem.message == "expected resources of one patient: this is of another"


def test_also_a_resource_that_is_not_used_must_be_of_the_patient(read):
    (problem,) = read(a_person(), an_observation("718-7", subject={"reference": "Patient/p2"})).problems
    assert problem.field == "Observation[1].subject"


@pytest.mark.parametrize("subject", [None, {}, {"display": "Mrs Jones"}, "Patient/p1", {"reference": 7}])
def test_a_resource_that_does_not_say_whose_it_is_is_refused(read, subject):
    sent = an_esr(subject)
    (problem,) = read(a_person(), {k: v for k, v in sent.items() if v is not None}).problems
    assert problem.field == "Observation[1].subject"
    assert "Jones" not in problem.message


def test_without_a_patient_all_resources_must_be_of_the_same(read):
    one, two = ({"reference": f"Patient/p{i}"} for i in (1, 2))
    reading = read(an_esr(one), a_condition(subject=one))
    assert (reading.problems, reading.subject) == ([], "Patient/p1")
    assert len(read(an_esr(one), a_condition(subject=two)).problems) == 1


def test_two_patients_are_refused_and_the_same_one_twice_is_not(read):
    assert read(a_person(), a_person()).problems == []
    (problem,) = read(a_person(), a_person(id="p2")).problems
    assert (problem.field, problem.message) == ("Patient[1]", "expected one Patient: these are resources of two")


def test_two_patients_without_a_name_are_refused(read):
    unnamed = {name: value for name, value in a_person().items() if name != "id"}
    assert len(read(unnamed, unnamed).problems) == 1


def test_in_a_bundle_a_resource_may_refer_to_the_address_of_the_patients_entry():
    def problems(address, reference):
        entries = [
            {"fullUrl": address, "resource": a_person()},
            {"resource": an_esr({"reference": reference})},
        ]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return read_resources(entries_of_bundle(bundle), load_study("ld-il2-ra"), at=AT, window=WINDOW).problems

    uuid = "urn:uuid:6b0d0f28-0a8a-4f2e-9a7b-1c0e8d3f4a5b"
    assert problems(uuid, uuid) == []
    assert problems("https://a.test/fhir/Patient/p1", "https://a.test/fhir/Patient/p1") == []
    assert problems("https://a.test/fhir/Patient/p1", "Patient/p1") == []
    # the same number on another server is another patient
    assert len(problems("https://a.test/fhir/Patient/p1", "https://b.test/fhir/Patient/p1")) == 1


@pytest.mark.parametrize("more", [{"birthDate": "30.06.1971"}, {"birthDate": 1971}, {"identifier": "17"}])
def test_a_patient_that_is_not_as_fhir_has_it_is_refused(read, more):
    (problem,) = read(a_person(**more)).problems
    assert problem.field == f"Patient[0].{next(iter(more))}"


def test_a_resource_has_the_name_by_which_others_refer_to_it():
    assert Entry({"resourceType": "Observation", "id": "17"}, "here").name == "Observation/17"
    assert Entry({"resourceType": "Observation", "id": "17"}, "here", "urn:uuid:1").name == "urn:uuid:1"
    assert Entry({"resourceType": "Observation"}, "here").name is None
    assert [entry.place for entry in entries_of([{"resourceType": "Patient"}, 7, {}])] == ["Patient[0]", "resource[2]"]
