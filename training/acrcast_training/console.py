"""What the commands of training show; tables and progress are those of every command."""

from math import isnan
from typing import TYPE_CHECKING

from acrcast.console import progress, table

if TYPE_CHECKING:
    from acrcast.validation.performance import Estimate

__all__ = ["figure", "progress", "table"]


def figure(estimate: "Estimate", decimals: int, sign: str = "") -> str:
    """A dash for a figure that does not exist, as a C statistic where nobody responded; the value alone without an interval."""
    if isnan(estimate.value):
        return "-"
    value, low, high = (f"{number:{sign}.{decimals}f}" for number in (estimate.value, estimate.low, estimate.high))
    return value if isnan(estimate.low + estimate.high) else f"{value} ({low} to {high})"
