"""Values in other units than a field's own."""

import pytest

from acrcast.contract.units import accepted_units, in_own_unit
from acrcast.errors import InputError
from acrcast.studies.ld_il2_ra import STUDY


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("crp_mg_per_l", 2.2, "mg/L", 2.2),
        ("crp_mg_per_l", 2.2, "mg/dL", 22.0),
        ("il21_pg_per_ml", 85.0, "ng/L", 85.0),
        ("il21_pg_per_ml", 0.085, "ng/mL", 85.0),
        ("pain_mm", 6.5, "cm", 65.0),
        ("tender_joint_count_28", 14, "{#}", 14),
    ],
)
def test_a_value_is_converted_by_the_fields_own_table(name, value, unit, expected):
    assert in_own_unit(STUDY.contract[name], value, unit) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("unit", ["mg", "MG/L", "", "mg/l "])
def test_an_unknown_unit_is_refused_with_those_that_are_taken(unit):
    with pytest.raises(InputError, match=r"crp_mg_per_l: expected the unit mg/L or .*mg/dL"):
        in_own_unit(STUDY.contract["crp_mg_per_l"], 22.0, unit)


def test_what_has_no_unit_takes_none():
    assert accepted_units(STUDY.contract["rf_positive"]) == {}
    with pytest.raises(InputError, match="rf_positive: this field has no unit"):
        in_own_unit(STUDY.contract["rf_positive"], 1.0, "%")
