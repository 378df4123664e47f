"""Which Observation becomes which measure, and which is left out with which reason."""

import pytest

from .conftest import (
    LOINC,
    OWN,
    SNOMED,
    a_person,
    a_record,
    an_observation,
    concept,
    quantity,
)

ESR = "4537-7"


def an_esr(value, on="2026-03-01", **more):
    return an_observation(ESR, quantity(value, "mm/h"), on, **more)


def reasons(reading, measure="esr_mm_per_h"):
    return [skipped.reason for skipped in reading.skipped if skipped.measure == measure]


def messages(reading):
    return [(problem.field, problem.message) for problem in reading.problems]


def test_a_whole_record_is_a_patient_with_every_measure_in_the_units_of_the_study(read):
    reading = read(*a_record())
    assert reading.problems == []
    assert reading.skipped == []
    assert reading.subject == "Patient/p1"
    assert reading.values == {
        "age_years": 54,
        "sex": "female",
        "disease_duration_years": 4.5,
        "treg_percent_of_cd4": 5.2,
        "il21_pg_per_ml": 85.0,
        "tender_joint_count_28": 14,
        "swollen_joint_count_28": 9,
        "patient_global_mm": 65.0,
        "physician_global_mm": 60.0,
        "pain_mm": 68.0,
        "haq_di": 1.5,
        "esr_mm_per_h": 48.0,
        "crp_mg_per_l": 22.0,
        "rf_positive": True,
        "anti_ccp_positive": True,
        "methotrexate_mg_per_week": 12.5,
        "current_smoker": False,
        "treg_gating": "CD25+FoxP3+",
        "il21_assay": "ELISA",
    }


def test_what_was_used_names_the_resource_the_time_and_what_was_converted(read):
    (used,) = read(a_person(), an_observation("1988-5", quantity(2.2, "mg/dL"))).used[2:]
    assert (used.measure, used.name, used.place) == ("crp_mg_per_l", "Observation/o-1988-5", "Observation[1]")
    assert (used.time, used.sent, used.value, used.choice) == ("2026-03-01", "2.2 mg/dL", 22.0, "converted to 22 mg/L")


def test_the_newest_is_used_and_the_older_is_named(read):
    reading = read(an_esr(40, "2026-01-01"), an_esr(48, "2026-03-01T08:30:00+01:00"), an_esr(44, "2026-02-01"))
    assert reading.values == {"esr_mm_per_h": 48.0}
    assert reasons(reading) == ["a newer or preferred one was used"] * 2


def test_of_one_moment_the_preferred_code_is_used(read):
    reading = read(an_observation("82477-1", quantity(40, "mm/h")), an_esr(48))
    assert reading.values == {"esr_mm_per_h": 48.0}


def test_two_results_of_one_moment_that_differ_are_refused_and_two_that_agree_are_not(read):
    assert read(an_esr(48), an_esr(48, id="again")).values == {"esr_mm_per_h": 48.0}
    ((place, message),) = messages(read(an_esr(48), an_esr(40, id="again")))
    assert place == "Observation[1]"
    assert message == "ESR (esr_mm_per_h): another result of the same time differs: send one"


def test_an_older_number_does_not_take_the_place_of_a_newer_limit(read):
    below = an_observation("1988-5", quantity(5, "mg/L", comparator="<"))
    reading = read(below, an_observation("1988-5", quantity(22, "mg/L"), "2026-02-01", id="older"))
    assert (reading.values, len(reading.cautions)) == ({}, 1)
    assert [one.reason for one in reading.skipped] == [
        "a newer or preferred one was used",
        "its newest result is a limit (a comparator such as <) and no number",
    ]


def test_a_limit_that_is_older_than_a_number_is_of_no_matter(read):
    below = an_observation("1988-5", quantity(5, "mg/L", comparator="<"), "2026-02-01", id="older")
    reading = read(an_observation("1988-5", quantity(22, "mg/L")), below)
    assert (reading.values, reading.cautions) == ({"crp_mg_per_l": 22.0}, {})


def test_a_limit_of_what_the_patient_says_is_no_caution(read):
    reading = read(a_person(), an_observation("30525-0", quantity(18, "a", comparator=">")))
    assert (reading.values["age_years"], reading.cautions) == (54.0, {})


