"""The outcome of each patient: response with non-responder imputation, and whether it was assessed at all."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools
from acrcast.domain import CoreSet, acr_response
from acrcast.estimators.block_design import row_blocks
from acrcast.studies import AcrResponse, OutcomeColumn
from acrcast_training.data.cells import Column
from acrcast_training.data.checks import column_named
from acrcast_training.data.findings import Findings
from acrcast_training.data.table import Table
from acrcast_training.data.visits import CORE_SET, Visit, column_at

JOINTS_AND_FOUR = (
    "tender_joint_count_28",
    "swollen_joint_count_28",
    "pain_mm",
    "patient_global_mm",
    "physician_global_mm",
    "haq_di",
)
REACTANT = {"esr": "esr_mm_per_h", "crp": "crp_mg_per_l"}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """responded: (n,) False also where not assessed. assessed: (n,) the endpoint was observed."""

    responded: Bools
    assessed: Bools


def parts_of(endpoint: AcrResponse) -> tuple[str, ...]:
    """The seven measures that decide: two joint counts, and five with the one acute-phase reactant."""
    return (*JOINTS_AND_FOUR, REACTANT[endpoint.acute_phase])


def outcome_of_column(endpoint: OutcomeColumn, table: Table, findings: Findings) -> Outcome:
    """An empty cell is not assessed, and so no response."""
    expected = f"one of {', '.join(sorted(endpoint.responder | endpoint.others))}; empty where not assessed"
    cells = column_named(table, endpoint.column, expected, findings)
    if cells is None:
        return Outcome(np.zeros(len(table), dtype=bool), np.zeros(len(table), dtype=bool))
    assessed = np.asarray(cells != "", dtype=bool)
    known = np.isin(cells, [*endpoint.responder, *endpoint.others])
    findings.at(assessed & ~known, "DATA042", f"expected {expected}", table, endpoint.column)
    return Outcome(np.isin(cells, [*endpoint.responder]), assessed)


def outcome_of_visits(
    endpoint: AcrResponse, patients: Table, baseline: Mapping[str, Column], visit: Visit | None, findings: Findings
) -> Outcome:
    """ACR response of the visit to the baseline. A patient without that visit, or with an empty one, is not assessed.

    patients: the table whose rows they are. A part that is missing at either visit is not improved.
    """
    recorded = visit.columns if visit is not None else {}
    if check_parts(endpoint, patients, baseline, visit, findings):
        parts = parts_of(endpoint)
        present = np.zeros(len(patients), dtype=np.uint8)
        for name in parts:
            present += baseline[name].given
        nothing, incomplete = present == 0, (present > 0) & (present < len(parts))
        findings.at(
            nothing, "DATA041", "expected the core set at baseline, in this row or in a visit at week 0", patients
        )
        message = f"a part of {endpoint.title} is missing at baseline and counts as not improved"
        findings.at(incomplete, "DATA106", message, patients)
    assessed = np.zeros(len(patients), dtype=bool)
    for name in recorded.keys() & set(CORE_SET):
        assessed |= recorded[name].given
    return Outcome(response(endpoint, baseline, recorded, len(patients)), assessed)


def check_parts(
    endpoint: AcrResponse, patients: Table, baseline: Mapping[str, Column], visit: Visit | None, findings: Findings
) -> bool:
    """Whether every part of the response is somewhere at baseline; what is nowhere then or later is told."""
    why = f"needed for {endpoint.title}"
    missing = [name for name in parts_of(endpoint) if name not in baseline]
    for name in missing:
        findings.about("DATA040", f"{why}: give it at baseline", patients, name)
    if visit is None:
        findings.about("DATA040", f"{why}: give the visits of week {endpoint.week}", patients)
        return not missing
    for name in parts_of(endpoint):
        if name not in visit.columns:
            column = column_at(name, endpoint.week) if visit.table is patients else name
            findings.about("DATA040", f"{why}: give this column", visit.table, column)
    return not missing


def response(
    endpoint: AcrResponse, baseline: Mapping[str, Column], follow_up: Mapping[str, Column], count: int
) -> Bools:
    """Who responded, as far as the values tell.

    A result below the limit of detection is taken as the limit at follow-up and as missing at baseline: whatever it
    was, the patient improved at least as much as is counted.
    """
    nothing = Column.missing(count)
    before = {name: baseline.get(name, nothing) for name in CORE_SET}
    after = {name: follow_up.get(name, nothing) for name in CORE_SET}
    responded = np.zeros(count, dtype=bool)
    for rows in row_blocks(count, len(CORE_SET)):
        there = {name: column.rows(rows) for name, column in before.items()}
        responded[rows] = acr_response(
            CoreSet(**{name: np.where(column.below, np.nan, column.values) for name, column in there.items()}),
            CoreSet(**{name: column.rows(rows).values for name, column in after.items()}),
            endpoint.level,
            endpoint.acute_phase,
        )
    return responded
