"""The ACR core set of one visit, for many patients."""

from dataclasses import dataclass, fields
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

AcutePhase = Literal["esr", "crp"]


def measured(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The values as float64, NaN where missing. No measure of the core set can be negative.

    Plausible ranges belong to the patient contract; here only what no formula could take is refused.

    Raises:
        ValueError: a value is negative or infinite. The message names the measure, not the value.
    """
    array = np.asarray(values, dtype=np.float64)
    if bool(np.any((array < 0) | np.isinf(array))):
        raise ValueError(f"{name}: expected finite values of 0 or more, or NaN where missing")
    return array


@dataclass(frozen=True, eq=False)
class CoreSet:
    """What was measured at one visit: eight columns of shape (n,), one row a patient, NaN where missing.

    Both visits of a comparison hold the same patients in the same order. Either acute-phase reactant may be missing
    throughout, as in a trial that measured one of them. The columns are copied and cannot be written to.

    Raises:
        ValueError: a column is not one-dimensional, differs from the others in length, or holds a negative or
            infinite value.

    Source: Felson 1993, Arthritis Rheum 36:729; joint counts over 28 joints.
    """

    tender_joint_count_28: npt.NDArray[np.float64]
    swollen_joint_count_28: npt.NDArray[np.float64]
    pain_mm: npt.NDArray[np.float64]
    patient_global_mm: npt.NDArray[np.float64]
    physician_global_mm: npt.NDArray[np.float64]
    haq_di: npt.NDArray[np.float64]
    esr_mm_per_h: npt.NDArray[np.float64]
    crp_mg_per_l: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        for field in fields(self):
            column = measured(field.name, getattr(self, field.name)).copy()
            if column.ndim != 1:
                raise ValueError(f"{field.name}: expected one value a patient, in one dimension; found {column.ndim}")
            if len(column) != len(self):
                raise ValueError(
                    f"{field.name}: expected {len(self)} patients as in tender_joint_count_28; found {len(column)}"
                )
            column.setflags(write=False)
            object.__setattr__(self, field.name, column)

    def __len__(self) -> int:
        return len(self.tender_joint_count_28)

    def take(self, index: npt.ArrayLike) -> Self:
        """The patients at these positions, or those for whom a boolean mask holds, in that order."""
        chosen = np.asarray(index)
        return type(self)(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def acute_phase_reactant(self, which: AcutePhase) -> npt.NDArray[np.float64]:
        """The ESR (mm/h) or CRP (mg/L) column. (n,)."""
        match which:
            case "esr":
                return self.esr_mm_per_h
            case "crp":
                return self.crp_mg_per_l
            case _:
                raise ValueError("acute_phase: expected 'esr' or 'crp', chosen beforehand for all patients")
