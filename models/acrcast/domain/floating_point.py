"""Comparisons with a cut-off that come out as they would on paper."""

import numpy as np
import numpy.typing as npt

# Coarse enough to remove what binary fractions add (about 1e-15 of the value), and far finer than any clinical
# measure is recorded.
_DECIMALS = 9


def without_float_noise(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The values to nine decimals, so that one equal to a cut-off on paper is equal to it here. NaN stays NaN.

    4.4 - 3.2 is 1.2000000000000002 in floating point, and (0.5 - 0.4) / 0.5 is 0.19999999999999996: compared as they
    are, the first would be a response that it is not and the second would miss one that it is.
    """
    return np.asarray(np.round(values, _DECIMALS), dtype=np.float64)
