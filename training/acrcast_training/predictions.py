"""A Parquet file of predictions, written some patients at a time, that appears whole or not at all."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.contract import Covariates
from acrcast.response_model import ResponseModel
from acrcast.table import ROWS_AT_ONCE, column_names, estimate_names, prediction_columns

UNFINISHED = ".unfinished"
# Whole steps of what a file is predicted in, so that the numbers of a partition are those of a file by itself.
ROWS_OF_A_PART = 8 * ROWS_AT_ONCE


@dataclass(frozen=True, slots=True)
class Done:
    """partitions: in all, None for a file. before: of them, those that were finished before. outside: None when it was not asked."""

    partitions: int | None
    before: int | None
    patients: int
    outside: int | None


class PredictionsFile:
    """Predicts and writes. patients, outside: how many so far, and how many of them lie outside the training data.

    level: of the intervals. estimates_only: without them, and without where the patient lies.
    """

    def __init__(self, path: Path, model: ResponseModel, *, level: float, estimates_only: bool = False) -> None:
        self._model, self._level, self._estimates_only = model, level, estimates_only
        names = (estimate_names if estimates_only else column_names)(model.study.has_control)
        texts = [name for name, is_number in names if not is_number]
        self._schema = pa.schema(
            [
                ("patient_id", pa.string()),
                *((name, pa.float64() if is_number else pa.string()) for name, is_number in names),
                ("model_digest", pa.string()),
                ("training_data", pa.string()),
            ]
        )
        # no two numbers or identifiers are the same: a dictionary of them would be given up
        self._writer = pq.ParquetWriter(path, self._schema, use_dictionary=[*texts, "model_digest", "training_data"])
        self.patients = self.outside = 0

    def add(
        self,
        ids: Any,  # noqa: ANN401  an array of Arrow or of NumPy
        covariates: Covariates,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """ids: (n,) texts. progress: called with the rows done, n in all."""
        columns = prediction_columns(
            self._model, covariates, level=self._level, estimates_only=self._estimates_only, progress=progress
        )
        identity = self._model.identity
        constant = [pa.repeat(text, len(ids)) for text in (identity.digest, identity.training_data)]
        arrays = [ids, *columns.values(), *constant]
        typed = [
            array if isinstance(array, pa.Array) else pa.array(array, field.type)
            for array, field in zip(arrays, self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(typed, schema=self._schema))
        self.patients += len(ids)
        if not self._estimates_only:
            self.outside += int((columns["support"] == "outside").sum())

    @property
    def done(self) -> Done:
        return Done(None, None, self.patients, None if self._estimates_only else self.outside)

    def note(self, key: bytes, content: bytes) -> None:
        """Metadata of the file."""
        self._writer.add_key_value_metadata({key: content})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A draft beside the target that takes its place when it is complete and on disk; nobody else has its name."""
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
