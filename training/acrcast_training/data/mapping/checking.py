"""Whether a mapping makes sense for its study, and whether the files still have what it names."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from acrcast.contract.units import accepted_units, in_words
from acrcast.errors import Problem
from acrcast.studies import AcrResponse, OutcomeColumn, Study
from acrcast_training.data.checks import DATA_KINDS
from acrcast_training.data.mapping.converting import field_of
from acrcast_training.data.mapping.form import LEAVE_OUT, Layout, MappedColumn, MappedTable, MappingFile, stem
from acrcast_training.data.mapping.lines import Path
from acrcast_training.data.table import Table, shown, text_of
from acrcast_training.data.trial_files import patient_columns
from acrcast_training.data.visits import AT_VISITS

YES_NO = ("true", "false")
OF_VALUES = ("parameter", "value", "text", "baseline_flag", "baseline_value")
WEEK = re.compile(rf"[0-9]+|{LEAVE_OUT}")


def targets(study: Study, layout: Layout) -> tuple[str, ...]:
    """The study's columns that a table of this layout may give."""
    if layout == "patient":
        return patient_columns(study, one_table=isinstance(study.endpoint, AcrResponse))
    if layout == "visit":
        return ("patient_id", "week", *AT_VISITS)
    outcome = (study.endpoint.column,) if isinstance(study.endpoint, OutcomeColumn) else ()
    return tuple(dict.fromkeys(("patient_id", "week", *(f.name for f in study.contract), *AT_VISITS, *outcome)))


def check_mapping(study: Study, mapping: MappingFile) -> Iterator[Problem]:
    """What of it the study does not know, or lacks."""
    if len(mapping.positions(["patient"])) != 1:
        yield mapping.problem(("tables",), "DATA064", 'expected one table with a_row_is = "patient"')
    for i, table in enumerate(mapping.tables):
        yield from _table(study, mapping, ("tables", i), table)
    sources: dict[str, list[Path]] = {}
    for i in mapping.positions(["patient", "value"]):
        for target in mapping.tables[i].columns.keys() - {"patient_id", "week"}:
            sources.setdefault(target, []).append(("tables", i, "columns", target))
    for paths in sources.values():
        for path in paths[1:]:
            yield mapping.problem(path, "DATA064", "another table gives this column: take one of them away")


def _table(study: Study, mapping: MappingFile, here: Path, table: MappedTable) -> Iterator[Problem]:
    needed = {"patient": ("patient_id",), "visit": ("patient_id", "week"), "value": ("patient_id",)}[table.a_row_is]
    for name in needed:
        if name not in table.columns:
            yield mapping.problem((*here, "columns"), "DATA064", f"expected a column {name}")
    of_values = table.a_row_is == "value"
    for key in OF_VALUES:
        if of_values and key in OF_VALUES[:2] and getattr(table, key) is None:
            yield mapping.problem(here, "DATA064", f"expected {key} = the column of it")
        elif not of_values and getattr(table, key) is not None:
            yield mapping.problem((*here, key), "DATA064", "only a table of a row a value has this: take it away")
    if of_values and table.baseline_flag is None and "week" not in table.columns:
        yield mapping.problem(here, "DATA064", "expected a column week or a baseline_flag")
    known = targets(study, table.a_row_is)
    for target, column in table.columns.items():
        path = (*here, "columns", target)
        if target not in known:
            near = get_close_matches(target, known, n=1, cutoff=0.7)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            yield mapping.problem(path, "DATA064", f"a table of a row a {table.a_row_is} has no such column; {hint}")
            continue
        yield from _column(study, mapping, path, target, column, table)


