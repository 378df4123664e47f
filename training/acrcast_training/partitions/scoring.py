"""The predictions of one partition, in a file that appears whole or not at all."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.contract import Covariates
from acrcast.errors import DataError, Problem
from acrcast.response_model import ResponseModel
from acrcast_training.data.patients import read_patients
from acrcast_training.data.typed_patients import typed_parts
from acrcast_training.partitions.folder import Partition
from acrcast_training.partitions.model import ModelFiles, open_files
from acrcast_training.predictions import ROWS_OF_A_PART, PredictionsFile, whole

# Key of a file of predictions: which state of the partition they are of, and how many of its patients lie outside.
ABOUT = b"acrcast"


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
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole(target) as draft:
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
    model: ResponseModel,
    level: float,
    partition: Partition,
    draft: Path,
    parts: Iterable[tuple[Any, Covariates] | None],
) -> int | None:
    """How many lie outside the training data; None, and a draft of no use, when a part is None."""
    with PredictionsFile(draft, model, level=level) as file:
        for part in parts:
            if part is None:
                return None
            file.add(*part)
        about = {"size": partition.size, "changed": partition.changed, "outside": file.outside}
        file.note(ABOUT, json.dumps(about).encode())
    return file.outside
