"""The study's tables, made of those that were delivered as a mapping says. Each cell still knows where it stands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from acrcast.studies import Study
from acrcast_training.data.checks import DATA_KIND
from acrcast_training.data.findings import Findings
from acrcast_training.data.mapping.converting import Positions, Source, Texts, converted, kept
from acrcast_training.data.mapping.form import LEAVE_OUT, MappedTable, MappingFile
from acrcast_training.data.mapping.records import Values, records_of
from acrcast_training.data.table import Origin, Table
from acrcast_training.data.visits import AT_VISITS


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """The study's tables: a row a patient, and a row a visit where any table has visits."""

    patients: Table
    visits: Table | None


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """Values of one measure in one table, with which of several visits of a patient in a week each belongs to."""

    mapped: MappedTable
    table: Table
    target: str
    recorded: Values
    turn: npt.NDArray[np.int64]


def mapped_tables(study: Study, mapping: MappingFile, tables: Mapping[int, Table], findings: Findings) -> Mapped | None:
    """The tables by their positions in the mapping; None when there is none of a row a patient.

    The mapping has been checked against the study and the tables. What cannot be converted is told, with file, row and column.
    """
    (first,) = mapping.positions(["patient"])
    if first not in tables:
        return None
    patients, left_out = _patients(study, mapping.tables[first], tables[first], findings)
    ids = patients.columns["patient_id"]
    place = {patient: i for i, patient in reversed([*enumerate(ids)]) if patient}
    columns, origins = dict(patients.columns), dict(patients.origins)
    pieces: list[_Piece] = []
    for i, table in tables.items():
        mapped = mapping.tables[i]
        if mapped.a_row_is == "visit":
            pieces += _of_visit_rows(study, mapped, table, left_out, findings)
        elif mapped.a_row_is == "value":
            _tell_strays(mapped, table, frozenset(place) | left_out, findings)
            records = records_of(study, mapped, table, frozenset(place), findings)
            for target, values in records.of_patients.items():
                columns[target], origins[target] = _joined(values, table, place, ids)
            of_visits = records.of_visits.items()
            pieces += [
                _Piece(mapped, table, target, values, np.zeros(len(values), np.int64)) for target, values in of_visits
            ]
    whole = Table(patients.file, columns, patients.rows, origins=origins)
    has_visits = any(mapping.tables[i].a_row_is != "patient" for i in tables)
    return Mapped(whole, _visits(pieces, [tables[i] for i in tables if i != first], findings) if has_visits else None)


def _patients(study: Study, mapped: MappedTable, table: Table, findings: Findings) -> tuple[Table, frozenset[str]]:
    """The table of a row a patient, and the patients that the mapping leaves out."""
    rules = {**mapped.keep, **mapped.keep_after_baseline}
    mask = kept(rules, table)
    made = {
        target: converted(study, target, column, _source(table, np.flatnonzero(mask), str(column.column)), findings)
        for target, column in mapped.columns.items()
    }
    stays = made.get("arm", np.full(int(mask.sum()), "", dtype=object)) != LEAVE_OUT
    if (away := len(table) - int(stays.sum())) > 0:
        findings.about("DATA108", f"rows that the mapping does not keep: {away}", table)
    at = np.flatnonzero(mask)[stays]
    columns = {target: texts[stays] for target, texts in made.items()}
    origins = {target: _origin(table, at, str(column.column)) for target, column in mapped.columns.items()}
    # what marks simulated patients goes with them, whether the mapping names it or not
    marked = next((name for name in table.columns if name.lower().replace("_", "") == DATA_KIND.replace("_", "")), None)
    if marked is not None and DATA_KIND not in columns:
        columns[DATA_KIND], origins[DATA_KIND] = table.columns[marked][at], _origin(table, at, marked)
    ids = table.columns[str(mapped.columns["patient_id"].column)]
    return Table(table.file, columns, table.rows[at], origins=origins), frozenset(ids) - frozenset(ids[at]) - {""}


def _source(table: Table, at: Positions, name: str) -> Source:
    return Source(table, at, name, name)


def _origin(table: Table, at: Positions, name: str) -> Origin:
    return Origin.of(name, table.file, table.rows[at])


def _joined(values: Values, table: Table, place: Mapping[str, int], ids: Texts) -> tuple[Texts, Origin]:
    """The values among the patients, missing where there is none. A patient who occurs twice has them twice: one finding is enough."""
    count = len(ids)
    at = np.array([place[patient] for patient in values.patients], dtype=np.intp)
    texts, rows = np.full(count, "", dtype=object), np.zeros(count, dtype=np.int64)
    texts[at], rows[at] = values.texts, table.rows[values.positions]
    first = np.array([place.get(patient, i) for i, patient in enumerate(ids)], dtype=np.intp)
    return texts[first], Origin.of(values.name, table.file, rows[first])


