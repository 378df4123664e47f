"""From the bytes of a JSON body to a batch of patients, in rows or in columns."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import numpy as np
import orjson

from acrcast.arrays import Bools
from acrcast.contract import Covariates
from acrcast.contract.columns import cells_of_list, covariates_of, names_of_list
from acrcast.errors import InputError, Problem
from acrcast_service.batch.rows import inputs_in_rows, written
from acrcast_service.batch.schemas import Batch, Form
from acrcast_service.model_store import ServedModel
from acrcast_service.problems import MALFORMED_JSON, TOO_LARGE, HttpProblem

SUBJECTS = "subjects"
LONGEST_SUBJECT = 200


class Repeated(dict[str, Any]):
    """An object with names that were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]], names: list[str]) -> None:
        super().__init__(pairs)
        self.names = names


def read_json(served: ServedModel, body: bytes, most: int) -> tuple[Batch, Form]:
    """The batch and the form that it came in. most: rows.

    Raises HttpProblem when it is not JSON or has too many rows, InputError when it is no batch as a whole.
    """
    content = _parsed(body)
    if not isinstance(content, dict) or len(content.keys() & {"patients", "columns"}) != 1:
        refuse("", 'expected a JSON object with "patients", a list of patients, or "columns", lists by field')
    if isinstance(content, Repeated):
        raise InputError(_repeated(content))
    if unknown := content.keys() - {"patients", "columns", SUBJECTS}:
        refuse("", f"{len(unknown)} unknown members; expected patients or columns, and perhaps subjects")
    if "patients" in content:
        return _rows(served, content["patients"], most, content.get(SUBJECTS)), "patients"
    return read_columns(served, content["columns"], most, content.get(SUBJECTS)), "columns"


def refuse(name: str, message: str) -> NoReturn:
    raise InputError([Problem(name, message)])


def check_rows(count: int, most: int) -> None:
    if count > most:
        raise HttpProblem(TOO_LARGE, f"this server takes at most {most} patients in one request")


def checked_subjects(subjects: Any, count: int) -> Sequence[str | None] | None:  # noqa: ANN401  any JSON
    """Raises InputError unless there is none, or for each row null or 1 to 200 printable ASCII characters."""
    if subjects is None:
        return None
    if not isinstance(subjects, list) or len(subjects) != count or not all(map(_is_subject, subjects)):
        refuse(SUBJECTS, "expected for each row null or 1 to 200 printable ASCII characters")
    return subjects


def settled(
    served: ServedModel,
    covariates: Covariates,
    accepted: Bools,
    rows: Callable[[Sequence[int]], Iterable[Any]],
    subjects: Sequence[str | None] | None,
) -> Batch:
    """The batch, once the rows that are not accepted were judged one by one, as single patients are."""
    refused: dict[int, tuple[Problem, ...]] = {}
    late, patients = [], []
    undecided = np.flatnonzero(~accepted).tolist()
    for i, row in zip(undecided, rows(undecided), strict=True):
        try:
            patients.append(served.patients.read(written(_once(row))))
            late.append(i)
        except InputError as error:
            refused[i] = error.problems
        except HttpProblem:
            refused[i] = (Problem("", "nested too deeply"),)
    if late:
        given = Covariates.of_patients(served.model.study.contract, patients)
        covariates.values[late], covariates.below[late] = given.values, given.below
        for name, names in given.assays.items():
            covariates.assays[name][late] = names
    return Batch(covariates, refused, lambda some: map(written, rows(some)), subjects)


def _once(row: Any) -> Any:  # noqa: ANN401  any JSON
    """The row. Raises InputError when a name was given more than once in it."""
    if isinstance(row, dict):
        objects = [part for part in (row, *row.values()) if isinstance(part, Repeated)]
        if objects:
            raise InputError([problem for part in objects for problem in _repeated(part)])
    return row


