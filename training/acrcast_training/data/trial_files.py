"""A trial from its files: baseline and visits put together, patient by patient, with everything that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.dtypes import StringDType

from acrcast.arrays import Bools
from acrcast.contract import Covariates
from acrcast.studies import OutcomeColumn, Study
from acrcast_training.data.cells import CellReader, Column, values_of
from acrcast_training.data.checks import (
    DataKind,
    check_arms,
    check_data_kind,
    check_names,
    check_numbers,
    check_patient_ids,
    check_required,
    note_unknown_columns,
)
from acrcast_training.data.findings import Findings
from acrcast_training.data.given_das28 import COUNTS, check_given_scores
from acrcast_training.data.response import Outcome, outcome_of_column, outcome_of_visits
from acrcast_training.data.table import Table
from acrcast_training.data.visits import (
    AT_VISITS,
    Visit,
    VisitReaders,
    column_at,
    scheduled_weeks,
    visits_of_columns,
    visits_of_rows,
)

ABOUT_A_PATIENT = ("patient_id", "arm", "data_kind")


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The n patients, as far as the files tell; `outcome` is None without visits."""

    patient_ids: npt.NDArray[Any]
    treated: Bools
    covariates: Covariates
    data_kind: DataKind
    outcome: Outcome | None


def read_trial(study: Study, patients: Table, visits: Table | None, *, one_table: bool, findings: Findings) -> Trial:
    """The trial of a baseline table and a table of visits, or of one table that holds both in its columns.

    Baseline values are those of the patients' table; where it has none, those of the visit at week 0.
    """
    weeks, readers = scheduled_weeks(study), VisitReaders.of(study)
    ids = check_patient_ids(patients, findings)
    treated, data_kind = check_arms(study, patients, findings), check_data_kind(patients, findings)
    in_table = _baseline_columns(study, patients, readers, findings)
    at_week: dict[int, Visit] = {}
    if visits is not None:
        at_week = visits_of_rows(visits, ids, weeks, readers, findings)
        note_unknown_columns(visits, ("patient_id", "week", *AT_VISITS), findings)
    elif one_table:
        at_week = visits_of_columns(patients, weeks, readers, findings)
    note_unknown_columns(patients, patient_columns(study, one_table=one_table), findings)
    baseline = _with_week_0(in_table, at_week.get(0), findings)
    check_required(study.contract, baseline, patients, findings)
    at_baseline = _visit_0(patients, in_table, baseline, at_week.get(0))
    check_given_scores(study.endpoint, at_baseline, at_week, findings)
    outcome: Outcome | None = None
    if isinstance(study.endpoint, OutcomeColumn):
        outcome = outcome_of_column(study.endpoint, patients, findings)
    elif visits is not None or one_table:
        outcome = outcome_of_visits(study.endpoint, patients, baseline, at_week.get(study.endpoint.week), findings)
    else:
        findings.about("DATA105", "no visits given: the baseline was checked, the outcome was not", patients)
    return Trial(
        ids.texts.astype(StringDType())[ids.which],
        treated,
        _covariates(study, patients, baseline, findings),
        data_kind,
        outcome,
    )


def patient_columns(study: Study, *, one_table: bool) -> tuple[str, ...]:
    """The columns that a table of one row a patient may have."""
    endpoint = study.endpoint
    outcome = (endpoint.column,) if isinstance(endpoint, OutcomeColumn) else ()
    measures = tuple(field.name for field in study.contract)
    at_weeks = tuple(column_at(name, week) for week in scheduled_weeks(study) for name in AT_VISITS if one_table)
    return (*ABOUT_A_PATIENT, *measures, *AT_VISITS, *outcome, *at_weeks)


def _baseline_columns(study: Study, table: Table, readers: VisitReaders, findings: Findings) -> dict[str, Column]:
    """Covariates, core set and given scores in the columns of the patients' table."""
    of_contract = CellReader.of(study.patient)
    covariates = {field.name: of_contract[field.name] for field in study.contract.covariates}
    return {
        name: check_numbers(reader, table, name, findings)
        for name, reader in {**readers.baseline, **covariates}.items()
        if name in table.columns
    }


def _with_week_0(in_table: Mapping[str, Column], week_0: Visit | None, findings: Findings) -> dict[str, Column]:
    """The baseline, filled in from the visit at week 0; both giving different values is a problem."""
    merged = dict(in_table)
    for name, recorded in (week_0.columns if week_0 is not None else {}).items():
        if week_0 is None or name not in in_table:
            merged[name] = recorded
            continue
        own = in_table[name]
        both = ~np.isnan(own.values) & ~np.isnan(recorded.values)
        differ = both & ((own.values != recorded.values) | (own.below != recorded.below))
        message = f"expected the value of the baseline's {name}, or an empty cell"
        findings.at(week_0.position[differ], "DATA033", message, week_0.table, week_0.names[name])
        merged[name] = own.unless(~own.given, recorded)
    return merged


def _covariates(study: Study, table: Table, baseline: Mapping[str, Column], findings: Findings) -> Covariates:
    nothing = Column.missing(len(table))
    columns = [baseline.get(field.name, nothing) for field in study.contract.covariates]
    readers = CellReader.of(study.patient)
    return Covariates(
        study.contract,
        *values_of(columns),
        {field.name: check_names(readers[field.name], table, findings) for field in study.contract.assays},
    )


def _visit_0(
    patients: Table, in_table: Mapping[str, Column], baseline: Mapping[str, Column], week_0: Visit | None
) -> Visit:
    """The merged baseline as a visit, standing where its joint counts do."""
    if week_0 is not None and COUNTS[0] not in in_table:
        return Visit(baseline, week_0.table, week_0.position, week_0.names)
    return Visit(baseline, patients, np.arange(len(patients)), {})
