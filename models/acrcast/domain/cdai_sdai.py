"""The clinical and the simplified disease activity index.

All inputs are keyword-only, 0 or more, of any shapes that broadcast, in the units of their names: the globals are
counted in cm and CRP in mg/dL inside. A missing input makes the index missing (NaN). A negative or infinite one is a
ValueError.

Source: Aletaha and Smolen 2007, Best Pract Res Clin Rheumatol 21:663.
"""

import numpy as np
import numpy.typing as npt

from acrcast.domain.activity import CutOffs, activity
from acrcast.domain.core_set import component

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
        component("tender_joint_count_28", tender_joint_count_28)
        + component("swollen_joint_count_28", swollen_joint_count_28)
        + component("patient_global_mm", patient_global_mm) / 10
        + component("physician_global_mm", physician_global_mm) / 10
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
    clinical = cdai(
        tender_joint_count_28=tender_joint_count_28,
        swollen_joint_count_28=swollen_joint_count_28,
        patient_global_mm=patient_global_mm,
        physician_global_mm=physician_global_mm,
    )
    return np.asarray(clinical + component("crp_mg_per_l", crp_mg_per_l) / 10)


def cdai_activity(score: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The `Activity` code of each CDAI, NaN where missing: remission <= 2.8, low <= 10, moderate <= 22, else high."""
    return activity(score, CDAI_CUT_OFFS)


def sdai_activity(score: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The `Activity` code of each SDAI, NaN where missing: remission <= 3.3, low <= 11, moderate <= 26, else high."""
    return activity(score, SDAI_CUT_OFFS)
