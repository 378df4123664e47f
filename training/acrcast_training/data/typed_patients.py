"""Patients of a Parquet file whose columns have the types of their fields: read as they are, without text and without a data frame.

A file that is not so is for `patients.read_patients`, which reads it as text and says what is wrong with it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.contract import Covariates
from acrcast.contract.arrow import covariates_of_arrow
from acrcast.contract.columns import COMPARATOR
from acrcast.studies import Study

TypedPatients = tuple[pa.Array, Covariates]
"""Identifiers as text (the row, where the file has no `patient_id`), and the baseline."""


def read_typed(study: Study, path: Path) -> TypedPatients | None:
    """All patients; None unless there are any, and every column has its field's type and is valid in every row."""
    try:
        with _opened(study, path) as file:
            names = _known_columns(study, file.schema_arrow.names)
            table = None if names is None else file.read(names)
    except (pa.ArrowException, OSError, ValueError):
        return None
    return None if table is None or table.num_rows == 0 else _typed(study, table, 1)


def typed_parts(study: Study, path: Path, rows: int) -> Iterator[TypedPatients | None]:
    """The patients, so many rows at a time; None, and no more, where the file has to be read as text.

    Of a file of any size no more is in memory than a part and what Parquet needs to read it. A file that is damaged gives None.
    """
    try:
        with _opened(study, path) as file:
            names, before = _known_columns(study, file.schema_arrow.names), 0
            if names is None:
                yield None
                return
            for batch in file.iter_batches(rows, columns=names):
                found = _typed(study, pa.Table.from_batches([batch]), before + 1)
                yield found
                if found is None:
                    return
                before += batch.num_rows
    except (pa.ArrowException, OSError, ValueError):
        yield None


def rows_of(path: Path) -> int:
    """How many there are; 0 for a file that cannot be read."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError, ValueError):
        return 0


def _opened(study: Study, path: Path) -> pq.ParquetFile:
    texts = {field.name for field in study.contract if field.kind in ("category", "text")}
    there = pq.read_metadata(path)
    # of a text that stands in many rows the file says once what it is, and so does the column
    return pq.ParquetFile(path, metadata=there, read_dictionary=sorted(texts.intersection(there.schema.names)))


def _known_columns(study: Study, found: Sequence[str]) -> list[str] | None:
    """Those of the study and the identifier; None when a name is there twice."""
    names = {field.name for field in study.contract} | {field.name + COMPARATOR for field in study.contract}
    if len(set(found)) != len(found):
        return None
    return [name for name in found if name in names or name == "patient_id"]


def _typed(study: Study, table: pa.Table, first: int) -> TypedPatients | None:
    """first: number of the first row, where the table has no identifiers."""
    covariates, accepted = covariates_of_arrow(study.patient, study.contract, table)
    if not accepted.all():
        return None
    if "patient_id" not in table.column_names:
        return pa.array(np.arange(first, first + table.num_rows)).cast(pa.string()), covariates
    ids = table.column("patient_id")
    # pandas writes text as large strings
    of_text = pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)
    if ids.null_count or not (of_text or pa.types.is_integer(ids.type)):
        return None
    return ids.cast(pa.string()).combine_chunks(), covariates
