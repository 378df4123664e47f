"""Batches in Arrow and Parquet. Needs pyarrow, which is imported when the first such request comes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.contract.arrow import covariates_of_arrow
from acrcast.contract.columns import COMPARATOR
from acrcast.errors import InputError
from acrcast_service.batch.reading import check_rows, checked_subjects, refuse, settled
from acrcast_service.batch.schemas import SUBJECT, Batch, Form, names_in_columns
from acrcast_service.model_store import ServedModel

# Columns of texts of which the same few stand in many rows.
REPEATED = ("support", "support_measures", "missing", "error")


def read_arrow(served: ServedModel, body: bytes, form: Form, most: int) -> Batch:
    """The batch of an Arrow stream or a Parquet file. most: rows.

    Raises HttpProblem when there are too many rows, InputError when it is none, or has columns that no patient has.
    """
    try:
        table = _stream(body, most) if form == "arrow" else _file(served, body, most)
    except (pa.ArrowException, OSError, ValueError, NotImplementedError, KeyError):
        refuse("", "expected an Arrow IPC stream" if form == "arrow" else "expected a Parquet file")
    contract = served.model.study.contract
    names = [str(name) for name in table.column_names]
    if len(set(names)) != len(names):
        refuse("", "expected one column of each name")
    subjects = checked_subjects(table.column(SUBJECT).to_pylist(), len(table)) if SUBJECT in names else None
    known = names_in_columns(contract) | {SUBJECT}
    if problems := served.patients.unknown([name for name in names if name not in known]):
        raise InputError(problems)
    study = served.model.study
    covariates, accepted = covariates_of_arrow(study.patient, contract, table)
    return settled(served, covariates, accepted, _rows_of(table), subjects)


def _stream(body: bytes, most: int) -> Any:  # noqa: ANN401  pyarrow has no types
    batches, count = [], 0
    with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
        for batch in reader:
            # lengths and offsets are the sender's: unchecked they could point anywhere
            batch.validate(full=True)
            count += batch.num_rows
            check_rows(count, most)
            batches.append(batch)
        return pa.Table.from_batches(batches, reader.schema)


def _file(served: ServedModel, body: bytes, most: int) -> Any:  # noqa: ANN401  pyarrow has no types
    texts = {field.name for field in served.model.study.contract if field.kind in ("category", "text")}
    there = pq.read_metadata(pa.py_buffer(body))
    check_rows(there.num_rows, most)
    # as dictionaries: a long text that stands in every row is held once
    texts &= set(there.schema.names)
    with pq.ParquetFile(pa.py_buffer(body), metadata=there, read_dictionary=sorted(texts)) as file:
        table = file.read()
    table.validate(full=True)
    return table


def _rows_of(table: Any) -> Callable[[Sequence[int]], Iterable[dict[str, Any]]]:  # noqa: ANN401  pyarrow has no types
    """Gives some rows, in their order, as JSON would have them; NaN is null."""

    def row(values: dict[str, Any]) -> dict[str, Any]:
        values.pop(SUBJECT, None)
        plain = {name: None if value != value else value for name, value in values.items()}  # noqa: PLR0124  NaN
        for name in [name for name in plain if name.endswith(COMPARATOR)]:
            sign, of = plain.pop(name), name.removesuffix(COMPARATOR)
            if sign is not None:
                plain[of] = {"comparator": sign, "value": plain.get(of)}
        return plain

    def rows(some: Sequence[int]) -> Iterable[dict[str, Any]]:
        first, last = (some[0], some[-1]) if some else (0, -1)
        within = table.slice(first, last + 1 - first)
        chosen = within if len(within) == len(some) else within.take(pa.array([i - first for i in some], pa.int64()))
        return map(row, chosen.to_pylist())

    return rows


class Sink:
    """A file that is emptied while it is written."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def write(self, piece: bytes) -> int:
        self._pieces.append(bytes(piece))
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


class ArrowWriter:
    """Writes record batches one after the other; what was written so far is taken with `take`."""

    def __init__(self, schema: Any, form: Form) -> None:  # noqa: ANN401  pyarrow has no types
        self._sink = Sink()
        self._writer = (
            pa.ipc.new_stream(self._sink, schema)
            if form == "arrow"
            # no two numbers or identifiers are the same: a dictionary of them would be given up
            else pq.ParquetWriter(
                self._sink, schema, use_dictionary=[name for name in schema.names if name in REPEATED]
            )
        )
        self._schema = schema

    def write(self, columns: dict[str, npt.NDArray[Any]]) -> None:
        """A value for each row; NaN is null."""
        arrays = [pa.array(columns[field.name], field.type, from_pandas=True) for field in self._schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()

    def take(self) -> bytes:
        return self._sink.take()


def schema_of(numbers: dict[str, bool], metadata: dict[str, str]) -> Any:  # noqa: ANN401  pyarrow has no types
    """numbers: whether each column holds numbers."""
    fields = [pa.field("row", pa.int64())]
    fields += [pa.field(name, pa.float64() if number else pa.string()) for name, number in numbers.items()]
    return pa.schema(fields, metadata=metadata)
