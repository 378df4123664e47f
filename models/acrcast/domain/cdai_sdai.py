"""The clinical and the simplified disease activity index.

All inputs are keyword-only, 0 or more, of any shapes that broadcast, in the units of their names: the globals are
counted in cm and CRP in mg/dL inside. A missing input makes the index missing (NaN). A negative or infinite one is a
ValueError.

Source: Aletaha and Smolen 2007, Best Pract Res Clin Rheumatol 21:663.
"""

import numpy as np
import numpy.typing as npt

from acrcast.domain.activity import CutOffs, activity
from acrcast.domain.core_set import measured
from acrcast.domain.elementary import Number

CDAI_CUT_OFFS = CutOffs(remission=2.8, low=10, moderate=22)
SDAI_CUT_OFFS = CutOffs(remission=3.3, low=11, moderate=26)


def cdai(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    patient_global_mm: npt.ArrayLike,
    physician_global_mm: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """CDAI: TJC28 + SJC28 + patient global (cm) + physician global (cm), 0 to 76."""
    return np.asarray(
        cdai_of(
            measured("tender_joint_count_28", tender_joint_count_28),
            measured("swollen_joint_count_28", swollen_joint_count_28),
            measured("patient_global_mm", patient_global_mm),
            measured("physician_global_mm", physician_global_mm),
        )
    )


def sdai(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    patient_global_mm: npt.ArrayLike,
    physician_global_mm: npt.ArrayLike,
    crp_mg_per_l: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """SDAI: CDAI + CRP (mg/dL)."""
    return np.asarray(
        sdai_of(
            measured("tender_joint_count_28", tender_joint_count_28),
            measured("swollen_joint_count_28", swollen_joint_count_28),
            measured("patient_global_mm", patient_global_mm),
            measured("physician_global_mm", physician_global_mm),
            measured("crp_mg_per_l", crp_mg_per_l),
        )
    )


def cdai_of(tender: Number, swollen: Number, patient_global_mm: Number, physician_global_mm: Number) -> Number:
    """CDAI of values that are known to be measures: for one patient of a contract, whose fields have ranges."""
    return tender + swollen + patient_global_mm / 10 + physician_global_mm / 10


def sdai_of(
    tender: Number, swollen: Number, patient_global_mm: Number, physician_global_mm: Number, crp_mg_per_l: Number
) -> Number:
    """SDAI of values that are known to be measures."""
    return cdai_of(tender, swollen, patient_global_mm, physician_global_mm) + crp_mg_per_l / 10


def cdai_activity(score: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The `Activity` code of each CDAI, NaN where missing: remission <= 2.8, low <= 10, moderate <= 22, else high."""
    return activity(score, CDAI_CUT_OFFS)


def sdai_activity(score: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The `Activity` code of each SDAI, NaN where missing: remission <= 3.3, low <= 11, moderate <= 26, else high."""
    return activity(score, SDAI_CUT_OFFS)
