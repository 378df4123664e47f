"""The columns of a visit."""

import dataclasses
import math

import numpy as np
import pytest

from acrcast.domain import CoreSet

NAMES = [field.name for field in dataclasses.fields(CoreSet)]


def columns(**changed):
    return {name: [1, 2, 3] for name in NAMES} | changed


def test_columns_become_float_arrays_in_which_missing_is_nan():
    visit = CoreSet(**columns(haq_di=[1, None, 2]))
    assert len(visit) == 3
    assert visit.tender_joint_count_28.dtype == np.float64
    assert math.isnan(visit.haq_di[1])


def test_take_gives_the_chosen_patients_by_position_or_by_mask():
    visit = CoreSet(**columns(pain_mm=[10, 20, 30]))
    assert visit.take([2, 0]).pain_mm.tolist() == [30.0, 10.0]
    assert visit.take([True, False, True]).pain_mm.tolist() == [10.0, 30.0]


def test_columns_cannot_be_written_to_and_do_not_follow_the_array_that_they_came_from():
    pain_mm = np.array([10.0, 20.0, 30.0])
    visit = CoreSet(**columns(pain_mm=pain_mm))
    pain_mm[0] = 99
    assert visit.pain_mm[0] == 10
    with pytest.raises(ValueError, match="read-only"):
        visit.pain_mm[0] = 99


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_column_of_another_length_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name}: expected 3 patients"):
        CoreSet(**columns(**{name: [1, 2]}))


@pytest.mark.parametrize("shape", [(), (3, 1)])
def test_a_column_that_is_not_one_dimensional_is_refused(shape):
    with pytest.raises(ValueError, match="expected one value a patient"):
        CoreSet(**columns(tender_joint_count_28=np.ones(shape)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [-1, math.inf])
def test_a_negative_or_infinite_value_is_refused_by_name_and_without_the_value(name, value):
    with pytest.raises(ValueError, match=name) as refusal:
        CoreSet(**columns(**{name: [1, value, 3]}))
    assert str(value) not in str(refusal.value)
