"""A DAS28 that came with the data, against the one that the measures give: it tells exchanged joint counts.

Tender joints weigh twice as much as swollen ones, so that a DAS28 computed before the columns were exchanged fits only
with the two counts put back. In 45 patients of GEO GSE198520 at baseline, where it is given to one decimal, it is within
0.10 of what the measures give in 41, and 0.21 to 0.48 away in four, in whom it is within 0.06 when they are exchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.domain import das28_crp, das28_esr
from acrcast.studies import AcrResponse, OutcomeColumn
from acrcast_training.data.cells import JOINT_COUNTS, Column
from acrcast_training.data.findings import Findings
from acrcast_training.data.response import response
from acrcast_training.data.visits import Visit

DISAGREES = 0.15
AGREES = 0.10

COUNTS = JOINT_COUNTS
REACTANT = {"das28_esr": "esr_mm_per_h", "das28_crp": "crp_mg_per_l"}


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How a given score fits the counts.

    exchanged: (n,) more than 0.15 from the score as the counts are, and within 0.10 of it with them exchanged.
    neither: (n,) more than 0.15 from it as they are, and not exchanged. Both False where anything is missing.
    """

    exchanged: Bools
    neither: Bools


def check_given_scores(
    endpoint: AcrResponse | OutcomeColumn, baseline: Visit, visits: Mapping[int, Visit], findings: Findings
) -> None:
    """Exchanged joint counts, by a DAS28 that came with them.

    At baseline they are what a model learns from: always a problem. At the endpoint they are one where putting them
    back would change the response, since otherwise nothing depends on them; elsewhere they are a note.
    """
    at_baseline = _exchanged(baseline, findings)
    _tell(baseline, at_baseline, "DATA050", "", findings)
    for week, visit in visits.items():
        if week == 0:
            continue
        exchanged = _exchanged(visit, findings)
        decisive = np.zeros_like(exchanged)
        if isinstance(endpoint, AcrResponse) and week == endpoint.week:
            as_is = response(endpoint, baseline.columns, visit.columns, len(exchanged))
            right = put_back(baseline.columns, at_baseline), put_back(visit.columns, exchanged)
            decisive = exchanged & (as_is != response(endpoint, *right, len(exchanged)))
        _tell(visit, decisive, "DATA050", ", which changes the response", findings)
        _tell(visit, exchanged & ~decisive, "DATA103", ", which does not change the response", findings)


def fit_of_given(score: str, columns: Mapping[str, Column]) -> Fit | None:
    """How the given `score`, das28_esr or das28_crp, fits the other columns of the same visit; None without them."""
    needed = (*COUNTS, "patient_global_mm", REACTANT[score], score)
    if not all(name in columns for name in needed):
        return None
    tender, swollen, patient_global, reactant, given = (
        np.where(columns[name].below, np.nan, columns[name].values) for name in needed
    )
    off_as_is = _distance(given, _computed(score, tender, swollen, patient_global, reactant))
    off_exchanged = _distance(given, _computed(score, swollen, tender, patient_global, reactant))
    exchanged = (off_as_is > DISAGREES) & (off_exchanged <= AGREES)
    return Fit(exchanged, (off_as_is > DISAGREES) & ~exchanged)


def put_back(columns: Mapping[str, Column], exchanged: Bools) -> Mapping[str, Column]:
    """The columns with tender and swollen counts exchanged in these patients."""
    if not exchanged.any():
        return columns
    tender, swollen = (columns[name] for name in COUNTS)
    return {**columns, COUNTS[0]: tender.unless(exchanged, swollen), COUNTS[1]: swollen.unless(exchanged, tender)}


def _exchanged(visit: Visit, findings: Findings) -> Bools:
    exchanged = np.zeros(len(visit.position), dtype=bool)
    for score, reactant in REACTANT.items():
        fit = fit_of_given(score, visit.columns)
        if fit is not None:
            message = f"more than {DISAGREES:.2f} from what joints, patient global and {reactant} give"
            findings.at(visit.position[fit.neither], "DATA102", message, visit.table, visit.names.get(score, score))
            exchanged |= fit.exchanged
    return exchanged


def _tell(visit: Visit, patients: Bools, code: str, consequence: str, findings: Findings) -> None:
    message = f"the DAS28 given fits only with these two exchanged{consequence}: check which is which"
    columns = ", ".join(visit.names.get(name, name) for name in COUNTS)
    findings.at(visit.position[patients], code, message, visit.table, columns)


def _computed(score: str, tender: Floats, swollen: Floats, patient_global: Floats, reactant: Floats) -> Floats:
    if score == "das28_esr":
        return das28_esr(
            tender_joint_count_28=tender,
            swollen_joint_count_28=swollen,
            esr_mm_per_h=reactant,
            patient_global_mm=patient_global,
        )
    return das28_crp(
        tender_joint_count_28=tender,
        swollen_joint_count_28=swollen,
        crp_mg_per_l=reactant,
        patient_global_mm=patient_global,
    )


def _distance(given: Floats, computed: Floats) -> Floats:
    # nine decimals, as the domain compares: exactly 0.15 on paper is 0.15 here
    return np.asarray(np.round(np.abs(given - computed), 9), dtype=np.float64)
