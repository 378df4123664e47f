"""A share as people are told it, in whole people of a hundred: the one rule of every page, card and text."""

from typing import Literal

# Answers have six decimals of a share; what multiplying adds beyond them is no part of it.
DECIMALS = 4


def of_100(share: float) -> int:
    """Whole people of a hundred; half a person counts as one. share: from -1 to 1, below 0 of a difference."""
    people = int(round(100 * abs(share), DECIMALS) + 0.5)
    return people if share >= 0 else -people


def bound_of(people: int) -> Literal["", "few", "most"]:
    """Few for nobody and most for everybody: a probability is told as less than 1 and more than 99, never as 0 or 100."""
    return "few" if people == 0 else "most" if people == 100 else ""


def more_of_100(treated: float, control: float) -> int:
    """How many more of a hundred respond treated, as the whole counts differ: beside 55 and 55 nobody is told of 1 more.

    treated, control: probabilities of response.
    """
    return of_100(treated) - of_100(control)