def _column(
    study: Study, mapping: MappingFile, path: Path, target: str, column: MappedColumn, table: MappedTable
) -> Iterator[Problem]:
    of_parameter = table.a_row_is == "value" and target not in ("patient_id", "week")
    wanted = "parameter" if of_parameter else "from"
    given = [key for key, value in (("from", column.column), ("parameter", column.parameter)) if value is not None]
    if given != [wanted]:
        yield mapping.problem(path, "DATA064", f"expected {wanted} and nothing else to say where it comes from")
    is_outcome = isinstance(study.endpoint, OutcomeColumn) and target == study.endpoint.column
    if (column.week is not None) != (of_parameter and is_outcome):
        yield mapping.problem(path, "DATA064", "expected a week for an outcome of a row a value, and for nothing else")
    yield from _units(study, mapping, path, target, column)
    meanings = meanings_of(study, target)
    for text, meaning in column.codes.items():
        if target == "week" and not WEEK.fullmatch(text_of(meaning)):
            yield mapping.problem((*path, "codes", text), "DATA064", f'expected the week as a number, or "{LEAVE_OUT}"')
        elif meanings and text_of(meaning) not in meanings:
            told = ", ".join(f'"{word}"' for word in meanings)
            yield mapping.problem((*path, "codes", text), "DATA064", f"expected one of {told}")


def _units(study: Study, mapping: MappingFile, path: Path, target: str, column: MappedColumn) -> Iterator[Problem]:
    field = field_of(study, target)
    units = accepted_units(field) if field is not None else {}
    told = f"expected {in_words(units)}" if units else "this column has no unit: take it away"
    if column.unit is not None and column.unit not in units:
        yield mapping.problem((*path, "unit"), "DATA016", told)
    if column.unit_from is not None and not units:
        yield mapping.problem((*path, "unit_from"), "DATA016", told)
    for text, unit in column.units.items():
        if unit not in units:
            yield mapping.problem((*path, "units", text), "DATA016", told)
    if needs_unit(study, target) and column.unit is None and column.unit_from is None and column.column != target:
        yield mapping.problem(path, "DATA064", f"expected its unit: {in_words(units)}")


def needs_unit(study: Study, target: str) -> bool:
    """Whether the numbers of a column mean nothing without a unit: not counts, nor scores."""
    field = field_of(study, target)
    return field is not None and field.kind == "number" and bool(field.measure.unit)


def meanings_of(study: Study, target: str) -> tuple[str, ...]:
    """What a code of the column can mean, "" being missing; nothing where that is for the reader of numbers to say."""
    if target == "arm":
        return (*(arm.key for arm in study.arms), LEAVE_OUT)
    if target == "data_kind":
        return DATA_KINDS
    if isinstance(study.endpoint, OutcomeColumn) and target == study.endpoint.column:
        return (*sorted(study.endpoint.responder | study.endpoint.others), "")
    field = field_of(study, target)
    if field is not None and field.kind == "category":
        return (*field.levels, "")
    return (*YES_NO, "") if field is not None and field.kind == "yes_no" else ()


def check_columns(mapping: MappingFile, i: int, table: Table) -> Iterator[Problem]:
    """What table i of the mapping names, and this file does not have; and what it has that the mapping never saw."""
    mapped, here = mapping.tables[i], ("tables", i)
    for path, name in _named(mapped, here):
        if name not in table.columns:
            yield mapping.problem(
                path, "DATA063", f"{table.file} has no column {shown(name)}{_near(name, table.columns)}"
            )
    new = [shown(name) for name in table.columns if name not in mapped.columns_seen]
    if new:
        yield Problem("", f"new since the mapping was made: {', '.join(new)}", table.file, None, "DATA109")


def _near(name: str, columns: Mapping[str, object]) -> str:
    near = get_close_matches(name, list(columns), n=1, cutoff=0.7)
    return f"; it has {shown(near[0])}" if near else ""


def _named(table: MappedTable, here: Path) -> Iterator[tuple[Path, str]]:
    """Each column of the file that the mapping names, and where it does."""
    for key in OF_VALUES:
        if (name := getattr(table, key)) is not None:
            yield (*here, key), name
    for key in ("keep", "keep_after_baseline"):
        for name in getattr(table, key):
            yield (*here, key, name), name
    for target, column in table.columns.items():
        for key, name in (("from", column.column), ("value", column.value), ("unit_from", column.unit_from)):
            if name is not None:
                yield (*here, "columns", target, key), name


def place_of(mapping: MappingFile, file: str, layouts: Collection[Layout], given: Sequence[str]) -> int | None:
    """The position of the mapping's table that a file is: the one of its name, or the only one there is."""
    open_to = mapping.positions(layouts)
    named = [i for i in open_to if mapping.tables[i].stem == stem(file)]
    if len(named) == 1:
        return named[0]
    return open_to[0] if len(open_to) == 1 and len(given) == 1 else None
