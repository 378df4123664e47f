"""Values in other units than a field's own, by the field's own table: nothing is guessed, and nothing else is converted."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from acrcast.contract.fields import ContractField
from acrcast.errors import InputError, Problem

# UCUM has the litre in both letters.
LITRE = re.compile(r"(?<=[/.dmun])L\b")


def accepted_units(field: ContractField) -> Mapping[str, float]:
    """Factor from each unit that the field takes to its own: as printed, as FHIR writes it (UCUM), and the others.

    Empty for what has no unit: yes or no, a category, an assay's name.
    """
    printed = {field.measure.unit: 1.0} if field.measure.unit else {}
    return {**printed, **ucum_units(field)}


def ucum_units(field: ContractField) -> Mapping[str, float]:
    """Of the units that the field takes, those in UCUM: what FHIR and other record systems write."""
    own = {field.measure.ucum: 1.0} if field.measure.ucum else {}
    units = {**own, **field.measure.other_units}
    return units | {LITRE.sub("l", unit): factor for unit, factor in units.items()}


def in_words(units: Iterable[str]) -> str:
    """The units to choose from; of two that differ in the litre's letter alone, the first."""
    first: dict[str, str] = {}
    for unit in units:
        first.setdefault(unit.lower(), unit)
    return " or ".join(first.values())


def in_own_unit(field: ContractField, value: float, unit: str) -> float:
    """`value`, given in `unit`, in the field's own unit. Units are compared as they are written: `mg/L` is not `Mg/L`.

    Worked in decimals: 1.1 cm is 11 mm, and not 11.000000000000002.

    Raises InputError, with the units that the field takes, for any other.
    """
    units = accepted_units(field)
    if unit not in units:
        taken = f"expected the unit {in_words(units)}" if units else "this field has no unit"
        raise InputError([Problem(field.name, taken, code="unit")])
    return value if units[unit] == 1 else float(Decimal(str(value)) * Decimal(str(units[unit])))
