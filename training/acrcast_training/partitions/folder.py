"""The partitions of a folder: its Parquet files, however deep, by Spark's and Hive's rules of names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.errors import DataError, Problem, UsageError
from acrcast_training.data.findings import LIMIT

SUFFIX = ".parquet"


@dataclass(frozen=True, slots=True)
class Partition:
    """One Parquet file. name: its path from the folder. patients: its rows. size, changed: of the file, in bytes and nanoseconds."""

    name: str
    patients: int
    size: int
    changed: int


def partitions(folder: Path, fields: Sequence[str]) -> tuple[Partition, ...]:
    """Every partition of the folder, by name, after a look at each file's columns. fields: of the study.

    Raises UsageError for a folder without any, and DataError where a file is none,
    columns differ from those of the first, or nobody is in any.
    """
    names = files_of(folder)
    if not names:
        raise UsageError(f"{folder}: no Parquet file in it whose name ends in {SUFFIX} and does not begin with _ or .")
    found, problems, first = [], [], None
    for name in names:
        path = folder / name
        try:
            with pq.ParquetFile(path) as file:
                columns, patients = file.schema_arrow.names, file.metadata.num_rows
        except (pa.ArrowException, OSError, ValueError):
            problems.append(Problem("", "expected a Parquet file", name))
            continue
        first = first or (name, columns)
        problems += _of_columns(name, columns, *first) + _of_folders(name, fields)
        described = path.stat()
        found.append(Partition(name, patients, described.st_size, described.st_mtime_ns))
    if not problems and not any(partition.patients for partition in found):
        problems.append(Problem("", "no patients in any file", str(folder)))
    if problems:
        raise DataError(problems[:LIMIT])
    return tuple(found)


def files_of(folder: Path) -> list[str]:
    """The names of a folder's Parquet files, in their order; what begins with "_" or "." is none."""
    paths = (path.relative_to(folder) for path in folder.rglob(f"*{SUFFIX}") if path.is_file())
    return sorted(path.as_posix() for path in paths if not any(part.startswith(("_", ".")) for part in path.parts))


def _of_columns(name: str, columns: Sequence[str], first_name: str, first: Sequence[str]) -> list[Problem]:
    """A file by itself would be read with a column less, and everybody in it predicted as if that was not measured."""
    lacking, besides = sorted(set(first) - set(columns)), sorted(set(columns) - set(first))
    said = [f"{word} {', '.join(names)}" for word, names in (("without", lacking), ("with", besides)) if names]
    if not said:
        return []
    return [
        Problem("", f"its columns differ from those of {first_name}: {', '.join(said)}; give all files the same", name)
    ]


def _of_folders(name: str, fields: Sequence[str]) -> list[Problem]:
    """A column that Hive keeps in the names of folders is in no file."""
    kept = [part.partition("=")[0] for part in name.split("/")[:-1] if "=" in part]
    message = "expected in the files: here it is in the names of folders only"
    return [Problem(field, message, name) for field in kept if field in fields]