def test_a_limit_and_a_number_of_one_moment_differ(read):
    below = an_observation("1988-5", quantity(5, "mg/L", comparator="<"), id="below")
    ((_, message),) = messages(read(below, an_observation("1988-5", quantity(5, "mg/L"))))
    assert message == "CRP (crp_mg_per_l): another result of the same time differs: send one"


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_a_result_that_stands_is_used(read, status):
    assert read(an_esr(48, status=status)).values == {"esr_mm_per_h": 48.0}


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "preliminary", "registered", "unknown"])
def test_a_result_that_does_not_stand_is_left_out_and_an_older_one_used(read, status):
    reading = read(an_esr(90, "2026-03-10", status=status), an_esr(48))
    assert reading.values == {"esr_mm_per_h": 48.0}
    assert reasons(reading) == [f"its status is {status}"]


@pytest.mark.parametrize(
    ("effective", "reason"),
    [
        ({"effectiveDateTime": "2025-09-15"}, "it is, or may be, more than 180 days old"),
        # 2025 may be its first day
        ({"effectiveDateTime": "2025"}, "it is, or may be, more than 180 days old"),
        ({"effectiveDateTime": "2026-03-15T12:02:00Z"}, "it is later than the prediction"),
        ({"effectiveDateTime": "2026-03-17"}, "it is later than the prediction"),
        ({"effectiveDateTime": None}, "it does not say when it was measured (effective)"),
        (
            {"effectiveDateTime": None, "effectiveTiming": {"event": ["2026-03-01"]}},
            "it does not say when it was measured (effective)",
        ),
        ({"effectiveDateTime": None, "effectivePeriod": {}}, "it does not say when it was measured (effective)"),
        (
            {"effectiveDateTime": None, "effectivePeriod": {"start": "2025-08-01", "end": "2025-08-02"}},
            "it is, or may be, more than 180 days old",
        ),
    ],
)
def test_a_result_of_no_usable_time_is_left_out_with_the_reason(read, effective, reason):
    reading = read(an_esr(48, **effective))
    assert reading.values == {}
    assert reading.problems == []
    assert reasons(reading) == [reason]


@pytest.mark.parametrize(
    "effective",
    [
        {"effectiveDateTime": "2025-09-16"},
        {"effectiveDateTime": "2026-03"},
        # it is this day already somewhere
        {"effectiveDateTime": "2026-03-16"},
        # the clocks of two machines differ
        {"effectiveDateTime": "2026-03-15T12:00:59Z"},
        {"effectiveDateTime": "2026-03-15T13:59:00.250+02:00"},
        {"effectiveDateTime": None, "effectiveInstant": "2026-03-01T08:30:00-05:00"},
        {"effectiveDateTime": None, "effectivePeriod": {"start": "2025-08-01", "end": "2026-03-01"}},
        {"effectiveDateTime": None, "effectivePeriod": {"start": "2026-03-01"}},
    ],
)
def test_a_result_of_any_usable_time_is_used(read, effective):
    assert read(an_esr(48, **effective)).values == {"esr_mm_per_h": 48.0}


@pytest.mark.parametrize(
    "text", ["2026-03-01T08:30:00", "2026-03-01T08:30Z", "01.03.2026", "2026-3-1", "20260301", "", "٢٠٢٦-03-01"]
)
def test_a_time_that_is_not_written_as_in_fhir_is_refused(read, text):
    ((place, message),) = messages(read(an_esr(48, text)))
    assert place == "Observation[0].effectiveDateTime"
    assert message == (
        "expected YYYY, YYYY-MM, YYYY-MM-DD or a time with seconds and zone, such as 2026-03-01T08:30:00Z"
    )


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13", "0000", "9999", "0001-01-01", "2026-03-01T25:00:00Z"])
def test_a_day_that_does_not_exist_or_is_at_the_end_of_time_is_refused_or_left_out(read, text):
    reading = read(an_esr(48, text))
    assert reading.values == {}
    assert messages(reading) in (
        [("Observation[0].effectiveDateTime", "expected a day that there is")],
        [],
    )


def test_two_times_are_refused(read):
    both = an_esr(48, effectivePeriod={"start": "2026-03-01"})
    assert messages(read(both)) == [("Observation[0].effective", "expected one of effective[x], not several")]


def test_the_parts_of_a_panel_are_measures_of_their_own(read):
    panel = an_observation(
        "99999-1",
        component=[
            {"code": concept("88981-6"), "valueInteger": 14},
            {"code": concept("442687006", SNOMED), "valueQuantity": quantity(9, "{joints}")},
            {"code": concept("11111-1"), "valueString": "left hand"},
        ],
    )
    reading = read(panel)
    assert reading.problems == []
    assert reading.values == {"tender_joint_count_28": 14, "swollen_joint_count_28": 9}


