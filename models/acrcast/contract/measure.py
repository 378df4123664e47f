"""What a study measures: label, unit, range, codes and source of one field, kept on the field's own line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LOINC = "http://loinc.org"
SNOMED_CT = "http://snomed.info/sct"
ACRCAST = "https://acrcast.example/measures"


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


def own(*codes: str) -> tuple[Code, ...]:
    """Codes of the project's own system, for measures that no public one names."""
    return tuple(Code(ACRCAST, code) for code in codes)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a bare number means. The range stands beside it, as pydantic's `Field(ge=, le=)`.

    label: what a clinician calls it. unit: as printed; ucum: as FHIR writes it.
    codes: preferred first. other_units: factor from an accepted unit to `unit`; any other unit is an error.
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
