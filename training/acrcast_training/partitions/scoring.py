"""The predictions of one partition, in a file that appears whole or not at all."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.contract import Covariates
from acrcast.errors import DataError, Problem
from acrcast.response_model import ResponseModel
from acrcast.table import ROWS_AT_ONCE, column_names, prediction_columns
from acrcast_training.data.patients import read_patients, typed_parts
from acrcast_training.partitions.folder import Partition
from acrcast_training.partitions.model import ModelFiles, open_files

# Key of a file of predictions: which state of the partition they are of, and how many of its patients lie outside.
ABOUT = b"acrcast"
UNFINISHED = ".unfinished"
# Whole steps of what a file is predicted in, so that the numbers of a partition are those of a file by itself.
ROWS_OF_A_PART = 8 * ROWS_AT_ONCE

Patients = tuple[npt.NDArray[np.str_], Covariates]


@dataclass(frozen=True, slots=True)
class Folders:
    """What all partitions of a job share. source, target: absolute paths, the same wherever a partition is scored."""

    model: ModelFiles
    source: Path
    target: Path
    level: float


@dataclass(frozen=True, slots=True)
class Scored:
    """outside: how many of the patients lie outside the training data."""

    patients: int
    outside: int


@dataclass(frozen=True, slots=True)
class Refused:
    """What is wrong with a partition, of which nothing was written."""

    problems: tuple[Problem, ...]


def score(folders: Folders, partition: Partition) -> Iterable[Scored | Refused]:
    """One outcome: the partition's predictions are on disk, or why they are not."""
    source, target = folders.source / partition.name, folders.target / partition.name
    if not source.is_file():
        message = "not there for the worker that scores it: all workers need both folders, under the same paths"
        return (Refused((Problem("", message, partition.name),)),)
    model = open_files(folders.model)
    try:
        with _whole(target) as draft:
            outside = _write(model, folders.level, partition, draft, typed_parts(model.study, source, ROWS_OF_A_PART))
            if outside is None:
                patients = read_patients(model.study, [source])
                outside = _write(model, folders.level, partition, draft, [patients])
    except DataError as error:
        return (Refused(tuple(replace(problem, file=partition.name) for problem in error.problems)),)
    return (Scored(partition.patients, outside or 0),)


def finished(folders: Folders, partition: Partition) -> Scored | None:
    """What was scored before; None if nothing was that is whole, or the partition has been written since."""
    try:
        with pq.ParquetFile(folders.target / partition.name) as file:
            about = json.loads(file.metadata.metadata[ABOUT])
            same = (about["size"], about["changed"]) == (partition.size, partition.changed)
            return Scored(file.metadata.num_rows, about["outside"]) if same else None
    except (FileNotFoundError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def _write(
    model: ResponseModel, level: float, partition: Partition, draft: Path, parts: Iterable[Patients | None]
) -> int | None:
    """How many lie outside the training data; None, and a draft of no use, when a part is None."""
    schema, outside = _schema(model.study.has_control), 0
    with pq.ParquetWriter(draft, schema) as writer:
        for part in parts:
            if part is None:
                return None
            ids, covariates = part
            columns = prediction_columns(model, covariates, level=level)
            constant = (model.identity.digest, model.identity.training_data)
            arrays = [ids, *columns.values(), *(np.full(len(ids), text, dtype=object) for text in constant)]
            writer.write_table(
                pa.table([pa.array(a, type=f.type) for a, f in zip(arrays, schema, strict=True)], schema)
            )
            outside += int((columns["support"] == "outside").sum())
        about = {"size": partition.size, "changed": partition.changed, "outside": outside}
        writer.add_key_value_metadata({ABOUT: json.dumps(about).encode()})
    return outside


def _schema(two_arms: bool) -> pa.Schema:  # noqa: FBT001  the study's own flag
    """The columns that `acrcast predict` writes for a file."""
    predicted = [(name, pa.float64() if is_number else pa.string()) for name, is_number in column_names(two_arms)]
    return pa.schema(
        [("patient_id", pa.string()), *predicted, ("model_digest", pa.string()), ("training_data", pa.string())]
    )


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A draft beside the target that takes its place when it is complete and on disk; nobody else has its name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid4().hex}{UNFINISHED}")
    try:
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    finally:
        draft.unlink(missing_ok=True)
