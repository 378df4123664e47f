"""The four categories of disease activity, and the cut-offs that divide a score into them."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from acrcast.domain.floating_point import without_float_noise


class Activity(IntEnum):
    """How active the disease is. Ordered: a higher code is more active disease."""

    REMISSION = 0
    LOW = 1
    MODERATE = 2
    HIGH = 3


@dataclass(frozen=True)
class CutOffs:
    """The largest score of each category below high; `remission_is_below` when remission excludes its own cut-off."""

    remission: float
    low: float
    moderate: float
    remission_is_below: bool = False


def activity(score: npt.ArrayLike, cut_offs: CutOffs) -> npt.NDArray[np.float64]:
    """The `Activity` code of each score, as a float of the same shape; NaN where the score is missing.

    Floats, because an integer has no room for missing: `codes == Activity.LOW` works and is False where missing, and
    `Activity(int(code))` gives the name of one that is present.
    """
    value = without_float_noise(np.asarray(score, dtype=np.float64))
    in_remission = value < cut_offs.remission if cut_offs.remission_is_below else value <= cut_offs.remission
    return np.asarray(
        np.select(
            [np.isnan(value), in_remission, value <= cut_offs.low, value <= cut_offs.moderate],
            [np.nan, Activity.REMISSION, Activity.LOW, Activity.MODERATE],
            default=Activity.HIGH,
        ),
        dtype=np.float64,
    )
