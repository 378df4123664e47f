"""The form of a mapping file, and reading one: what is wrong with it is told by line."""

import hashlib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acrcast.errors import Problem
from acrcast.studies import Study
from acrcast_training.data.mapping.lines import Path, line_of, line_of_error, lines_of
from acrcast_training.data.table import shown

FORMAT: Literal[1] = 1
QUESTION = "?"
LEAVE_OUT = "leave out"

Layout = Literal["patient", "visit", "value"]
Codes = dict[str, str | int | bool]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MappedColumn(_Form):
    """Where one column of the study's tables comes from.

    from: the column; in a table of a row a value, `parameter` instead: the parameter whose values it takes.
    week: the one visit that a parameter is taken at, for an outcome. value: the column of the parameter's values, if not the table's.
    unit, or unit_from and units: in which unit the numbers are, or the column that says so, and what its words mean.
    codes: what each text means; one that is not listed is a problem. Without codes, texts are taken as they are.
    """

    column: Annotated[str | None, Field(alias="from")] = None
    parameter: str | None = None
    week: int | None = None
    value: str | None = None
    unit: str | None = None
    unit_from: str | None = None
    units: dict[str, str] = Field(default_factory=dict)
    codes: Codes = Field(default_factory=dict)


class MappedTable(_Form):
    """One table as it was delivered.

    file: its name when the mapping was made; another ending, and capitals, are the same file.
    columns_seen: its columns then. encoding: of text that is not UTF-8 where the file does not say so.
    keep: rows that count, by the texts of a column; keep_after_baseline: the same, but for the record that is the baseline.
    Where a row is a value: the columns that name the parameter and hold the value; text, taken where it begins with "<";
    baseline_flag, Y where the record is the baseline; baseline_value, the baseline repeated on later records, which is compared.
    """

    file: str
    a_row_is: Layout
    columns_seen: list[str]
    encoding: str | None = None
    parameter: str | None = None
    value: str | None = None
    text: str | None = None
    baseline_flag: str | None = None
    baseline_value: str | None = None
    keep: dict[str, list[str]] = Field(default_factory=dict)
    keep_after_baseline: dict[str, list[str]] = Field(default_factory=dict)
    columns: dict[str, MappedColumn]

    @property
    def stem(self) -> str:
        return stem(self.file)


class _Content(_Form):
    format: Literal[1]
    study: str
    contract: str
    tables: Annotated[list[MappedTable], Field(min_length=1)]


@dataclass(frozen=True)
class MappingFile:
    """A mapping file: its tables, where each line of it stands, and its SHA-256."""

    file: str
    tables: tuple[MappedTable, ...]
    lines: Mapping[Path, int]
    digest: str

    def problem(self, path: Path, code: str, message: str) -> Problem:
        """A problem at the line of what `path` names."""
        return Problem(dotted(path), message, self.file, line_of(self.lines, path), code)

    def positions(self, layouts: Collection[Layout]) -> tuple[int, ...]:
        """Of the tables of these layouts."""
        return tuple(i for i, table in enumerate(self.tables) if table.a_row_is in layouts)


def read_mapping(path: File, study: Study) -> tuple[MappingFile | None, list[Problem]]:
    """The mapping of a file, or what is wrong with it: no TOML, not of this form, another study's, or a question left."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
        found = tomllib.loads(text)
    except (OSError, UnicodeDecodeError):
        return None, [
            Problem("", "expected a mapping in UTF-8, as `acrcast map` writes it", path.name, None, "DATA060")
        ]
    except tomllib.TOMLDecodeError as error:
        return None, [Problem("", "expected TOML: this line is none", path.name, line_of_error(error), "DATA060")]
    lines = lines_of(text)
    empty = MappingFile(path.name, (), lines, hashlib.sha256(content).hexdigest())
    problems = [*_questions(empty, found), *_of_another(empty, found, study)]
    asked = {(p.field, p.row) for p in problems}
    try:
        tables = _Content.model_validate(found).tables
    except ValidationError as error:
        form = _form_problems(empty, error)
        return None, problems + [p for p in form if (p.field, p.row) not in asked]
    if problems:
        return None, problems
    return MappingFile(path.name, tuple(tables), lines, empty.digest), []


def stem(file: str) -> str:
    """A file's name by which a table is known: without its ending, in small letters; a sheet belongs to it."""
    name, _, sheet = file.lower().partition("#")
    return f"{File(name).stem}#{sheet}" if sheet else File(name).stem


def dotted(path: Path) -> str:
    """A path as a person reads it: `tables.1.columns.sex`, the first table being 1."""
    return ".".join(shown(part) if isinstance(part, str) else str(part + 1) for part in path)


def _questions(mapping: MappingFile, found: Mapping[str, Any]) -> Iterator[Problem]:
    """Each answer that is still owed."""
    for path, value in _leaves(found, ()):
        if isinstance(value, str) and value.startswith(QUESTION):
            message = "not answered: write the answer in place of the ?"
            if value != QUESTION:
                message = "not confirmed: take the ? away if this is right, or write what is"
            yield mapping.problem(path, "DATA061", message)


def _leaves(found: Any, path: Path) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401  TOML of any form
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(found, list):
        for i, value in enumerate(found):
            yield from _leaves(value, (*path, i))
    else:
        yield path, found


def _of_another(mapping: MappingFile, found: Mapping[str, Any], study: Study) -> Iterator[Problem]:
    if isinstance(found.get("study"), str) and found["study"] != study.key:
        yield mapping.problem(("study",), "DATA062", f"made for another study: expected {study.key}")
    elif isinstance(found.get("contract"), str) and found["contract"] != study.contract.digest:
        message = f"the study's fields have changed since: look at each column, then write {study.contract.digest}"
        yield mapping.problem(("contract",), "DATA062", message)


def _form_problems(mapping: MappingFile, error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(detail["loc"])
        if detail["type"] == "extra_forbidden":
            message = "no mapping has this: take it away"
        elif path == ("format",):
            message = f"expected format = {FORMAT}"
        else:
            message = detail["msg"][0].lower() + detail["msg"][1:]
        yield mapping.problem(path, "DATA060", message)
