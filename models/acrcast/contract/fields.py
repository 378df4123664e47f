"""A study's fields as data, derived from its patient class: what every reader, form and model goes by."""

import hashlib
import json
import types
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from acrcast.contract.measure import NO_ANSWER, Measure, Patient, Undetectable

Kind = Literal["number", "count", "yes_no", "category", "text"]


@dataclass(frozen=True, slots=True)
class ContractField:
    """One field.

    name: in data, requests and answers. kind: number, a real number; count, a whole number, also for ordinal scores; yes_no,
    0 or 1 to a model; category; text, which names an assay, is kept and compared, and is no covariate.
    measure: what it means. required: whether a prediction without it makes no sense.
    low, high: the ends of the range, valid themselves. levels: a category's; the first is the reference.
    may_be_undetectable: whether it may be below a limit of detection.
    """

    name: str
    kind: Kind
    measure: Measure
    required: bool
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    may_be_undetectable: bool = False

    @property
    def is_covariate(self) -> bool:
        return self.measure.assay_of is None

    @property
    def expected(self) -> str:
        """What a valid value is, in words: "a whole number from 0 to 28"."""
        if self.kind == "category":
            return "one of " + ", ".join(self.levels)
        if self.kind == "yes_no":
            return "true or false"
        if self.kind == "text":
            return "the assay's name"
        noun = "a whole number" if self.kind == "count" else "a number"
        limits = {
            (True, True): f" from {_plain(self.low)} to {_plain(self.high)}",
            (True, False): f" of at least {_plain(self.low)}",
            (False, True): f" of at most {_plain(self.high)}",
            (False, False): "",
        }[self.low is not None, self.high is not None]
        unit = f" {self.measure.unit}" if self.measure.unit else ""
        reason = f" ({self.measure.below_range})" if self.measure.below_range else ""
        return noun + limits + unit + reason

    @property
    def or_undetectable(self) -> str:
        """What JSON may hold instead of a value, to be said after `expected`; empty where a result is always a number."""
        below = ', or {"comparator": "<", "value": limit} below the limit of detection'
        return below if self.may_be_undetectable else ""


@dataclass(frozen=True)
class Contract:
    """All fields of a patient class, in their order."""

    fields: tuple[ContractField, ...]

    @classmethod
    def of(cls, patient: type[Patient]) -> "Contract":
        """Raises TypeError with the field that cannot be derived from, and what to write instead."""
        contract = cls(tuple(_field(name, info) for name, info in patient.model_fields.items()))
        for field in contract:
            if problem := _problem(contract, field):
                raise TypeError(f"field {field.name}: {problem}")
        return contract

    def __iter__(self) -> Iterator[ContractField]:
        return iter(self.fields)

    def __getitem__(self, name: str) -> ContractField:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, ContractField]:
        return {field.name: field for field in self.fields}

    @cached_property
    def covariates(self) -> tuple[ContractField, ...]:
        return tuple(field for field in self.fields if field.is_covariate)

    @cached_property
    def assays(self) -> tuple[ContractField, ...]:
        return tuple(field for field in self.fields if not field.is_covariate)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the covariates, in their order."""
        return tuple(field.name for field in self.covariates)

    @cached_property
    def as_numbers(self) -> "tuple[Callable[[Any], float], ...]":
        """Of each covariate, from a validated value that is known to its number. Raises KeyError or TypeError for any other."""
        return tuple(
            {level: float(i) for i, level in enumerate(field.levels)}.__getitem__ if field.levels else float
            for field in self.covariates
        )

    @cached_property
    def undetectable(self) -> tuple[tuple[int, ContractField], ...]:
        """Covariates that may be below a limit of detection, with their positions."""
        return tuple((j, field) for j, field in enumerate(self.covariates) if field.may_be_undetectable)

    @cached_property
    def assay_positions(self) -> tuple[tuple[ContractField, int], ...]:
        """Each field that names an assay, with the position among the covariates of the measure that it is of."""
        position = {field.name: j for j, field in enumerate(self.covariates)}
        return tuple((field, position[field.measure.assay_of or ""]) for field in self.assays)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what a model depends on: names, kinds, units, ranges, levels and scales, not of labels or help."""
        essence = [
            [f.name, f.kind, f.required, f.low, f.high, f.levels, f.measure.unit, f.measure.scale, f.measure.assay_of]
            for f in self.fields
        ]
        return hashlib.sha256(json.dumps(essence, separators=(",", ":")).encode()).hexdigest()

    def as_data(self) -> list[dict[str, Any]]:
        """The contract as plain data, for docs and forms."""
        return [asdict(field) for field in self.fields]


