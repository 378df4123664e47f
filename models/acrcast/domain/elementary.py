"""Functions of plain numbers and of arrays: NumPy takes ten times as long as `math` for one number."""

import math

import numpy as np
import numpy.typing as npt

Number = npt.NDArray[np.float64] | float


def sqrt(x: Number) -> Number:
    """Square root; NaN stays."""
    return math.sqrt(x) if isinstance(x, float) else np.sqrt(x)


def log1p(x: Number) -> Number:
    """log(1 + x); NaN stays."""
    return math.log1p(x) if isinstance(x, float) else np.log1p(x)


def log_from_1(x: Number) -> Number:
    """log(x), of what is below 1 as of 1; NaN stays."""
    return math.log(max(x, 1.0)) if isinstance(x, float) else np.log(np.maximum(x, 1.0))
