"""The Disease Activity Score over 28 joints, with ESR or CRP, of four variables or three.

All inputs are keyword-only, because exchanged joint counts leave a plausible score; each is 0 or more, of any shapes
that broadcast. A missing input makes the score missing (NaN). A negative or infinite one is a ValueError.

Sources: Prevoo 1995, Arthritis Rheum 38:44 (ESR); PMC2678269 and Prince 2012, Arthritis Res Ther 14:R68 (CRP).
"""

import numpy as np
import numpy.typing as npt

from acrcast.domain.activity import CutOffs, activity
from acrcast.domain.core_set import measured
from acrcast.domain.elementary import Number, log1p, log_from_1, sqrt

DAS28_CUT_OFFS = CutOffs(remission=2.6, low=3.2, moderate=5.1, remission_is_below=True)


def das28_esr(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    esr_mm_per_h: npt.ArrayLike,
    patient_global_mm: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """DAS28-ESR: .56 sqrt(TJC28) + .28 sqrt(SJC28) + .70 ln(ESR) + .014 GH. An ESR below 1 mm/h is taken as 1."""
    return np.asarray(
        das28_esr_of(
            measured("tender_joint_count_28", tender_joint_count_28),
            measured("swollen_joint_count_28", swollen_joint_count_28),
            measured("esr_mm_per_h", esr_mm_per_h),
            measured("patient_global_mm", patient_global_mm),
        )
    )


def das28_crp(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    crp_mg_per_l: npt.ArrayLike,
    patient_global_mm: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """DAS28-CRP: .56 sqrt(TJC28) + .28 sqrt(SJC28) + .36 ln(CRP + 1) + .014 GH + .96."""
    return np.asarray(
        das28_crp_of(
            measured("tender_joint_count_28", tender_joint_count_28),
            measured("swollen_joint_count_28", swollen_joint_count_28),
            measured("crp_mg_per_l", crp_mg_per_l),
            measured("patient_global_mm", patient_global_mm),
        )
    )


def das28_esr_3(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    esr_mm_per_h: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """DAS28-ESR without the patient global: (.56 sqrt(TJC28) + .28 sqrt(SJC28) + .70 ln(ESR)) 1.08 + .16.

    An ESR below 1 mm/h is taken as 1.
    """
    tender = measured("tender_joint_count_28", tender_joint_count_28)
    swollen = measured("swollen_joint_count_28", swollen_joint_count_28)
    return np.asarray((_joints(tender, swollen) + _esr(measured("esr_mm_per_h", esr_mm_per_h))) * 1.08 + 0.16)


def das28_crp_3(
    *,
    tender_joint_count_28: npt.ArrayLike,
    swollen_joint_count_28: npt.ArrayLike,
    crp_mg_per_l: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """DAS28-CRP without the patient global: (.56 sqrt(TJC28) + .28 sqrt(SJC28) + .36 ln(CRP + 1)) 1.10 + 1.15."""
    tender = measured("tender_joint_count_28", tender_joint_count_28)
    swollen = measured("swollen_joint_count_28", swollen_joint_count_28)
    return np.asarray((_joints(tender, swollen) + _crp(measured("crp_mg_per_l", crp_mg_per_l))) * 1.10 + 1.15)


def das28_esr_of(tender: Number, swollen: Number, esr_mm_per_h: Number, patient_global_mm: Number) -> Number:
    """DAS28-ESR of values that are known to be measures: for one patient of a contract, whose fields have ranges."""
    return _joints(tender, swollen) + _esr(esr_mm_per_h) + 0.014 * patient_global_mm


def das28_crp_of(tender: Number, swollen: Number, crp_mg_per_l: Number, patient_global_mm: Number) -> Number:
    """DAS28-CRP of values that are known to be measures."""
    return _joints(tender, swollen) + _crp(crp_mg_per_l) + 0.014 * patient_global_mm + 0.96


def das28_activity(score: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The `Activity` code of each DAS28, NaN where missing: remission < 2.6, low <= 3.2, moderate <= 5.1, else high.

    The same cut-offs for all four forms, though DAS28-CRP reads lower than DAS28-ESR in the same patient.
    """
    return activity(score, DAS28_CUT_OFFS)


def _joints(tender: Number, swollen: Number) -> Number:
    return 0.56 * sqrt(tender) + 0.28 * sqrt(swollen)


def _esr(esr_mm_per_h: Number) -> Number:
    return 0.70 * log_from_1(esr_mm_per_h)


def _crp(crp_mg_per_l: Number) -> Number:
    return 0.36 * log1p(crp_mg_per_l)
