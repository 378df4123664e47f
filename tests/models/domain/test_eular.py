"""EULAR response: public vectors, and every boundary of the table."""

import math

import numpy as np
import pytest

from acrcast.domain import EularResponse, eular_response

NAN = math.nan
NONE, MODERATE, GOOD = EularResponse.NONE, EularResponse.MODERATE, EularResponse.GOOD


@pytest.mark.parametrize(
    ("baseline", "attained", "response"),
    [(5.21, 1.8, GOOD), (4.2, 3.2, MODERATE), (3.1, 2.9, NONE), (7.46, 6.19, MODERATE), (7.43, 6.81, NONE)],
)
def test_the_response_agrees_with_public_implementations(baseline, attained, response):
    assert eular_response(baseline, attained) == response


@pytest.mark.parametrize(
    ("baseline", "attained", "response"),
    [
        (4.4, 3.2, MODERATE),  # 1.2000000000000002 in floating point
        (4.41, 3.2, GOOD),
        (3.8, 3.2, NONE),
        (3.81, 3.2, MODERATE),
        (2.6, 3.2, NONE),
    ],
)
def test_arriving_at_3_2_a_fall_must_exceed_1_2_to_be_good_and_0_6_to_be_moderate(baseline, attained, response):
    assert eular_response(baseline, attained) == response


@pytest.mark.parametrize(
    ("baseline", "attained", "response"),
    [
        (4.5, 3.21, MODERATE),
        (8.0, 3.21, MODERATE),
        (5.7, 5.1, NONE),  # 0.6000000000000005 in floating point
        (5.71, 5.1, MODERATE),
    ],
)
def test_arriving_between_3_2_and_5_1_a_fall_must_exceed_0_6_and_is_never_good(baseline, attained, response):
    assert eular_response(baseline, attained) == response


@pytest.mark.parametrize(
    ("baseline", "attained", "response"), [(6.4, 5.2, NONE), (6.41, 5.2, MODERATE), (6.0, 5.2, NONE), (5.2, 7.0, NONE)]
)
def test_arriving_above_5_1_a_fall_must_exceed_1_2(baseline, attained, response):
    assert eular_response(baseline, attained) == response


def test_without_either_score_the_response_is_missing_and_equals_none_of_the_codes():
    codes = eular_response([NAN, 5.0, NAN, 5.21], [3.0, NAN, NAN, 1.8])
    assert np.isnan(codes).tolist() == [True, True, True, False]
    assert (codes == EularResponse.NONE).tolist() == [False] * 4
    assert EularResponse(int(codes[3])) is GOOD
