"""The published aggregates that the simulator is calibrated to, each with its source. No patient-level value is here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class MeanSd(NamedTuple):
    """Mean and standard deviation over patients, in the units of the contract."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm of the trial: how many were randomised, completed, and reached ACR20 at each week (of those who completed)."""

    randomised: int
    completed: int
    acr20: Mapping[int, int]

    @property
    def withdrawal(self) -> float:
        """Share of the randomised who withdrew before week 24."""
        return 1 - self.completed / self.randomised

    def per_protocol(self, week: int) -> float:
        """ACR20 rate among completers."""
        return self.acr20[week] / self.completed

    def intention_to_treat(self, week: int) -> float:
        """ACR20 rate over all randomised, a withdrawal counting as non-response."""
        return self.acr20[week] / self.randomised


# Zhang 2022, Signal Transduct Target Ther 7:67. The same completers are counted at weeks 12 and 24.
CONTROL_RESULT = ArmResult(randomised=24, completed=23, acr20={12: 10, 24: 13})
TREATED_RESULT = ArmResult(randomised=23, completed=17, acr20={12: 12, 24: 13})

# Lv 2015, Ann Rheum Dis 74:1078 (TRIFRA), methotrexate arm, n = 69, by week. HAQ was not taken at week 4.
COURSE: Mapping[int, Mapping[str, MeanSd]] = {
    0: {
        "tender_joint_count_28": MeanSd(16.2, 8.3),
        "swollen_joint_count_28": MeanSd(9.1, 6.0),
        "pain_mm": MeanSd(71.8, 22.5),
        "patient_global_mm": MeanSd(68.0, 24.6),
        "physician_global_mm": MeanSd(62.8, 23.5),
        "haq_di": MeanSd(1.53, 0.85),
        "esr_mm_per_h": MeanSd(54.0, 28.0),
        "crp_mg_per_l": MeanSd(38.1, 40.3),
    },
    4: {
        "tender_joint_count_28": MeanSd(11.9, 7.8),
        "swollen_joint_count_28": MeanSd(5.5, 5.3),
        "pain_mm": MeanSd(52.3, 27.0),
        "patient_global_mm": MeanSd(51.7, 27.4),
        "physician_global_mm": MeanSd(45.8, 26.3),
        "esr_mm_per_h": MeanSd(40.9, 27.8),
        "crp_mg_per_l": MeanSd(25.3, 33.0),
    },
    12: {
        "tender_joint_count_28": MeanSd(9.8, 8.0),
        "swollen_joint_count_28": MeanSd(3.9, 4.7),
        "pain_mm": MeanSd(43.4, 25.7),
        "patient_global_mm": MeanSd(43.3, 26.6),
        "physician_global_mm": MeanSd(39.3, 26.4),
        "haq_di": MeanSd(0.93, 0.83),
        "esr_mm_per_h": MeanSd(34.4, 25.5),
        "crp_mg_per_l": MeanSd(19.5, 30.7),
    },
    24: {
        "tender_joint_count_28": MeanSd(7.1, 7.6),
        "swollen_joint_count_28": MeanSd(2.8, 4.3),
        "pain_mm": MeanSd(31.1, 24.4),
        "patient_global_mm": MeanSd(33.8, 23.3),
        "physician_global_mm": MeanSd(30.5, 25.0),
        "haq_di": MeanSd(0.76, 0.80),
        "esr_mm_per_h": MeanSd(27.6, 23.9),
        "crp_mg_per_l": MeanSd(15.2, 31.2),
    },
}
FOLLOW_UP_WEEKS = tuple(week for week in COURSE if week > 0)

# The same arm's DAS28-ESR. It is not drawn but follows from its components, and is kept for comparison.
DAS28_ESR_COURSE: Mapping[int, MeanSd] = {
    0: MeanSd(6.62, 1.31),
    4: MeanSd(5.55, 1.50),
    12: MeanSd(4.89, 1.56),
    24: MeanSd(4.03, 1.70),
}

AGE_YEARS = MeanSd(51, 10)  # Lv 2015
MALE_SHARE = 0.15  # Lv 2015: 85 % female
DISEASE_DURATION_MEDIAN_YEARS = 4.0  # Lv 2015, about
RF_POSITIVE_SHARE = 0.77  # Lv 2015
ANTI_CCP_POSITIVE_SHARE = 0.80  # Lv 2015
TREG_PERCENT_OF_CD4 = MeanSd(5.4, 1.6)  # PMID 22699077, active disease, CD25+FoxP3+

# Spearman correlations at baseline in active disease. Among joint counts, pain and the globals, and of HAQ with the
# physician's: 46 patients of GSE198520. Of HAQ with pain and CRP, ESR with CRP, and IL-21: reported without a cohort
# that could be named here.
SPEARMAN: Mapping[tuple[str, str], float] = {
    ("tender_joint_count_28", "swollen_joint_count_28"): 0.21,
    ("tender_joint_count_28", "pain_mm"): 0.38,
    ("tender_joint_count_28", "physician_global_mm"): 0.38,
    ("swollen_joint_count_28", "physician_global_mm"): 0.37,
    ("pain_mm", "patient_global_mm"): 0.42,
    ("patient_global_mm", "physician_global_mm"): 0.44,
    ("haq_di", "physician_global_mm"): 0.31,
    ("haq_di", "pain_mm"): 0.43,
    ("haq_di", "crp_mg_per_l"): 0.35,
    ("esr_mm_per_h", "crp_mg_per_l"): 0.50,
    ("il21_pg_per_ml", "esr_mm_per_h"): 0.40,
}
SPEARMAN_IL21_DAS28_ESR = 0.60
