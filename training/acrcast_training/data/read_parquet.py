"""Parquet: its values become the text that a CSV file would have. Null and NaN are missing."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from acrcast_training.data.table import Table, refuse_binary, table_of, text_of, unreadable


def read_parquet(path: Path) -> Table:
    """Raises DataError when it is no Parquet file."""
    try:
        # a file by itself: reading it as a dataset would make columns of the names of its folders
        with pq.ParquetFile(path) as file:
            table = file.read()
        columns = [_texts(table.column(i)) for i in range(table.num_columns)]
    except (pa.ArrowException, OSError, ValueError, OverflowError, NotImplementedError) as error:
        raise unreadable(path.name, "expected a Parquet file") from error
    refuse_binary(path.name, columns)
    return table_of(path.name, [name.strip() for name in table.column_names], columns, range(1, table.num_rows + 1))


def _texts(column: Any) -> list[str]:  # noqa: ANN401  pyarrow has no types
    values = column.to_pylist()
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        # the shortest text that gives the number back at its own width: 0.1, not 0.10000000149011612
        return [text_of(value if value is None else float(str(np.float32(value)))) for value in values]
    return [text_of(value) for value in values]
