"""What a data file shows of the patients: values below an assay's limit, and values that were not taken."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from acrcast.arrays import Bools, Floats
from acrcast.contract import ContractField, Covariates
from acrcast.domain import CoreSet
from acrcast.studies.ld_il2_ra import STUDY
from acrcast_training.data.simulator.baseline import CONTRACT, CORE_SET, COVARIATES, Patients

IL21_LIMIT_PG_PER_ML = 15.6  # assumed; of the order of commercial ELISA kits

# Share of patients without the measure, each independent of everything else. Assumed: the trial reports none. The two
# assays, which are done apart from routine, are missing most often; the joint counts and what enrolment needs, never.
MISSING_SHARE: Mapping[str, float] = {
    "treg_percent_of_cd4": 0.10,
    "il21_pg_per_ml": 0.12,
    "anti_ccp_positive": 0.06,
    "current_smoker": 0.05,
    "rf_positive": 0.04,
    "crp_mg_per_l": 0.04,
    "haq_di": 0.03,
    "disease_duration_years": 0.02,
    "methotrexate_mg_per_week": 0.02,
    "pain_mm": 0.01,
    "physician_global_mm": 0.01,
}
# Of the five, ESR is the reactant and patient global enters the DAS28-ESR of enrolment: neither is ever missing.
_FIVE = ("pain_mm", "patient_global_mm", "physician_global_mm", "haq_di", "esr_mm_per_h")


def record(patients: Patients, *, missing: bool, random: np.random.Generator) -> Covariates:
    """The patients as recorded: NaN where not taken, and IL-21 below its limit marked so. Assays are the study's own."""
    values = patients.values.copy()  # noqa: PD011  not a data frame
    below = np.zeros(values.shape, dtype=bool)
    il21 = COVARIATES.index("il21_pg_per_ml")
    below[:, il21] = values[:, il21] < IL21_LIMIT_PG_PER_ML
    values[below[:, il21], il21] = IL21_LIMIT_PG_PER_ML
    if missing:
        absent = random.random(values.shape) < [MISSING_SHARE.get(name, 0.0) for name in COVARIATES]
        absent = _leave_a_response_possible(absent, values)
        values[absent], below[absent] = np.nan, False
    assays = {name: np.full(len(patients), assay) for name, assay in STUDY.assays.items()}
    return Covariates(CONTRACT, values, below, assays)


def core_set(baseline: Covariates) -> CoreSet:
    """The core set of the recorded baseline: what the response is judged against."""
    values = baseline.values  # noqa: PD011  not a data frame
    return CoreSet(**{name: values[:, COVARIATES.index(name)] for name in CORE_SET})


def as_columns(baseline: Covariates) -> dict[str, pd.Series]:
    """A column for each field of the contract, in its order, in the form that a data file has."""
    return {
        field.name: _covariate(field, baseline) if field.is_covariate else pd.Series(baseline.assays[field.name])
        for field in baseline.contract
    }


def _leave_a_response_possible(absent: Bools, values: Floats) -> Bools:
    """Nothing of the five is missing where fewer than three above zero would be left: no response could be judged."""
    five = [COVARIATES.index(name) for name in _FIVE]
    can_improve = np.sum(~absent[:, five] & (values[:, five] > 0), axis=1)
    kept = np.zeros_like(absent)
    kept[np.ix_(can_improve < 3, five)] = True
    return absent & ~kept


def _covariate(field: ContractField, baseline: Covariates) -> pd.Series:
    j = COVARIATES.index(field.name)
    values, below = baseline.values[:, j], baseline.below[:, j]  # noqa: PD011  not a data frame
    present = ~np.isnan(values)
    if field.may_be_undetectable:
        cells = zip(values, below, present, strict=True)
        return pd.Series(
            [f"{'<' if under else ''}{value:g}" if taken else None for value, under, taken in cells], dtype="str"
        )
    match field.kind:
        case "category":
            return pd.Series(np.array(field.levels)[values.astype(int)])
        case "yes_no":
            return pd.Series(np.where(present, values == 1, None), dtype="boolean")
        case "count":
            return pd.Series(values, dtype="Int64")
        case _:
            return pd.Series(values)