def _field(name: str, info: FieldInfo) -> ContractField:
    measures = [item for item in info.metadata if isinstance(item, Measure)]
    if len(measures) != 1:
        raise TypeError(f"field {name}: give exactly one Measure(...) in its Annotated type")
    options = _alternatives(info.annotation)
    value_types = [option for option in options if option not in (type(None), Undetectable)]
    value_type = value_types[0] if len(value_types) == 1 else None
    constraints = list(info.metadata)
    if get_origin(value_type) is Annotated:
        value_type, *inner = get_args(value_type)
        constraints += [part for item in inner for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    kind, levels = _kind(name, value_type)
    return ContractField(
        name=name,
        kind=kind,
        measure=measures[0],
        required=info.is_required(),
        low=_limit(constraints, "ge", annotated_types.Ge),
        high=_limit(constraints, "le", annotated_types.Le),
        levels=levels,
        may_be_undetectable=Undetectable in options,
    )


def _problem(contract: Contract, field: ContractField) -> str | None:
    assay_of, scale = field.measure.assay_of, field.measure.scale
    if (field.kind == "text") != (assay_of is not None):
        return "the name of an assay is a str with assay_of, and any other field has neither"
    if assay_of is not None and assay_of not in {covariate.name for covariate in contract.covariates}:
        return f"assay_of: there is no field {assay_of!r}"
    if scale != "linear" and (field.low is None or field.low < 0):
        return f"a {scale} scale needs ge=0 or more"
    return _record_problem(field)


def _record_problem(field: ContractField) -> str | None:
    """What is wrong with how a record system is said to hold the field."""
    measure, is_number = field.measure, field.kind in ("number", "count")
    levels = {"yes_no": ("true", "false"), "category": field.levels}.get(field.kind, ())
    if not measure.answers.keys() <= {*levels, NO_ANSWER} or (measure.answers and not levels):
        return f"answers: give codes for {', '.join(levels) or 'none'} and perhaps {NO_ANSWER!r}"
    if measure.codes and is_number and measure.unit and not measure.ucum:
        return "a number with codes and a unit needs ucum, the unit as FHIR writes it"
    if measure.held_in in ("Patient.birthDate", "Condition.onset") and (field.kind != "number" or measure.ucum != "a"):
        return f"held_in {measure.held_in}: needs a float in years, ucum a"
    if measure.held_in == "Patient.gender" and not measure.answers:
        return "held_in Patient.gender: needs answers"
    if measure.dose_of and (not is_number or measure.ucum.count("/") != 1):
        return "dose_of: needs a number with ucum as an amount over a time, such as mg/wk"
    return None


def _alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401  a type as written in a class body
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _kind(name: str, annotation: Any) -> tuple[Kind, tuple[str, ...]]:  # noqa: ANN401  a type as written in a class body
    if get_origin(annotation) is Literal:
        return "category", tuple(str(level) for level in get_args(annotation))
    plain: dict[Any, Kind] = {float: "number", int: "count", bool: "yes_no", str: "text"}
    if annotation not in plain:
        raise TypeError(f"field {name}: use float, int, bool, str or Literal[...], optionally with None")
    return plain[annotation], ()


def _limit(constraints: list[Any], attribute: str, kind: type) -> float | None:
    for item in constraints:
        if isinstance(item, kind):
            return float(getattr(item, attribute))
    return None


def _plain(value: float | None) -> str:
    return f"{value:g}" if value is not None else ""
