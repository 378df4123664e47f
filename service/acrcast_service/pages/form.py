"""The form for one patient, made from the study's contract alone, and what was typed into it made a patient's JSON."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan

from acrcast.contract import Contract, ContractField, OnePatient
from acrcast.contract.units import in_own_unit
from acrcast.errors import InputError, Problem

Typed = Mapping[str, str]

# Names of the form's own entries have a point in them, which no field's name has.
UNIT = "unit.{}"
NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
# As people write no unit: UCUM's annotations and its plain one.
UNPRINTED = re.compile(r"\{.*\}|1")
# A conversion leaves so many digits: 2.2 mg/dL are 22 mg/L, and not 22.000000000000004.
DIGITS = 12


@dataclass(frozen=True, slots=True)
class UnitChoice:
    """One way to give a number. value: as `in_own_unit` takes it. names: units that give the same number, "" for none.

    low, high: the field's range in it, None where it has no end.
    """

    value: str
    names: tuple[str, ...]
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One field as the form shows it. typed: as it was typed. unit: the value of the chosen unit.

    units: one or more, the field's own first; of what is no number, none. problem: what was expected, when it was not met.
    used_at_training: of an assay's name, the one that the study used.
    """

    field: ContractField
    typed: str
    unit: str
    units: tuple[UnitChoice, ...]
    problem: Problem | None
    used_at_training: str | None

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def label(self) -> str:
        return self.field.measure.label

    @property
    def is_number(self) -> bool:
        return self.field.kind in ("number", "count")


def entries(
    contract: Contract, assays: Mapping[str, str], typed: Typed, problems: tuple[Problem, ...] = ()
) -> list[Entry]:
    """Every field, those that every prediction needs first; an assay's name stands behind its measure. assays: the study's."""
    wrong = {problem.field: problem for problem in reversed(problems)}
    return [_entry(field, typed, wrong.get(field.name), assays.get(field.name)) for field in _in_order(contract)]


def _entry(field: ContractField, typed: Typed, problem: Problem | None, used_at_training: str | None) -> Entry:
    units = units_of(field)
    chosen = typed.get(UNIT.format(field.name), "") or (units[0].value if units else "")
    return Entry(field, typed.get(field.name, ""), chosen, units, problem, used_at_training)


def _in_order(contract: Contract) -> Iterator[ContractField]:
    for needed in (True, False):
        for field in contract.covariates:
            if field.required == needed:
                yield field
                yield from (assay for assay in contract.assays if assay.measure.assay_of == field.name)


def units_of(field: ContractField) -> tuple[UnitChoice, ...]:
    """The field's own unit, then those of its others in which it has another number."""
    if field.kind not in ("number", "count"):
        return ()
    named: dict[float, list[str]] = {1.0: [field.measure.unit or field.measure.ucum]}
    for unit, factor in field.measure.other_units.items():
        named.setdefault(factor, []).append(unit)
    return tuple(_choice(field, factor, names) for factor, names in named.items())


def _choice(field: ContractField, factor: float, names: list[str]) -> UnitChoice:
    printed = tuple(name for name in names if name and not UNPRINTED.fullmatch(name))
    low, high = (None if end is None else float(f"{end / factor:.{DIGITS}g}") for end in (field.low, field.high))
    return UnitChoice(names[0], printed, low, high)


def patient_json(contract: Contract, typed: Typed) -> bytes:
    """What was typed as the JSON object of a patient; empty entries are left out, and what is no value stays a text.

    Raises InputError for a unit that the field does not take.
    """
    found = {field.name: _value(field, typed) for field in contract}
    others = {
        name: text for name, text in typed.items() if name not in contract and "." not in name and not text.isspace()
    }
    return json.dumps({name: value for name, value in {**found, **others}.items() if value != ""}).encode()


def known_numbers(contract: Contract, typed: Typed) -> OnePatient:
    """What can be told while somebody types: numbers within their range; everything else is missing."""
    values = []
    for field in contract.covariates:
        try:
            value = _value(field, typed)
        except InputError:
            value = ""
        is_one = isinstance(value, int | float) and not isinstance(value, bool) and _within(field, value)
        values.append(float(value) if is_one else nan)  # type: ignore[arg-type]  # a number
    return OnePatient(contract, values, [], {field.name: "" for field in contract.assays})


def _within(field: ContractField, value: float) -> bool:
    whole = field.kind != "count" or isinstance(value, int)
    return whole and (field.low is None or value >= field.low) and (field.high is None or value <= field.high)


def _value(field: ContractField, typed: Typed) -> object:
    """What JSON has for the field: "" when nothing was typed, and the text itself when it is no value of its kind."""
    # whoever writes Chinese types digits and signs of full width
    text = unicodedata.normalize("NFKC", typed.get(field.name, "")).strip()
    if field.kind == "yes_no":
        return {"true": True, "false": False}.get(text, text)
    if field.kind in ("category", "text"):
        return text
    below = field.may_be_undetectable and text.startswith("<")
    number = text.removeprefix("<").strip() if below else text
    if not NUMBER.fullmatch(number):
        return text
    value = _converted(field, number, typed.get(UNIT.format(field.name), ""))
    return {"comparator": "<", "value": value} if below else value


def _converted(field: ContractField, number: str, unit: str) -> float:
    """A whole number stays one, where its unit is the field's own."""
    value = float(number) if "." in number else int(number)
    if not unit:
        return value
    converted = in_own_unit(field, value, unit)
    return value if converted == value else float(f"{converted:.{DIGITS}g}")