def _of_visit_rows(
    study: Study, mapped: MappedTable, table: Table, left_out: frozenset[str], findings: Findings
) -> Iterator[_Piece]:
    """Every measure of a table with a row a visit. Rows of patients who were left out are none of the trial's."""
    names = {target: str(column.column) for target, column in mapped.columns.items()}
    ids = table.columns[names["patient_id"]]
    mask = kept({**mapped.keep, **mapped.keep_after_baseline}, table)
    mask &= ~np.isin(ids.astype(str), list(left_out))
    at = np.flatnonzero(mask)
    weeks = converted(study, "week", mapped.columns["week"], _source(table, at, names["week"]), findings)
    stays = weeks != LEAVE_OUT
    if (away := len(table) - int(stays.sum())) > 0:
        findings.about("DATA108", f"rows that the mapping does not keep: {away}", table)
    at, weeks = at[stays], weeks[stays]
    turn = pd.DataFrame({"patient": ids[at], "week": weeks}).groupby(["patient", "week"]).cumcount().to_numpy()
    for target in (name for name in AT_VISITS if name in names):
        texts = converted(study, target, mapped.columns[target], _source(table, at, names[target]), findings)
        yield _Piece(mapped, table, target, Values(at, texts, ids[at], weeks, names[target]), turn.astype(np.int64))


def _tell_strays(mapped: MappedTable, table: Table, known: frozenset[str], findings: Findings) -> None:
    """Records of nobody whom the patients' table has, or had."""
    name = str(mapped.columns["patient_id"].column)
    ids, parameters = table.columns[name], [column.parameter for column in mapped.columns.values() if column.parameter]
    used = kept(mapped.keep, table) & np.isin(table.columns[str(mapped.parameter)].astype(str), parameters)
    stray = used & (ids != "") & ~np.isin(ids.astype(str), list(known))
    findings.at(stray, "DATA030", "expected a patient of the table with a row a patient", table, name)


def _visits(pieces: Sequence[_Piece], tables: Sequence[Table], findings: Findings) -> Table:
    """One row for each patient, week and turn, in the order in which they are met. What two tables both have is told."""
    keys: dict[tuple[str, str, int], int] = {}
    places = []
    for piece in pieces:
        values = piece.recorded
        of_rows = zip(values.patients, values.weeks, piece.turn.tolist(), strict=True)
        places.append(np.array([keys.setdefault(key, len(keys)) for key in of_rows], dtype=np.intp))
    count = len(keys)
    whole = Origin.of("", "", np.zeros(count, dtype=np.int64))
    columns: dict[str, Texts] = {}
    origins: dict[str, Origin] = {}
    own_names = {name: np.full(count, name, dtype=object) for name in ("patient_id", "week")}
    for piece, at in zip(pieces, places, strict=True):
        numbers = piece.table.rows[piece.recorded.positions]
        texts = columns.setdefault(piece.target, np.full(count, "", dtype=object))
        origin = origins.setdefault(piece.target, Origin.of("", "", np.zeros(count, dtype=np.int64)))
        again = (origin.rows[at] > 0) & (texts[at] != "") & (piece.recorded.texts != "")
        message = "expected one value of a patient at a visit; another table has it too"
        findings.at(piece.recorded.positions[again], "DATA034", message, piece.table, piece.recorded.name)
        new = ~again & ((origin.rows[at] == 0) | (piece.recorded.texts != ""))
        texts[at[new]] = piece.recorded.texts[new]
        for name, names in own_names.items():
            if (column := piece.mapped.columns.get(name)) is not None:
                names[at[whole.rows[at] == 0]] = column.column
        for of, fresh in ((origin, new), (whole, whole.rows[at] == 0)):
            of.names[at[fresh]], of.files[at[fresh]] = piece.recorded.name, piece.table.file
            of.rows[at[fresh]] = numbers[fresh]
    ids = {"patient_id": [key[0] for key in keys], "week": [key[1] for key in keys]}
    made = {name: np.array([*texts, ""], dtype=object)[:-1] for name, texts in ids.items()} | columns
    for name in ids:
        origins[name] = Origin(own_names[name], whole.files, whole.rows)
    file = ", ".join(dict.fromkeys(table.file for table in tables))
    return Table(file, made, whole.rows, origins=origins)
