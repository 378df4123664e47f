"""The parts of FHIR R4 resources that are read: strictly what is read, past everything else."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from acrcast.contract import Code
from acrcast.errors import Problem
from acrcast_service.fhir.times import FhirTime, parse_time

Resource = Mapping[str, Any]


class Element(BaseModel):
    """Numbers are numbers and finite; members that are not declared are not looked at."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False, alias_generator=to_camel)


def _time(text: object) -> FhirTime:
    if not isinstance(text, str):
        raise ValueError("expected a date or time as text")  # noqa: TRY004  pydantic turns this one into a problem
    return parse_time(text)


Time = Annotated[FhirTime, BeforeValidator(_time)]
Text = Annotated[str, Field(min_length=1)]


class Coding(Element):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element):
    coding: list[Coding] = []
    text: str | None = None

    @property
    def codes(self) -> Iterator[Code]:
        """Those that name their system: without it a code means nothing."""
        for coding in self.coding:
            if coding.system and coding.code:
                yield Code(coding.system, coding.code)

    @property
    def words(self) -> str | None:
        """The concept as text, or as its only coding is displayed."""
        displays = {coding.display for coding in self.coding if coding.display}
        return self.text or (displays.pop() if len(displays) == 1 else None)


class Quantity(Element):
    """A value without a comparator is the value itself."""

    value: float | None = None
    comparator: Literal["<", "<=", ">=", ">"] | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Range(Element):
    low: Quantity | None = None
    high: Quantity | None = None


class Identifier(Element):
    system: str | None = None
    value: str | None = None


class Reference(Element):
    reference: str | None = None
    identifier: Identifier | None = None


class Period(Element):
    start: Time | None = None
    end: Time | None = None


class ReferenceRange(Range):
    type: CodeableConcept | None = None
    applies_to: list[CodeableConcept] = []
    age: Range | None = None


class Answer(Element):
    """What an Observation, or a component of one, found."""

    value_quantity: Quantity | None = None
    value_integer: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None
    value_boolean: bool | None = None
    value_codeable_concept: CodeableConcept | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: list[CodeableConcept] = []
    reference_range: list[ReferenceRange] = []


class Component(Answer):
    code: CodeableConcept


class Observation(Answer):
    status: Literal[
        "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"
    ]
    code: CodeableConcept
    focus: list[Reference] = []
    effective_date_time: Time | None = None
    effective_instant: Time | None = None
    effective_period: Period | None = None
    method: CodeableConcept | None = None
    component: list[Component] = []


class Person(Element):
    """A Patient."""

    id: str | None = None
    identifier: list[Identifier] = []
    gender: str | None = None
    birth_date: Time | None = None


class Condition(Element):
    code: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    onset_date_time: Time | None = None
    onset_period: Period | None = None


class Repeat(Element):
    """Of a Timing: so many times in so many units of time. What else may be said there makes it ambiguous."""

    frequency: int = 1
    period: float | None = None
    period_unit: str | None = None
    day_of_week: list[str] = []
    bounds_period: Period | None = None


class Timing(Element):
    repeat: Repeat | None = None


class DoseAndRate(Element):
    dose_quantity: Quantity | None = None


class Dosage(Element):
    timing: Timing | None = None
    dose_and_rate: list[DoseAndRate] = []


class MedicationUse(Element):
    """A MedicationStatement, or a MedicationRequest, whose `dosageInstruction` is the dosage."""

    status: str | None = None
    intent: str | None = None
    do_not_perform: bool = False
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    effective_period: Period | None = None
    dosage: list[Dosage] = []
    dosage_instruction: list[Dosage] = []


Kind = TypeVar("Kind", bound=Element)


def parsed(kind: type[Kind], resource: object, place: str) -> Kind | list[Problem]:
    """The element, or what is wrong with which of its members. place: where it stands, as FHIRPath writes it."""
    try:
        return kind.model_validate(resource)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return [Problem(place + _path(item["loc"]), _said(item), code=str(item["type"])) for item in found[:20]]


def chosen(resource: Resource, name: str) -> list[str]:
    """The members by which a choice of FHIR is made: of `value`, `valueQuantity` and the like."""
    return [member for member in resource if member.startswith(name) and member[len(name) : len(name) + 1].isupper()]


def _path(places: tuple[int | str, ...]) -> str:
    return "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place in places)


def _said(item: Any) -> str:  # noqa: ANN401  an error of pydantic's
    if item["type"] == "missing":
        return "required in FHIR R4"
    message = str(item["msg"]).removeprefix("Value error, ")
    return (
        message if message.startswith("expected") else f"expected as FHIR R4 has it: {message[:1].lower()}{message[1:]}"
    )