def test_a_part_of_a_panel_without_a_result_is_left_out(read):
    absent = {"code": concept("88981-6"), "dataAbsentReason": concept("unknown", "http://terminology.hl7.org")}
    reading = read(an_observation("99999-1", component=[absent]))
    assert reading.values == {}
    ((name, place, reason),) = [(one.name, one.place, one.reason) for one in reading.skipped]
    assert (name, place) == ("Observation/o-99999-1", "Observation[0].component[0]")
    assert reason == "it says that there is no result"


@pytest.mark.parametrize(
    "sent",
    [
        # high-sensitivity CRP is another test
        an_observation("30522-7", quantity(2.2, "mg/L")),
        an_observation("718-7", quantity(13, "g/dL")),
        # the code of CRP in another system, or in none
        an_observation("1988-5", quantity(2.2, "mg/L"), system=SNOMED),
        an_observation("1988-5", quantity(2.2, "mg/L"), code={"coding": [{"code": "1988-5"}], "text": "CRP"}),
        an_observation("treg", quantity(5.2, "%"), system=OWN),
    ],
)
def test_a_code_that_is_of_no_measure_is_left_out_and_named(read, sent):
    reading = read(sent)
    assert reading.values == {}
    ((why, measure),) = [(one.why, one.measure) for one in reading.skipped]
    assert (why, measure) == ("code", None)


def test_one_known_code_among_others_is_enough(read):
    both = {"coding": [{"system": "urn:oid:1.2.3", "code": "BSR"}, {"system": LOINC, "code": ESR}]}
    assert read(an_esr(48, code=both)).values == {"esr_mm_per_h": 48.0}


def test_codes_of_two_measures_in_one_observation_are_refused(read):
    both = {"coding": [{"system": LOINC, "code": "1988-5"}, {"system": LOINC, "code": ESR}]}
    assert messages(read(an_esr(48, code=both))) == [
        ("Observation[0].code", "expected codes of one measure, not of two")
    ]


@pytest.mark.parametrize("more", [{"modifierExtension": [{"url": "urn:x"}]}, {"implicitRules": "urn:x"}])
def test_what_may_mean_something_else_is_left_out(read, more):
    reading = read(an_esr(48, **more))
    assert reading.values == {}
    assert reasons(reading) == ["it has a modifier, which may change what it means"]


def test_a_result_about_something_else_than_the_patient_is_left_out(read):
    reading = read(an_esr(48, focus=[{"reference": "RelatedPerson/child"}]))
    assert reasons(reading) == ["it is about something other than the patient (focus)"]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"status": "done"}, "Observation[0].status"),
        ({"status": None}, "Observation[0].status"),
        ({"code": ESR}, "Observation[0].code"),
        ({"code": {"coding": {"system": LOINC, "code": ESR}}}, "Observation[0].code.coding"),
        ({"component": [7]}, "Observation[0].component[0].code"),
        ({"interpretation": "H"}, "Observation[0].interpretation"),
    ],
)
def test_what_is_read_must_be_as_fhir_has_it(read, more, place):
    sent = {name: value for name, value in (an_esr(48) | more).items() if value is not None}
    (problem,) = read(sent).problems
    assert problem.field == place
    assert problem.message.startswith(("expected as FHIR R4 has it", "required in FHIR R4"))


def test_what_is_not_read_may_be_anything(read):
    odd = an_esr(48, category="lab", note=7, performer=None, _status={"extension": 1}, unheard="of")
    assert read(odd, {"resourceType": "Encounter"}, {"resourceType": "Provenance", "x": 1}).values == {
        "esr_mm_per_h": 48.0
    }


def test_the_method_of_a_result_names_its_assay(read):
    displayed = {"coding": [{"system": "urn:x", "code": "7", "display": "CD25+FoxP3+"}]}
    treg = an_observation("treg-percent-of-cd4", quantity(5.2, "%"), system=OWN)
    assert "treg_gating" not in read(treg).values
    assert read(treg | {"method": displayed}).values["treg_gating"] == "CD25+FoxP3+"


def test_a_method_that_is_no_name_of_an_assay_is_left_out(read):
    long = an_observation("treg-percent-of-cd4", quantity(5.2, "%"), system=OWN, method={"text": "x" * 81})
    reading = read(long)
    assert reading.values == {"treg_percent_of_cd4": 5.2}
    assert reasons(reading, "treg_gating") == ["its method is not the assay's name"]
