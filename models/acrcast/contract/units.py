"""Values in other units than a field's own, by the field's own table: nothing is guessed, and nothing else is converted."""

from collections.abc import Mapping
from decimal import Decimal

from acrcast.contract.fields import ContractField
from acrcast.errors import InputError, Problem


def accepted_units(field: ContractField) -> Mapping[str, float]:
    """Factor from each unit that the field takes to its own: as printed, as FHIR writes it (UCUM), and the others.

    Empty for what has no unit: yes or no, a category, an assay's name.
    """
    own = {unit: 1.0 for unit in (field.measure.unit, field.measure.ucum) if unit}
    return {**own, **field.measure.other_units} if own else {}


def in_own_unit(field: ContractField, value: float, unit: str) -> float:
    """`value`, given in `unit`, in the field's own unit. Units are compared as they are written: `mg/L` is not `Mg/L`.

    Worked in decimals: 1.1 cm is 11 mm, and not 11.000000000000002.

    Raises InputError, with the units that the field takes, for any other.
    """
    units = accepted_units(field)
    if unit not in units:
        taken = f"expected the unit {' or '.join(units)}" if units else "this field has no unit"
        raise InputError([Problem(field.name, taken, code="unit")])
    return value if units[unit] == 1 else float(Decimal(str(value)) * Decimal(str(units[unit])))
