"""A share in whole people of a hundred."""

import pytest

from acrcast.of_100 import bound_of, more_of_100, of_100


@pytest.mark.parametrize(
    ("share", "people"),
    # 100 times 0.285 is 28.499999999999996 in a computer's numbers
    [(0.714, 71), (0.005, 1), (0.0049, 0), (-0.005, -1), (0.995, 100), (0.5, 50), (0.285, 29), (-0.285, -29), (0.0, 0)],
)
def test_half_a_person_counts_as_one(share, people):
    assert of_100(share) == people


@pytest.mark.parametrize(
    ("treated", "control", "more"),
    # the first differ by 0.009, which alone would be 1
    [(0.554, 0.545, 0), (0.714, 0.516, 19), (0.504, 0.495, 0), (0.2, 0.31, -11)],
)
def test_how_many_more_respond_is_how_the_two_counts_differ(treated, control, more):
    assert more_of_100(treated, control) == more


@pytest.mark.parametrize(("people", "bound"), [(0, "few"), (1, ""), (99, ""), (100, "most")])
def test_nobody_and_everybody_are_bounds(people, bound):
    assert bound_of(people) == bound
