"""The core set at each visit, aligned with the patients: from rows of a visits file, or from columns of one table."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from acrcast.contract import Measure, Patient, Undetectable
from acrcast.domain import CoreSet
from acrcast.errors import UsageError
from acrcast.studies import AcrResponse, Study
from acrcast_training.data.cells import CellReader, Column
from acrcast_training.data.checks import check_numbers, has_column
from acrcast_training.data.findings import Findings
from acrcast_training.data.table import Table, Texts

CORE_SET = tuple(field.name for field in fields(CoreSet))
GIVEN_SCORES = ("das28_esr", "das28_crp")
AT_VISITS = (*CORE_SET, *GIVEN_SCORES)
AT_WEEK = re.compile(r"(\w+)_week_[0-9]+")

Joints = Annotated[int | None, Field(ge=0, le=28), Measure(label="Joint count (28)", unit="joints")]
Scale = Annotated[float | None, Field(ge=0, le=100), Measure(label="Visual analogue scale", unit="mm")]
Disability = Annotated[float | None, Field(ge=0, le=3), Measure(label="Disability index (HAQ-DI)")]
Score = Annotated[float | None, Field(ge=0, le=10), Measure(label="DAS28")]


class CoreSetVisit(Patient):
    """What may be recorded at any visit.

    The limits are those of the scales, and for ESR and CRP what a laboratory may report. A patient contract may be
    narrower: whom a trial enrols does not bind how the patient is later.
    """

    tender_joint_count_28: Joints = None
    swollen_joint_count_28: Joints = None
    pain_mm: Scale = None
    patient_global_mm: Scale = None
    physician_global_mm: Scale = None
    haq_di: Disability = None
    esr_mm_per_h: Annotated[
        Annotated[float, Field(ge=0, le=300)] | Undetectable | None, Measure(label="Sedimentation rate", unit="mm/h")
    ] = None
    crp_mg_per_l: Annotated[
        Annotated[float, Field(ge=0, le=1000)] | Undetectable | None, Measure(label="C-reactive protein", unit="mg/L")
    ] = None
    das28_esr: Score = None
    das28_crp: Score = None


class VisitWeek(Patient):
    """When a visit was."""

    week: Annotated[int, Field(ge=0), Measure(label="Week", unit="weeks since baseline")]


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """One week of the n patients.

    columns: what was recorded, by name, each (n,). position: (n,) each patient's row in `table`, -1 without a visit.
    names: what the table calls each column.
    """

    columns: Mapping[str, Column]
    table: Table
    position: npt.NDArray[np.intp]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class VisitReaders:
    """How to read the core set at baseline, where the patient contract rules, and afterwards."""

    baseline: Mapping[str, CellReader]
    follow_up: Mapping[str, CellReader]

    @classmethod
    def of(cls, study: Study) -> "VisitReaders":
        """A result below a limit of detection is read at a visit when the contract foresees one at baseline."""
        contract, own = CellReader.of(study.patient), CellReader.of(CoreSetVisit)
        follow_up = {}
        for name, reader in own.items():
            in_contract = contract.get(name)
            if in_contract and name in CORE_SET and in_contract.field.kind not in ("number", "count"):
                raise UsageError(f"study {study.key}, {name}: the core set needs a float or int field of this name")
            foreseen = in_contract is not None and in_contract.field.may_be_undetectable
            follow_up[name] = replace(reader, field=replace(reader.field, may_be_undetectable=foreseen))
        return cls({name: contract.get(name, follow_up[name]) for name in AT_VISITS}, follow_up)

    def at(self, week: int) -> Mapping[str, CellReader]:
        return self.baseline if week == 0 else self.follow_up


def scheduled_weeks(study: Study) -> tuple[int, ...]:
    """Baseline, the study's weeks and the endpoint's, in order."""
    endpoint = (study.endpoint.week,) if isinstance(study.endpoint, AcrResponse) else ()
    return tuple(sorted({0, *study.weeks, *endpoint}))


def column_at(name: str, week: int) -> str:
    """The column of a one-row-a-patient table that holds a measure at a week: `pain_mm_week_12`."""
    return f"{name}_week_{week}"


def measure_at(column: str) -> str:
    """What `column_at` made the column of: pain_mm of `pain_mm_week_12`; any other name is itself."""
    named = AT_WEEK.fullmatch(column)
    return named[1] if named and named[1] in AT_VISITS else column


def visits_of_columns(
    table: Table, weeks: Iterable[int], readers: VisitReaders, findings: Findings
) -> dict[int, Visit]:
    """The visits in a table of one row a patient; a week without any column is left out."""
    visits = {}
    everyone = np.arange(len(table))
    for week in weeks:
        names = {name: column_at(name, week) for name in AT_VISITS if column_at(name, week) in table.columns}
        if names:
            columns = {
                name: check_numbers(readers.at(week)[name], table, column, findings) for name, column in names.items()
            }
            visits[week] = Visit(columns, table, everyone, names)
    return visits


def visits_of_rows(
    table: Table, patients: Texts, weeks: Iterable[int], readers: VisitReaders, findings: Findings
) -> dict[int, Visit]:
    """The visits in a table of one row a visit; a week without any row is left out.

    patients: (n,) their identifiers; empty ones, and the second of two that are the same, have no visits.
    """
    at_week, of_patient = _weeks(table, findings), _positions(table, patients, findings)
    scheduled = np.isin(at_week, [*weeks])
    expected = f"expected one of the scheduled weeks {', '.join(map(str, weeks))}"
    findings.at(~scheduled & ~np.isnan(at_week), "DATA032", expected, table, "week")
    known = scheduled & (of_patient >= 0)
    repeated = known & pd.DataFrame({"patient": of_patient, "week": at_week}).duplicated().to_numpy()
    findings.at(
        repeated, "DATA031", "expected one visit of a patient in a week; an earlier row is of it", table, "week"
    )
    names = {name: name for name in AT_VISITS if name in table.columns}
    visits = {}
    for week in weeks:
        rows = np.flatnonzero(at_week == week)
        if len(rows) == 0:
            continue
        used = known[rows] & ~repeated[rows]
        at = of_patient[rows[used]]
        position = np.full(len(patients.which), -1, dtype=np.intp)
        position[at] = rows[used]
        columns = {
            name: check_numbers(readers.at(week)[name], table, name, findings, rows)
            .rows(used)
            .placed(at, len(position))
            for name in names
        }
        visits[week] = Visit(columns, table, position, names)
    return visits


def _weeks(table: Table, findings: Findings) -> npt.NDArray[np.float64]:
    """The week of each row, NaN where it has none."""
    reader = CellReader.of(VisitWeek)["week"]
    if not has_column(table, "week", reader.field.expected, findings):
        return np.full(len(table), np.nan)
    weeks = check_numbers(reader, table, "week", findings)
    findings.at(~weeks.given, "DATA010", f"expected {reader.field.expected}", table, "week")
    return np.asarray(weeks.values)


def _positions(table: Table, patients: Texts, findings: Findings) -> npt.NDArray[np.intp]:
    """Whose visit each row is, -1 where it is nobody's."""
    if not has_column(table, "patient_id", "the identifier of the baseline file", findings):
        return np.full(len(table), -1, dtype=np.intp)
    ids = table.texts("patient_id")
    is_empty = np.asarray(ids.texts == "", dtype=bool)
    empty = ids.where(is_empty)
    findings.at(empty, "DATA010", "expected an identifier of the patient", table, "patient_id")
    positions: npt.NDArray[np.intp] = np.where(is_empty, -1, ids.first_in(patients))[ids.which]
    if (patients.texts != "").any():
        stray = ~empty & (positions < 0)
        findings.at(stray, "DATA030", "expected a patient_id of the baseline file", table, "patient_id")
    return positions
