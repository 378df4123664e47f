"""Boolean remission of 2011 and 2.0."""

import math

import numpy as np
import pytest

from acrcast.domain import boolean_remission_2_0, boolean_remission_2011

NAN = math.nan
AT_THE_LIMITS = {
    "tender_joint_count_28": 1,
    "swollen_joint_count_28": 1,
    "crp_mg_per_l": 10,
    "patient_global_mm": 10,
}


def test_all_four_at_their_limits_is_remission():
    assert boolean_remission_2011(**AT_THE_LIMITS) == 1
    assert boolean_remission_2_0(**AT_THE_LIMITS) == 1


@pytest.mark.parametrize(
    "above",
    [
        {"tender_joint_count_28": 2},
        {"swollen_joint_count_28": 2},
        {"crp_mg_per_l": 10.1},
        {"patient_global_mm": 20.1},
    ],
)
def test_one_above_its_limit_is_no_remission(above):
    assert boolean_remission_2011(**(AT_THE_LIMITS | above)) == 0
    assert boolean_remission_2_0(**(AT_THE_LIMITS | above)) == 0


def test_a_patient_global_between_1_and_2_cm_is_remission_by_2_0_alone():
    for patient_global_mm in (11, 20):
        patient = AT_THE_LIMITS | {"patient_global_mm": patient_global_mm}
        assert boolean_remission_2011(**patient) == 0
        assert boolean_remission_2_0(**patient) == 1


@pytest.mark.parametrize("name", AT_THE_LIMITS)
@pytest.mark.parametrize("definition", [boolean_remission_2011, boolean_remission_2_0])
def test_a_missing_measure_leaves_it_open_unless_another_is_above_its_limit(definition, name):
    assert np.isnan(definition(**(AT_THE_LIMITS | {name: NAN})))
    all_high = dict.fromkeys(AT_THE_LIMITS, 50)
    assert definition(**(all_high | {name: NAN})) == 0


def test_all_missing_cannot_be_judged():
    assert np.isnan(boolean_remission_2011(**dict.fromkeys(AT_THE_LIMITS, NAN)))


def test_a_negative_value_is_refused_by_name():
    with pytest.raises(ValueError, match="crp_mg_per_l"):
        boolean_remission_2011(**(AT_THE_LIMITS | {"crp_mg_per_l": -1}))
