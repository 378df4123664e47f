"""Values in other units than a field's own."""

import json

import pytest

from acrcast.contract.units import accepted_units, in_own_unit, ucum_units
from acrcast.errors import InputError
from acrcast.studies import load_study, shipped_studies
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


def test_the_litre_is_written_with_either_letter():
    assert in_own_unit(STUDY.contract["crp_mg_per_l"], 2.2, "mg/dl") == pytest.approx(22.0, rel=1e-15)
    assert in_own_unit(STUDY.contract["il21_pg_per_ml"], 0.085, "ng/ml") == pytest.approx(85.0, rel=1e-15)


@pytest.mark.parametrize("key", shipped_studies())
def test_every_unit_is_one_of_ucum_and_its_factor_is_that_of_the_reference(node, key):
    fields = [field for field in load_study(key).contract if field.measure.ucum]
    asked = [(unit, field.measure.ucum, factor) for field in fields for unit, factor in ucum_units(field).items()]
    found = json.loads(node("ucum.mjs", given=json.dumps([pair[:2] for pair in asked])))
    for (unit, own, factor), reference in zip(asked, found, strict=True):
        if (unit, own) == ("{score}", "mm"):
            # a score of 0 to 10 on a line of 100 mm: an agreement, and no unit
            assert reference is None
        else:
            assert reference == pytest.approx(factor, rel=1e-12), (unit, own)
