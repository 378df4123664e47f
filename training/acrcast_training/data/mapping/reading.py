"""The files of a trial, read and made into the study's tables by a mapping; with everything that is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acrcast.errors import DataError, Problem
from acrcast.studies import Study
from acrcast_training.data.checks import is_note
from acrcast_training.data.findings import LIMIT, Findings, listed
from acrcast_training.data.mapping.applying import Mapped, mapped_tables
from acrcast_training.data.mapping.checking import check_columns, check_mapping, place_of
from acrcast_training.data.mapping.form import Layout, MappingFile, read_mapping
from acrcast_training.data.readers import read_table
from acrcast_training.data.table import Table, shown

PATIENTS: tuple[Layout, ...] = ("patient",)
VISITS: tuple[Layout, ...] = ("visit", "value")
BASELINE: tuple[Layout, ...] = ("patient", "value")


@dataclass(frozen=True, slots=True)
class Given:
    """Files of one option, and the layouts that they may have."""

    paths: Sequence[Path]
    layouts: tuple[Layout, ...]


def read_mapped(
    study: Study, mapping: Path, given: Sequence[Given], findings: Findings
) -> tuple[Mapped | None, str | None]:
    """The study's tables, None while anything stands in their way; and the SHA-256 of the mapping, where it could be read."""
    file, problems = read_mapping(mapping, study)
    if file is not None:
        problems = [*check_mapping(study, file)]
    findings.of(problems)
    if file is None or problems:
        # what the files themselves have is told in the same run
        for path in (path for option in given for path in option.paths):
            read_or_tell(path, None, findings)
        return None, None
    tables = _read_all(file, given, findings)
    return (mapped_tables(study, file, tables, findings) if tables is not None else None), file.digest


def read_all(paths: Sequence[Path]) -> list[Table]:
    """The table of each file. Raises DataError with what is wrong with any of them."""
    findings = Findings()
    tables = [read_or_tell(path, None, findings) for path in paths]
    if problems := [finding for finding in findings if not is_note(finding.code)]:
        raise DataError(listed(problems, LIMIT))
    return [table for table in tables if table is not None]


def read_or_tell(path: Path, encoding: str | None, findings: Findings) -> Table | None:
    """The table of a file with its notes told; None when it cannot be read, which is told too."""
    try:
        table = read_table(path, encoding=encoding)
    except DataError as error:
        findings.of(error.problems)
        return None
    findings.of(table.notes)
    return table


def _read_all(file: MappingFile, given: Sequence[Given], findings: Findings) -> Mapping[int, Table] | None:
    """Each file's table by its position in the mapping; None when any is missing, unreadable or without what is named."""
    problems: list[Problem] = []
    tables: dict[int, Table | None] = {}
    for option in given:
        names = [path.name for path in option.paths]
        for path in option.paths:
            i = place_of(file, path.name, option.layouts, names)
            if i is None or i in tables:
                problems.append(_stranger(file, path, option.layouts, twice=i is not None))
                read_or_tell(path, None, findings)
                continue
            table = tables[i] = read_or_tell(path, file.tables[i].encoding, findings)
            problems += check_columns(file, i, table) if table is not None else []
        wanted = file.positions(option.layouts) if option.paths else ()
        for i in wanted:
            if i not in tables:
                message = "this table of the mapping was not given: give it too, or take it away here"
                problems.append(file.problem(("tables", i, "file"), "DATA065", message))
    findings.of(problems)
    if any(not is_note(problem.code) for problem in problems):
        return None
    read = {i: table for i, table in tables.items() if table is not None}
    return read if len(read) == len(tables) else None


def _stranger(file: MappingFile, path: Path, layouts: Sequence[Layout], *, twice: bool) -> Problem:
    if twice:
        message = f"another file is already the table of this name in {file.file}"
    else:
        known = ", ".join(shown(file.tables[i].file) for i in file.positions(layouts)) or "none"
        message = f"none of the tables that {file.file} knows, by name without ending: here it knows {known}"
    return Problem("", message, path.name, None, "DATA065")
