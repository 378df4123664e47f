"""Each check of trial data, with its permanent code. A retired code is not used again.

A check adds to `Findings` and never stops: the user learns of everything at once. No message holds a value of a patient.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal

import numpy as np
import numpy.typing as npt

from acrcast.arrays import Bools
from acrcast.contract import Contract
from acrcast.studies import Study
from acrcast_training.data.cells import CellReader, Column
from acrcast_training.data.findings import Findings
from acrcast_training.data.table import Table, Texts, shown

DATA_KIND = "data_kind"
DataKind = Literal["trial", "simulated"]
DATA_KINDS: tuple[DataKind, ...] = ("trial", "simulated")

# What fits in an array of names; identifiers of trials have some ten characters.
LONGEST_ID = 64

CODES: Mapping[str, str] = {
    "DATA001": "The file is absent, empty or cannot be read",
    "DATA002": "A row has more or fewer cells than the header",
    "DATA003": "Two columns have the same name",
    "DATA004": "A column is missing",
    "DATA005": "The file has no patients",
    "DATA010": "A required value is missing",
    "DATA011": "A cell cannot be read as what its column holds",
    "DATA012": "A value is out of the measure's range",
    "DATA013": "A value is none of the categories",
    "DATA014": "A joint count is above 28",
    "DATA015": "A result below a limit of detection, where the study does not foresee one",
    "DATA016": "A unit is none that the measure takes",
    "DATA017": "A code has no meaning in the mapping",
    "DATA020": "A patient occurs twice",
    "DATA021": "An arm is none of the study's",
    "DATA022": "An arm has no patient",
    "DATA023": "data_kind is neither trial nor simulated",
    "DATA024": "Trial and simulated patients are mixed",
    "DATA030": "A visit belongs to no patient of the baseline file",
    "DATA031": "A patient has two visits in one week",
    "DATA032": "A visit is at no scheduled week; accepted, it is left out",
    "DATA033": "The baseline and week 0 disagree",
    "DATA034": "Two records of one measure of a patient at one visit",
    "DATA035": "No record of a patient's measure is marked as the baseline, though there is one of the baseline visit",
    "DATA036": "A date stands where a visit was expected",
    "DATA037": "The baseline that a record repeats is not that of the record marked as the baseline",
    "DATA040": "The outcome cannot be computed: a part of it is nowhere in the files",
    "DATA041": "A patient has nothing of the core set at baseline, so that no response can be judged",
    "DATA042": "An outcome is none of the values that the study names",
    "DATA050": "The DAS28 given fits only with tender and swollen joint counts exchanged; accepted, the counts stay as they are",
    "DATA060": "The mapping cannot be read",
    "DATA061": "A question of the mapping is not answered",
    "DATA062": "The mapping was made for another study, or for other fields than it has now",
    "DATA063": "The mapping names a column that the file does not have",
    "DATA064": "The mapping does not fit the study",
    "DATA065": "Files and the tables of the mapping do not belong together",
    "DATA101": "Note: a column that the study does not know is left out",
    "DATA102": "Note: the DAS28 given fits neither as the counts are nor with them exchanged",
    "DATA103": "Note: exchanged joint counts at a follow-up visit that do not change the response",
    "DATA104": "Note: optional measures that the files do not hold are missing for everyone",
    "DATA105": "Note: baseline alone was checked, without visits there is no outcome",
    "DATA106": "Note: a part of the response is missing at baseline and counts as not improved",
    "DATA107": "Note: what Excel may have changed",
    "DATA108": "Note: rows that the mapping leaves out",
    "DATA109": "Note: a column is new since the mapping was made",
}

ACCEPTABLE = frozenset({"DATA032", "DATA050"})
"""Codes that a user may accept: each leaves the data usable, in the way that its meaning says."""


def is_note(code: str) -> bool:
    """Whether it stops nothing: notes are numbered from 101 on."""
    return code.startswith("DATA1")


def column_named(table: Table, name: str, expected: str, findings: Findings) -> npt.NDArray[np.object_] | None:
    """A column that the file must have."""
    return table.columns[name] if has_column(table, name, expected, findings) else None


def has_column(table: Table, name: str, expected: str, findings: Findings) -> bool:
    """Whether the file has a column that it must have."""
    if name not in table.columns:
        findings.about("DATA004", f"column missing: expected {expected}{_resembling(table, name)}", table, name)
    return name in table.columns


def check_patient_ids(table: Table, findings: Findings) -> Texts:
    """The identifiers; "" throughout when the file has none."""
    has_ids = has_column(table, "patient_id", "an identifier of each patient", findings)
    if len(table) == 0:
        findings.about("DATA005", "expected a row for each patient below the header", table)
    if not has_ids:
        return Texts.of(np.full(len(table), "", dtype=object))
    ids = table.texts("patient_id")
    empty = ids.where(np.asarray(ids.texts == "", dtype=bool))
    long = ids.where(np.array([len(text) > LONGEST_ID for text in ids.texts], dtype=bool))
    findings.at(empty, "DATA010", "expected an identifier of the patient", table, "patient_id")
    findings.at(long, "DATA011", f"expected an identifier of at most {LONGEST_ID} characters", table, "patient_id")
    twice = ids.repeated() & ~empty
    findings.at(twice, "DATA020", "expected one row for each patient; an earlier row has the same", table, "patient_id")
    return ids


def check_arms(study: Study, table: Table, findings: Findings) -> Bools:
    """Who was treated. In a one-arm study the column may be absent."""
    keys = [arm.key for arm in study.arms]
    expected = f"one of {', '.join(keys)}" if study.has_control else f"{keys[0]}, or no such column"
    if "arm" not in table.columns and not study.has_control:
        return np.ones(len(table), dtype=bool)
    arms = column_named(table, "arm", expected, findings)
    if arms is None:
        return np.ones(len(table), dtype=bool)
    findings.at(arms == "", "DATA010", f"expected {expected}", table, "arm")
    findings.at((arms != "") & ~np.isin(arms, keys), "DATA021", f"expected {expected}", table, "arm")
    for key in keys:
        if len(table) and not np.any(arms == key):
            findings.about("DATA022", f"expected patients of every arm; {key} has none", table, "arm")
    return np.asarray(arms == study.treated.key, dtype=bool)


def check_data_kind(table: Table, findings: Findings) -> DataKind:
    """What the patients are, trial unless the file says otherwise."""
    if "data_kind" not in table.columns:
        return "trial"
    kinds = np.where(table.columns["data_kind"] == "", "trial", table.columns["data_kind"])
    known = np.isin(kinds, DATA_KINDS)
    findings.at(~known, "DATA023", "expected trial or simulated; empty means trial", table, "data_kind")
    found = set(kinds[known])
    if len(found) > 1:
        findings.about("DATA024", "expected all patients to be of a trial, or all simulated", table, "data_kind")
    return "simulated" if found == {"simulated"} else "trial"


def check_numbers(
    reader: CellReader, table: Table, name: str, findings: Findings, at: npt.NDArray[np.intp] | None = None
) -> Column:
    """The values of column `name`, which the table has, in all its rows or those at the positions `at`."""
    texts = table.texts(name)
    column, wrong = reader.numbers(texts if at is None else texts.rows(at))
    for code, places in wrong.items():
        findings.at(places if at is None else at[places], code, reader.problem(code), table, name)
    return column


def check_names(reader: CellReader, table: Table, findings: Findings) -> npt.NDArray[np.str_]:
    """The assays that the file names; "" throughout when it has no such column."""
    name = reader.field.name
    if name not in table.columns:
        return np.full(len(table), "", dtype=np.str_)
    names, wrong = reader.names(table.texts(name))
    for code, at in wrong.items():
        findings.at(at, code, reader.problem(code), table, name)
    return names


def check_required(contract: Contract, columns: Mapping[str, Column], table: Table, findings: Findings) -> None:
    """Required measures, once week 0 has filled in what it could; and which optional ones nobody has."""
    absent = []
    for field in contract.covariates:
        column = columns.get(field.name)
        if column is None and field.required:
            column_named(table, field.name, field.expected, findings)
        elif column is None:
            absent.append(field.name)
        elif field.required:
            findings.at(~column.given, "DATA010", f"expected {field.expected}", table, field.name)
    if absent:
        findings.about("DATA104", f"not in the files, missing for everyone: {', '.join(absent)}", table)


def note_unknown_columns(table: Table, known: Iterable[str], findings: Findings) -> None:
    """Columns that will not be used. In a file without a header these would be a patient's values: then only near misses."""
    names = [*known]
    has_header = "patient_id" in table.columns
    for column in table.columns:
        if column in names:
            continue
        near = get_close_matches(column.lower(), [name for name in names if name not in table.columns], n=1, cutoff=0.8)
        if near:
            findings.about("DATA101", f"unknown column, left out; did you mean {near[0]}?", table, shown(column))
        elif has_header:
            findings.about("DATA101", "unknown column, left out", table, shown(column))
    if table.unnamed and has_header:
        findings.about("DATA101", f"{table.unnamed} columns without a name, left out", table)


def _resembling(table: Table, name: str) -> str:
    near = get_close_matches(name, list(table.columns), n=1, cutoff=0.8)
    return f"; the file has {shown(near[0])}, which resembles it" if near else ""
