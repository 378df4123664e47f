"""Tables with a row a value, as ADaM's Basic Data Structure has them: parameter, visit, value, and flags.

CDISC ADaM Implementation Guide 1.3: PARAMCD names the parameter, AVISIT the analysis visit, AVAL and AVALC the value, ABLFL the
record that is the baseline, BASE its value repeated, DTYPE how a record was derived, ANLzzFL which records are analysed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from acrcast.studies import OutcomeColumn, Study
from acrcast_training.data.cells import NUMBER
from acrcast_training.data.findings import Findings
from acrcast_training.data.mapping.converting import Positions, Source, Texts, converted, kept
from acrcast_training.data.mapping.form import LEAVE_OUT, MappedColumn, MappedTable
from acrcast_training.data.table import Table
from acrcast_training.data.visits import AT_VISITS

FLAGGED = "Y"
AT_BASELINE = "0"


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Values of one measure. positions: of their rows in the file. name: of the column there, as messages tell it."""

    positions: Positions
    texts: Texts
    patients: Texts
    weeks: Texts
    name: str

    def only(self, mask: npt.NDArray[np.bool_]) -> "Values":
        return Values(self.positions[mask], self.texts[mask], self.patients[mask], self.weeks[mask], self.name)

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True, slots=True)
class Records:
    """What a table of a row a value gives: values of each patient at baseline or at an outcome's week, and of later visits."""

    of_patients: Mapping[str, Values]
    of_visits: Mapping[str, Values]


def records_of(
    study: Study, mapped: MappedTable, table: Table, patients: frozenset[str], findings: Findings
) -> Records:
    """The values that count. patients: others' records are left out; whose they are is told elsewhere.

    A record that is the baseline by its flag is that whatever its visit; without a flag, week 0 is. Derived and unanalysed records
    are left out as the mapping says. Two records of one measure of a patient at one visit are told, and the first is taken.
    """
    general = kept(mapped.keep, table)
    later = kept(mapped.keep_after_baseline, table)
    ids = table.columns[str(mapped.columns["patient_id"].column)]
    mine = np.isin(ids.astype(str), list(patients))
    findings.at((ids == "") & general, "DATA010", "expected an identifier of the patient", table, _of(mapped))
    of_patients, of_visits = {}, {}
    left_out = np.zeros(len(table), dtype=bool)
    for target, column in mapped.columns.items():
        if target in ("patient_id", "week"):
            continue
        rows = (table.columns[str(mapped.parameter)] == column.parameter) & mine
        left_out |= rows & ~general
        values = _values(study, target, column, mapped, table, np.flatnonzero(rows & general), findings)
        if isinstance(study.endpoint, OutcomeColumn) and target == study.endpoint.column:
            at_week = values.only((values.weeks == str(column.week)) & later[values.positions])
            of_patients[target] = _single(at_week, table, findings, by=("patients",))
            continue
        flagged = _flagged(mapped, table, values)
        before, after = values.only(flagged), values.only(~flagged & (values.weeks != LEAVE_OUT))
        before = _single(before, table, findings, by=("patients",))
        counted = later[after.positions]
        left_out[after.positions[~counted]] = True
        after = after.only(counted)
        _tell_unmarked(mapped, table, before, after, findings)
        of_patients[target] = before
        if target in AT_VISITS:
            later_visits = after.only(after.weeks != AT_BASELINE)
            of_visits[target] = _single(later_visits, table, findings, by=("patients", "weeks"))
    for name, count in _counts(mapped, table, left_out):
        findings.about("DATA108", f"records that the mapping does not keep: {count}", table, name)
    return Records(of_patients, of_visits)


def _values(
    study: Study,
    target: str,
    column: MappedColumn,
    mapped: MappedTable,
    table: Table,
    at: Positions,
    findings: Findings,
) -> Values:
    name = column.value or str(mapped.value)
    told = f"{name} of {column.parameter}"
    texts = table.columns[name][at]
    if mapped.text is not None and column.value is None:
        beside = table.columns[mapped.text][at]
        below = np.array([text.startswith("<") for text in beside], dtype=bool)
        texts = np.where(below, beside, texts)
    # the text of a column that no file has: what was chosen from two
    chosen = Table(table.file, {**table.columns, told: _placed(texts, at, len(table))}, table.rows)
    texts = converted(study, target, column, Source(chosen, at, told, told), findings)
    ids = table.columns[str(mapped.columns["patient_id"].column)][at]
    weeks = np.full(len(at), LEAVE_OUT, dtype=object)
    if (week := mapped.columns.get("week")) is not None:
        source = Source(table, at, str(week.column), str(week.column))
        weeks = converted(study, "week", week, source, findings)
    given = texts != ""
    return Values(at, texts, ids, weeks, told).only(given)


def _placed(texts: Texts, at: Positions, count: int) -> Texts:
    placed = np.full(count, "", dtype=object)
    placed[at] = texts
    return placed


def _flagged(mapped: MappedTable, table: Table, values: Values) -> npt.NDArray[np.bool_]:
    if mapped.baseline_flag is None:
        return np.asarray(values.weeks == AT_BASELINE, dtype=bool)
    return np.asarray(table.columns[mapped.baseline_flag][values.positions] == FLAGGED, dtype=bool)


def _single(values: Values, table: Table, findings: Findings, *, by: Sequence[str]) -> Values:
    """One value of a patient, or of a patient at a visit: by which of these."""
    again = pd.DataFrame({name: getattr(values, name) for name in by}).duplicated().to_numpy()
    message = "expected one record of a patient at a visit; an earlier row is of it: say in the mapping which to keep"
    findings.at(values.positions[again], "DATA034", message, table, values.name)
    return values.only(~again)


def _tell_unmarked(mapped: MappedTable, table: Table, before: Values, after: Values, findings: Findings) -> None:
    """Patients with a baseline visit of which no record is marked, and a repeated baseline that is another."""
    if mapped.baseline_flag is not None:
        marked = set(before.patients)
        unmarked = (after.weeks == AT_BASELINE) & np.array([p not in marked for p in after.patients], dtype=bool)
        message = f"expected a record of the patient's baseline with {mapped.baseline_flag} = {FLAGGED}"
        findings.at(after.positions[unmarked], "DATA035", message, table, after.name)
    if mapped.baseline_value is not None:
        raw = table.columns[str(mapped.value)]
        marked_values = dict(zip(before.patients, raw[before.positions], strict=True))
        told = table.columns[mapped.baseline_value][after.positions]
        differs = [
            bool(text) and _number(marked_values.get(patient, "")) != _number(text)
            for patient, text in zip(after.patients, told, strict=True)
        ]
        message = "expected the value of the record that is marked as the baseline"
        at = after.positions[np.array(differs, dtype=bool)]
        findings.at(at, "DATA037", f"{message} ({after.name})", table, mapped.baseline_value)


def _number(text: str) -> float | str:
    return float(text) if NUMBER.fullmatch(text) else text


def _counts(mapped: MappedTable, table: Table, left_out: npt.NDArray[np.bool_]) -> Iterator[tuple[str, int]]:
    """How many of the records that are left out each column speaks against."""
    for rules in (mapped.keep, mapped.keep_after_baseline):
        for column in rules:
            count = int(np.sum(left_out & ~kept({column: rules[column]}, table)))
            if count:
                yield column, count


def _of(mapped: MappedTable) -> str:
    return str(mapped.columns["patient_id"].column)
