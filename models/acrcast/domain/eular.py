"""EULAR response: where the DAS28 arrived, and how far it fell."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from acrcast.domain.das28 import DAS28_CUT_OFFS
from acrcast.domain.floating_point import without_float_noise


class EularResponse(IntEnum):
    """How well the patient responded. Ordered: a higher code is a better response."""

    NONE = 0
    MODERATE = 1
    GOOD = 2


def eular_response(baseline_das28: npt.ArrayLike, attained_das28: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The `EularResponse` code of each patient, as a float; NaN where either DAS28 is missing.

    | Attained DAS28 | fall > 1.2 | fall > 0.6 | else |
    |----------------|------------|------------|------|
    | <= 3.2         | good       | moderate   | none |
    | <= 5.1         | moderate   | moderate   | none |
    | > 5.1          | moderate   | none       | none |

    Both are the same form of DAS28, of shapes that broadcast. The fall and the attained score are rounded to nine
    decimals first: 4.4 to 3.2 is a fall of exactly 1.2, and moderate. `codes == EularResponse.GOOD` works and is False
    where missing; count the missing apart, since this is not non-responder imputation.

    Source: van Gestel 1998, Arthritis Rheum 41:1845.
    """
    attained = without_float_noise(np.asarray(attained_das28, dtype=np.float64))
    fall = without_float_noise(np.asarray(baseline_das28, dtype=np.float64) - attained)
    good = (attained <= DAS28_CUT_OFFS.low) & (fall > 1.2)
    moderate = (fall > 1.2) | ((attained <= DAS28_CUT_OFFS.moderate) & (fall > 0.6))
    return np.asarray(
        np.select(
            [np.isnan(fall), good, moderate],
            [np.nan, EularResponse.GOOD, EularResponse.MODERATE],
            default=EularResponse.NONE,
        ),
        dtype=np.float64,
    )
