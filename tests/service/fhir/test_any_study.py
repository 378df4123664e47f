"""The mapping goes by the contract: a study that nothing here knows is read by its own codes and units."""

from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import Code, Measure, Patient, Undetectable, icd10, loinc, own, rxnorm
from acrcast.studies import Arm, Diagnosis, OutcomeColumn, Study

from .conftest import OWN, SNOMED, UCUM, a_condition, a_person, a_statement, an_observation, concept, quantity, weekly


class AsthmaPatient(Patient):
    """Baseline of a patient with asthma."""

    fev1_litres: Annotated[
        float,
        Field(ge=0, le=8),
        Measure(label="FEV1", unit="L", ucum="L", codes=loinc("20150-9"), other_units={"mL": 0.001}),
    ]
    control_score: Annotated[int, Field(ge=5, le=25), Measure(label="Asthma control", codes=own("control"))]
    severity: Annotated[
        Literal["mild", "severe"] | None,
        Measure(
            label="Severity",
            codes=own("severity"),
            answers={"mild": (Code(SNOMED, "255604002"),), "severe": (Code(SNOMED, "24484000"),)},
        ),
    ] = None
    stage: Annotated[Literal["I", "II"] | None, Measure(label="Stage", codes=own("stage"))] = None
    asthma_years: Annotated[
        float | None, Field(ge=0, le=90), Measure(label="Asthma for", unit="years", ucum="a", held_in="Condition.onset")
    ] = None
    prednisolone_mg_per_day: Annotated[
        float | None,
        Field(ge=0, le=60),
        Measure(label="Prednisolone", unit="mg/day", ucum="mg/d", dose_of=rxnorm("8638")),
    ] = None
    ige_ku_per_l: Annotated[
        Annotated[float, Field(ge=0)] | Undetectable | None,
        Measure(label="IgE", unit="kU/L", ucum="k[IU]/L", codes=loinc("19113-0")),
    ] = None


STUDY = Study(
    key="asthma",
    title="A drug in asthma",
    patient=AsthmaPatient,
    arms=(Arm("drug", "The drug"),),
    endpoint=OutcomeColumn("Better at week 12", "better", frozenset({"yes"}), frozenset({"no"})),
    intended_use="Research use only.",
    diagnosis=Diagnosis("asthma", icd10("J45")),
)


def test_a_study_of_another_disease_is_read_by_its_own_contract(read):
    reading = read(
        a_person(),
        an_observation("20150-9", quantity(2400, "mL")),
        an_observation("control", valueInteger=17, system=OWN),
        an_observation("severity", valueCodeableConcept=concept("24484000", SNOMED), system=OWN),
        an_observation("19113-0", quantity(2, "k[IU]/L", comparator="<")),
        a_condition(code=concept("J45.9", "http://hl7.org/fhir/sid/icd-10")),
        a_statement(
            weekly(5, periodUnit="d"),
            medicationCodeableConcept=concept("8638", "http://www.nlm.nih.gov/research/umls/rxnorm"),
        ),
        # of another study
        an_observation("4537-7", quantity(48, "mm/h")),
        study=STUDY,
    )
    assert reading.problems == []
    assert reading.values == {
        "fev1_litres": 2.4,
        "control_score": 17,
        "severity": "severe",
        "ige_ku_per_l": {"comparator": "<", "value": 2.0},
        "asthma_years": 4.5,
        "prednisolone_mg_per_day": 5.0,
    }
    assert [one.name for one in reading.skipped] == ["Observation/o-4537-7"]


def test_a_measure_without_a_unit_takes_a_bare_number_and_no_unit(read):
    bare = {"value": 17}
    assert read(an_observation("control", bare, system=OWN), study=STUDY).values == {"control_score": 17}
    (problem,) = read(an_observation("control", quantity(17, "%"), system=OWN), study=STUDY).problems
    assert problem.message == f"Asthma control (control_score): expected the unit 1, with system {UCUM} and code"


def test_a_category_without_codes_of_its_answers_is_refused_with_what_to_send_instead(read):
    coded = an_observation("stage", valueCodeableConcept=concept("I", "urn:x"), system=OWN)
    (problem,) = read(coded, study=STUDY).problems
    assert problem.message == (
        "Stage (stage): expected plain values, since the study names no codes of its answers (one of I, II)"
    )
