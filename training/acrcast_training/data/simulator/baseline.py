"""Patients at baseline: a Gaussian copula over the study's covariates, and who is enrolled."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from acrcast.arrays import Floats
from acrcast.domain import CoreSet, das28_esr
from acrcast.studies.ld_il2_ra import STUDY
from acrcast_training.data.simulator import published
from acrcast_training.data.simulator.margins import Levels, LogNormal, Margin
from acrcast_training.data.simulator.published import MeanSd

CONTRACT = STUDY.contract
COVARIATES = tuple(field.name for field in CONTRACT.covariates)
CORE_SET = tuple(field.name for field in fields(CoreSet))

HAQ_STEP = 0.125
ENROLLED_AGE_YEARS = (18.0, 70.0)  # Zhang 2022
ENROLLED_ABOVE_DAS28_ESR = 3.2  # Zhang 2022
YOUNGEST_ONSET_YEARS = 16.0  # earlier onset is juvenile arthritis
METHOTREXATE_MG_PER_WEEK = ((7.5, 0.3), (10.0, 0.3), (12.5, 0.4))  # Lv 2015 gives the range; the shares are assumed
CURRENT_SMOKER_SHARE = 0.10  # assumed
DISEASE_DURATION_LOG_SD = 1.0  # assumed; the median is published
# Assumed: no level in active disease is agreed between assays. Right-skewed; a tenth lies below 15.6 pg/mL.
IL21_MEDIAN_PG_PER_ML = 64.0
IL21_LOG_SD = 1.1

# Spearman correlations that `published` does not give: assumed. Between clinical measures of the size of the published
# ones; ESR with the rest inside the reported 0 to .25; Treg with activity inside the reported 0 to -.3; IL-21 such that
# its correlation with DAS28-ESR is the published one. Of a yes-or-no measure: of the normal score beneath it.
ASSUMED_SPEARMAN: Mapping[tuple[str, str], float] = {
    ("tender_joint_count_28", "patient_global_mm"): 0.28,
    ("tender_joint_count_28", "haq_di"): 0.25,
    ("tender_joint_count_28", "esr_mm_per_h"): 0.20,
    ("tender_joint_count_28", "crp_mg_per_l"): 0.15,
    ("swollen_joint_count_28", "pain_mm"): 0.15,
    ("swollen_joint_count_28", "patient_global_mm"): 0.20,
    ("swollen_joint_count_28", "haq_di"): 0.20,
    ("swollen_joint_count_28", "esr_mm_per_h"): 0.20,
    ("swollen_joint_count_28", "crp_mg_per_l"): 0.20,
    ("pain_mm", "physician_global_mm"): 0.37,
    ("pain_mm", "esr_mm_per_h"): 0.15,
    ("pain_mm", "crp_mg_per_l"): 0.20,
    ("patient_global_mm", "haq_di"): 0.30,
    ("patient_global_mm", "esr_mm_per_h"): 0.15,
    ("patient_global_mm", "crp_mg_per_l"): 0.15,
    ("physician_global_mm", "esr_mm_per_h"): 0.20,
    ("physician_global_mm", "crp_mg_per_l"): 0.20,
    ("haq_di", "esr_mm_per_h"): 0.20,
    ("il21_pg_per_ml", "tender_joint_count_28"): 0.46,
    ("il21_pg_per_ml", "swollen_joint_count_28"): 0.32,
    ("il21_pg_per_ml", "patient_global_mm"): 0.36,
    ("il21_pg_per_ml", "physician_global_mm"): 0.33,
    ("il21_pg_per_ml", "pain_mm"): 0.33,
    ("il21_pg_per_ml", "haq_di"): 0.28,
    ("il21_pg_per_ml", "crp_mg_per_l"): 0.30,
    ("il21_pg_per_ml", "treg_percent_of_cd4"): -0.20,
    ("treg_percent_of_cd4", "tender_joint_count_28"): -0.15,
    ("treg_percent_of_cd4", "swollen_joint_count_28"): -0.15,
    ("treg_percent_of_cd4", "esr_mm_per_h"): -0.15,
    ("treg_percent_of_cd4", "crp_mg_per_l"): -0.15,
    ("treg_percent_of_cd4", "patient_global_mm"): -0.10,
    ("treg_percent_of_cd4", "physician_global_mm"): -0.10,
    ("treg_percent_of_cd4", "pain_mm"): -0.10,
    ("treg_percent_of_cd4", "haq_di"): -0.10,
    ("age_years", "disease_duration_years"): 0.25,
    ("age_years", "haq_di"): 0.15,
    ("age_years", "esr_mm_per_h"): 0.15,
    ("disease_duration_years", "haq_di"): 0.15,
    ("rf_positive", "anti_ccp_positive"): 0.65,
    ("sex", "current_smoker"): 0.60,
}


@dataclass(frozen=True, eq=False)
class Patients:
    """n enrolled patients as they are, nothing missing or below a limit.

    scores: (n, k) standard normal, what the copula drew. values: (n, k) in the units of the contract; sex is the
    position of its level, yes or no is 1 or 0. Columns in the order of the contract's covariates.
    """

    scores: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> Floats:
        return self.values[:, COVARIATES.index(name)]

    def standardised(self, name: str) -> Floats:
        return margins()[name].standardised(self.column(name))


@cache
def margins() -> Mapping[str, Margin]:
    """The distribution of each covariate. Ranges are the contract's own.

    Joint counts and visual analogue scales start at 1: who has none of a measure cannot improve in it, and the
    published means leave little room for such patients.
    """
    course = published.COURSE[0]
    return {
        "age_years": Levels.score(published.AGE_YEARS, *ENROLLED_AGE_YEARS),
        "sex": Levels.yes_no(published.MALE_SHARE),
        "disease_duration_years": LogNormal(
            float(np.log(published.DISEASE_DURATION_MEDIAN_YEARS)),
            DISEASE_DURATION_LOG_SD,
            1,
            0.1,
            upper_limit("disease_duration_years"),
        ),
        "treg_percent_of_cd4": _log_normal("treg_percent_of_cd4", published.TREG_PERCENT_OF_CD4, decimals=2, low=0.2),
        "il21_pg_per_ml": LogNormal(
            float(np.log(IL21_MEDIAN_PG_PER_ML)), IL21_LOG_SD, 1, 0.1, upper_limit("il21_pg_per_ml")
        ),
        "tender_joint_count_28": _score("tender_joint_count_28", course, low=1),
        "swollen_joint_count_28": _score("swollen_joint_count_28", course, low=1),
        "patient_global_mm": _score("patient_global_mm", course, low=1),
        "physician_global_mm": _score("physician_global_mm", course, low=1),
        "pain_mm": _score("pain_mm", course, low=1),
        "haq_di": _score("haq_di", course, low=0, step=HAQ_STEP),
        "esr_mm_per_h": _log_normal("esr_mm_per_h", course["esr_mm_per_h"], decimals=0, low=1),
        "crp_mg_per_l": _log_normal("crp_mg_per_l", course["crp_mg_per_l"], decimals=1, low=0.1),
        "rf_positive": Levels.yes_no(published.RF_POSITIVE_SHARE),
        "anti_ccp_positive": Levels.yes_no(published.ANTI_CCP_POSITIVE_SHARE),
        "methotrexate_mg_per_week": Levels.of_shares(*zip(*METHOTREXATE_MG_PER_WEEK, strict=True)),
        "current_smoker": Levels.yes_no(CURRENT_SMOKER_SHARE),
    }


def enrol(count: int, random: np.random.Generator) -> Patients:
    """`count` patients who meet the trial's criteria: DAS28-ESR above 3.2, age 18 to 70."""
    scores = np.empty((0, len(COVARIATES)))
    values = np.empty_like(scores)
    while len(values) < count:
        # Nearly all are eligible: a little more than what is lacking is enough, most times in one go.
        screened = random.standard_normal((count - len(values) + 16 + count // 50, len(COVARIATES))) @ _cholesky().T
        found = _values(screened)
        eligible = _das28_esr(found) > ENROLLED_ABOVE_DAS28_ESR
        scores, values = np.vstack([scores, screened[eligible]]), np.vstack([values, found[eligible]])
    return Patients(scores[:count], values[:count])


def _values(scores: Floats) -> Floats:
    values = np.column_stack([margins()[name].values(scores[:, j]) for j, name in enumerate(COVARIATES)])
    age, duration = COVARIATES.index("age_years"), COVARIATES.index("disease_duration_years")
    values[:, duration] = np.minimum(values[:, duration], values[:, age] - YOUNGEST_ONSET_YEARS)
    return values


def _das28_esr(values: Floats) -> Floats:
    names = ("tender_joint_count_28", "swollen_joint_count_28", "esr_mm_per_h", "patient_global_mm")
    return das28_esr(**{name: values[:, COVARIATES.index(name)] for name in names})


@cache
def _cholesky() -> Floats:
    """Of the correlations between normal scores: 2 sin(pi r / 6) gives Spearman's r (Pearson 1907)."""
    correlation = np.eye(len(COVARIATES))
    for (one, other), spearman in (dict(published.SPEARMAN) | dict(ASSUMED_SPEARMAN)).items():
        i, j = COVARIATES.index(one), COVARIATES.index(other)
        correlation[i, j] = correlation[j, i] = 2 * np.sin(np.pi * spearman / 6)
    return np.asarray(np.linalg.cholesky(correlation), dtype=np.float64)


def _score(name: str, course: Mapping[str, MeanSd], low: float, step: float = 1) -> Levels:
    return Levels.score(course[name], low, upper_limit(name), step)


def _log_normal(name: str, moments: MeanSd, decimals: int, low: float) -> LogNormal:
    return LogNormal.of_moments(moments, decimals, low, upper_limit(name))


def upper_limit(name: str) -> float:
    """The largest value that the contract allows. Raises TypeError when it names none."""
    high = CONTRACT[name].high
    if high is None:
        raise TypeError(f"field {name}: the simulator needs an upper limit in the contract")
    return high