def _rows(served: ServedModel, patients: Any, most: int, subjects: Any) -> Batch:  # noqa: ANN401  any JSON
    if not isinstance(patients, list):
        refuse("patients", "expected a list of patients")
    count = len(patients)
    check_rows(count, most)
    names = {field.name for field in served.model.study.contract}
    plain = np.array([type(row) is dict and names.issuperset(row) for row in patients], dtype=bool)
    safe = patients if plain.all() else [row if sure else {} for row, sure in zip(patients, plain, strict=True)]
    covariates, accepted = _checked(served, {name: [row.get(name) for row in safe] for name in names}, count)
    return settled(
        served,
        covariates,
        accepted & plain,
        lambda some: map(patients.__getitem__, some),
        checked_subjects(subjects, count),
    )


def read_columns(served: ServedModel, columns: Any, most: int, subjects: Any) -> Batch:  # noqa: ANN401  any JSON
    """The batch of a list of values for each field, all of one length. Raises as `read_json`."""
    if not isinstance(columns, dict) or not all(isinstance(column, list) for column in columns.values()):
        refuse("columns", "expected an object with a list of values for each field")
    if isinstance(columns, Repeated):
        raise InputError(_repeated(columns))
    if problems := served.patients.unknown(columns):
        raise InputError(problems)
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        refuse("columns", "expected at least one column, and all of one length")
    (count,) = lengths
    check_rows(count, most)
    covariates, accepted = _checked(served, columns, count)

    names = list(columns)

    def rows(some: Sequence[int]) -> Iterable[dict[str, Any]]:
        cells = zip(*(map(column.__getitem__, some) for column in columns.values()), strict=True)
        return (dict(zip(names, row, strict=True)) for row in cells)

    batch = settled(served, covariates, accepted, rows, checked_subjects(subjects, count))
    return replace(batch, inputs=partial(inputs_in_rows, columns))


def _checked(served: ServedModel, columns: Mapping[str, list[Any]], count: int) -> tuple[Covariates, Bools]:
    study = served.model.study
    given = [field for field in study.contract if field.name in columns]
    return covariates_of(
        study.patient,
        study.contract,
        {field.name: cells_of_list(field, columns[field.name]) for field in given if field.is_covariate},
        {
            field.name: names_of_list(study.patient, field, columns[field.name])
            for field in given
            if not field.is_covariate
        },
        count,
    )


def _parsed(body: bytes) -> Any:  # noqa: ANN401  any JSON
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HttpProblem(MALFORMED_JSON, f"reading stopped at line {error.lineno} column {error.colno}") from None
    # every pair of an object has a colon: as many colons as pairs, and no name was given twice
    colons = body.count(b":")
    if colons == _pairs_outside(content) or colons == _pairs(content):
        return content
    try:
        return json.loads(body, object_pairs_hook=_object)
    except (RecursionError, ValueError):
        raise HttpProblem(MALFORMED_JSON, "nested too deeply, or a number has too many digits") from None


def _pairs_outside(content: Any) -> int:  # noqa: ANN401  any JSON
    """How many pairs the objects of a batch in columns have when no value is an object."""
    columns = content.get("columns") if type(content) is dict else None
    return len(content) + len(columns) if type(columns) is dict else 0


def _pairs(content: Any) -> int:  # noqa: ANN401  any JSON
    """How many pairs the objects of a batch have, wherever a valid batch has objects."""
    if type(content) is not dict:
        return 0
    pairs = len(content)
    rows, columns = content.get("patients"), content.get("columns")
    for row in rows if type(rows) is list else ():
        if type(row) is dict:
            pairs += len(row) + sum([len(value) for value in row.values() if type(value) is dict])
    if type(columns) is dict:
        pairs += len(columns)
        for column in columns.values():
            if type(column) is list and dict in set(map(type, column)):
                pairs += sum(len(value) for value in column if type(value) is dict)
    return pairs


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    return Repeated(pairs, names) if names else dict(pairs)


def _repeated(content: Repeated) -> list[Problem]:
    return [Problem(name, "given more than once", code="repeated") for name in content.names]


def _is_subject(subject: object) -> bool:
    return subject is None or (
        isinstance(subject, str) and 0 < len(subject) <= LONGEST_SUBJECT and subject.isascii() and subject.isprintable()
    )
