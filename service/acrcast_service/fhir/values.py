"""What one answer of an Observation says about one field, in the field's own unit: by the contract, and never by guessing."""

from collections.abc import Iterable, Mapping

from acrcast.contract import Code, ContractField
from acrcast.contract.answers import INTERPRETATION
from acrcast.contract.measure import NO_ANSWER
from acrcast.contract.units import in_words as units_in_words
from acrcast.contract.units import ucum_units
from acrcast.errors import InputError, Problem
from acrcast_service.fhir.elements import Answer, CodeableConcept, Quantity, Resource, chosen

UCUM = "http://unitsofmeasure.org"
# UCUM's unit of what is only counted; a number without a unit is in it.
UNITY = "1"

# What a patient class takes: a number, true or false, a level, or below a limit of detection.
Value = float | int | bool | str | dict[str, object]

COMPARED = ("valueQuantity", "valueInteger")


class Unusable(Exception):  # noqa: N818  a reason, and no error
    """This answer says nothing about the field; an older one may."""


# Why a result with a comparator is not used where the study takes no limit of detection.
ONLY_A_LIMIT = "its newest result is a limit (a comparator such as <) and no number"


def value_of(field: ContractField, answer: Answer, raw: Resource, place: str) -> Value | None:
    """None: only a limit is known, which says more than nothing and is no value. raw: as it was sent. place: where it stands.

    Raises Unusable when there is no result in it, InputError when there is one that cannot be read for certain.
    """
    members = chosen(raw, "value")
    if len(members) > 1:
        raise _refused(field, place, "one value, not several")
    if answer.data_absent_reason is not None:
        raise Unusable("it says that there is no result")
    member = members[0] if members else None
    if field.kind in ("yes_no", "category"):
        level = _level(field, answer, member, place)
        return level == "true" if field.kind == "yes_no" else level
    if member is None:
        raise Unusable("it has no value")
    if answer.value_quantity is not None:
        return measured(field, answer.value_quantity, f"{place}.{member}")
    if answer.value_integer is not None:
        return measured(field, Quantity(value=float(answer.value_integer)), f"{place}.{member}")
    raise _refused(field, f"{place}.{member}", f"valueQuantity in {_units(field)}")


def as_sent(answer: Answer) -> str:
    """The answer in words, for whoever wants to see what was read."""
    quantity = answer.value_quantity
    if quantity is not None and quantity.value is not None:
        unit = quantity.code or quantity.unit or ""
        return f"{quantity.comparator or ''}{quantity.value:g} {unit}".strip()
    if answer.value_integer is not None:
        return str(answer.value_integer)
    if answer.value_boolean is not None:
        return "true" if answer.value_boolean else "false"
    if answer.value_codeable_concept is not None:
        return answer.value_codeable_concept.words or "a coded answer"
    return "its interpretation"


def in_words(field: ContractField, value: Value) -> str:
    """A value of the patient class, with its unit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    limit = f"< {value['value']:g}" if isinstance(value, dict) else f"{value:g}"
    return f"{limit} {field.measure.unit}".strip()


def number_in_range(field: ContractField, value: float, place: str) -> float | int:
    """The value, whole where the field is a count. Raises InputError, with what was expected and not what was sent."""
    low = field.low is None or value >= field.low
    high = field.high is None or value <= field.high
    if not (low and high) or (field.kind == "count" and value % 1 != 0):
        raise _refused(field, place, field.expected)
    return int(value) if field.kind == "count" else value


def level_of(answers: Mapping[str, tuple[Code, ...]], codes: Iterable[Code]) -> str | None:
    """The level that the codes say; None when they are none of the answers. Raises ValueError when they say two."""
    sent = set(codes)
    said = {level for level, known in answers.items() if not sent.isdisjoint(known)}
    if len(said) > 1:
        raise ValueError("codes of one answer, not of two")
    return said.pop() if said else None


def measured(field: ContractField, quantity: Quantity, place: str) -> Value | None:
    """In the field's own unit; None for a limit that is none of detection. Raises as `value_of`."""
    if quantity.value is None:
        raise Unusable("it has no value")
    factor = _factor(field, quantity, place)
    value = quantity.value if factor == 1 else quantity.value * factor
    if quantity.comparator is None:
        return number_in_range(field, value, place)
    if quantity.comparator == "<" and field.may_be_undetectable and value > 0:
        return {"comparator": "<", "value": value}
    return None


