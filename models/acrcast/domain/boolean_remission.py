"""Boolean remission: every one of four measures at or below its limit.

All inputs are keyword-only, 0 or more, of any shapes that broadcast. The answer is a float: 1 in remission, 0 not,
NaN when it cannot be judged. One measure above its limit settles it even if others are missing; with none above, a
missing measure leaves it open. A negative or infinite value is a ValueError.
"""

import numpy as np
import numpy.typing as npt

from acrcast.domain.core_set import measured

_CRP_LIMIT_MG_PER_L = 10  # 1 mg/dL


def boolean_remission_2011(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    crp_mg_per_l: npt.ArrayLike,
    patient_global_mm: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """Tender and swollen joints, CRP in mg/dL and patient global in cm all 1 or less: 1, 0 or NaN.

    Source: Felson 2011, Arthritis Rheum 63:573.
    """
    return _all_within_limits(
        (measured("tender_joint_count_28", tender_joint_count_28), 1),
        (measured("swollen_joint_count_28", swollen_joint_count_28), 1),
        (measured("crp_mg_per_l", crp_mg_per_l), _CRP_LIMIT_MG_PER_L),
        (measured("patient_global_mm", patient_global_mm), 10),
    )


def boolean_remission_2_0(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    crp_mg_per_l: npt.ArrayLike,
    patient_global_mm: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """As in 2011, but with a patient global of 2 cm or less: 1, 0 or NaN.

    Source: Studenic 2023, Ann Rheum Dis 82:74.
    """
    return _all_within_limits(
        (measured("tender_joint_count_28", tender_joint_count_28), 1),
        (measured("swollen_joint_count_28", swollen_joint_count_28), 1),
        (measured("crp_mg_per_l", crp_mg_per_l), _CRP_LIMIT_MG_PER_L),
        (measured("patient_global_mm", patient_global_mm), 20),
    )


def _all_within_limits(*measures: tuple[npt.NDArray[np.float64], float]) -> npt.NDArray[np.float64]:
    """1 where no measure exceeds its limit, 0 where one does, NaN where that hangs on a missing one."""
    excess = np.stack(np.broadcast_arrays(*(value - limit for value, limit in measures)))
    return np.where(np.any(excess > 0, axis=0), 0.0, np.where(np.any(np.isnan(excess), axis=0), np.nan, 1.0))
