"""Figures as plain data: rounded, and None for what is not a number, which JSON does not know."""

import numpy as np

from acrcast.arrays import Floats
from acrcast.validation.performance import Estimate

DECIMALS = 6


def number(value: float) -> float | None:
    return round(value, DECIMALS) if np.isfinite(value) else None


def numbers(values: Floats) -> list[float | None]:
    return [number(float(value)) for value in values]


def estimate(found: Estimate) -> list[float | None]:
    """Value, low and high."""
    return [number(float(value)) for value in (found.value, found.low, found.high)]