def _factor(field: ContractField, quantity: Quantity, place: str) -> float:
    """From the unit that was sent to the field's own."""
    units = ucum_units(field)
    if quantity.system is None and quantity.code is None and quantity.unit is None:
        factor = units.get(UNITY) if units else 1.0
    else:
        factor = units.get(quantity.code or "") if quantity.system == UCUM else None
    if factor is None:
        raise _refused(field, place, f"the unit {_units(field)}, with system {UCUM} and code", "unit")
    return factor


def _units(field: ContractField) -> str:
    return units_in_words(ucum_units(field)) or UNITY


def _level(field: ContractField, answer: Answer, member: str | None, place: str) -> str:
    """A level of a category; "true" or "false"."""
    answers = field.measure.answers
    try:
        if answer.value_boolean is not None and field.kind == "yes_no":
            return "true" if answer.value_boolean else "false"
        if answer.value_codeable_concept is not None:
            level = level_of(answers, answer.value_codeable_concept.codes)
        elif _has_threshold(field) and (member is None or member in COMPARED):
            level = _by_threshold(field, answer)
        else:
            level = None
    except ValueError as conflict:
        raise _refused(field, place, str(conflict), "code") from None
    if level is None and member is None:
        raise Unusable("it has no value")
    if level is None:
        raise _refused(field, f"{place}.{member}", _answer_expected(field, member), "code")
    if level == NO_ANSWER:
        raise Unusable("its result says neither")
    return level


def _has_threshold(field: ContractField) -> bool:
    """Whether a laboratory's interpretation decides, as the contract's own answers say."""
    return any(code.system == INTERPRETATION for code in field.measure.answers.get("true", ()))


def _by_threshold(field: ContractField, answer: Answer) -> str | None:
    """By the laboratory's interpretation, else by the reference range that it sent with the result."""
    codes = [code for concept in answer.interpretation for code in concept.codes]
    level = level_of(field.measure.answers, codes)
    if level is not None or answer.value_quantity is None:
        return level
    highest = [bound.high for bound in answer.reference_range if bound.high is not None and _is_for_all(bound.type)]
    plain = [bound for bound in answer.reference_range if bound.applies_to or bound.age is not None]
    return _compared(answer.value_quantity, highest[0]) if len(highest) == 1 and not plain else None


def _is_for_all(kind: CodeableConcept | None) -> bool:
    """Whether it is the range of normal results, which one that does not say what it is is (FHIR R4, Observation)."""
    return kind is None or any(code.code == "normal" for code in kind.codes)


def _compared(result: Quantity, high: Quantity) -> str | None:
    """Whether the result is above the highest normal one; None when that is not certain."""
    if result.value is None or high.value is None or high.comparator is not None:
        return None
    if (result.system, result.code, result.unit if result.code is None else None) != (
        high.system,
        high.code,
        high.unit if high.code is None else None,
    ):
        return None
    above = result.value > high.value
    if result.comparator is None:
        return "true" if above else "false"
    if result.comparator in ("<", "<="):
        return "false" if result.value <= high.value else None
    return "true" if above or (result.comparator == ">" and result.value == high.value) else None


def _answer_expected(field: ContractField, member: str | None) -> str:
    if _has_threshold(field) and member in COMPARED:
        return (
            "beside a number the laboratory's interpretation (POS, NEG, H, N), or one referenceRange with its high in the "
            "same unit: the threshold belongs to the assay"
        )
    boolean = "valueBoolean or " if field.kind == "yes_no" else ""
    if not field.measure.answers:
        return boolean + f"plain values, since the study names no codes of its answers ({field.expected})"
    return boolean + f"valueCodeableConcept with a code that the study knows for {field.expected}"


def _refused(field: ContractField, place: str, expected: str, code: str = "value") -> InputError:
    return InputError([Problem(place, f"{field.measure.label} ({field.name}): expected {expected}", code=code)])
