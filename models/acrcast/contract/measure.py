"""What a study measures: label, unit, range, codes and source of one field, kept on the field's own line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LOINC = "http://loinc.org"
SNOMED_CT = "http://snomed.info/sct"
ICD10 = ("http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10-cm")
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
ACRCAST = "https://acrcast.example/measures"

HeldIn = Literal["Patient.birthDate", "Patient.gender", "Condition.onset"]
# Among `answers`: the result is there and says none of the levels, such as indeterminate or unknown.
NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True)
class Code:
    """One code under which a record system may hold the measure.

    system: the terminology, as FHIR names it. code: in that terminology.
    """

    system: str
    code: str


def loinc(*codes: str) -> tuple[Code, ...]:
    return tuple(Code(LOINC, code) for code in codes)


def snomed(*codes: str) -> tuple[Code, ...]:
    return tuple(Code(SNOMED_CT, code) for code in codes)


def icd10(*codes: str) -> tuple[Code, ...]:
    """Codes that ICD-10 and its clinical modification share."""
    return tuple(Code(system, code) for system in ICD10 for code in codes)


def rxnorm(*codes: str) -> tuple[Code, ...]:
    return tuple(Code(RXNORM, code) for code in codes)


def atc(*codes: str) -> tuple[Code, ...]:
    return tuple(Code(ATC, code) for code in codes)


def own(*codes: str) -> tuple[Code, ...]:
    """Codes of the project's own system, for measures that no public one names."""
    return tuple(Code(ACRCAST, code) for code in codes)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a bare number means. The range stands beside it, as pydantic's `Field(ge=, le=)`.

    label: what a clinician calls it. unit: as printed; ucum: as FHIR writes it.
    codes: preferred first. other_units: factor from an accepted unit (UCUM) to `unit`; any other unit is an error.
    answers: codes by which a record system says each level, "true" or "false", or `NO_ANSWER` that it is none of them.
    held_in: the element of a record that holds the measure, where it is no Observation; `Condition.onset` is that of the
    study's diagnosis. dose_of: codes of the drug whose dose this is, in `ucum`: an amount over a time.
    scale: on which scale a model sees it; `log` is log(1 + x), for right-skewed assays.
    assay_of: this field names the assay of another measure and is no covariate itself.
    below_range: what to say of a value below the range, when there is a likely reason.
    help: how it is measured, for whoever enters it. source: where its range and distribution come from.
    """

    label: str
    unit: str = ""
    ucum: str = ""
    codes: tuple[Code, ...] = ()
    other_units: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, tuple[Code, ...]] = field(default_factory=dict)
    held_in: HeldIn | None = None
    dose_of: tuple[Code, ...] = ()
    scale: Literal["linear", "log", "sqrt"] = "linear"
    assay_of: str | None = None
    below_range: str = ""
    help: str = ""
    source: str = ""


class Undetectable(BaseModel):
    """A result below the assay's limit: `{"comparator": "<", "value": 3.9}`, as FHIR's Quantity writes it.

    comparator: always this sign. value: the limit of detection.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    comparator: Literal["<"]
    value: Annotated[float, Field(gt=0)]


class Patient(BaseModel):
    """What is known of a patient at baseline. A study's class lists its fields, one line each.

    Numbers are numbers (no text, no true for 1) and finite; an unknown field is an error; absent or null is missing, not zero.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
