"""Columns of Arrow and Parquet as covariates. Needs pyarrow: imported only by those who are given such data.

A result below a limit of detection is the limit, with "<" in the column `<field>_comparator`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from acrcast.arrays import Bools, Floats
from acrcast.contract.columns import COMPARATOR, LARGEST_EXACT, Cells, Names, accepts, cells_of_numbers, covariates_of
from acrcast.contract.covariates import Covariates
from acrcast.contract.fields import Contract, ContractField
from acrcast.contract.measure import Patient


def covariates_of_arrow(patient: type[Patient], contract: Contract, table: pa.Table) -> tuple[Covariates, Bools]:
    """As `covariates_of`; columns that the contract does not know take no part.

    Counts may be floating-point columns, as programs write them that have no other way to say missing; NaN is missing.
    A category or a name is text, also as a dictionary; yes or no is a boolean.
    """
    present = set(table.column_names)
    cells = {field.name: _cells(field, table, present) for field in contract.covariates if field.name in present}
    names = {
        field.name: _names(table.column(field.name), partial(accepts, patient, field.name))
        for field in contract.assays
        if field.name in present
    }
    return covariates_of(patient, contract, cells, names, table.num_rows)


def _cells(field: ContractField, table: pa.Table, present: set[str]) -> Cells:
    column = table.column(field.name)
    numbers = _READERS[field.kind](field, column)
    if numbers is None:
        return Cells.undecided(len(column))
    cells = cells_of_numbers(field, numbers)
    if field.name + COMPARATOR in present:
        signs = _names(table.column(field.name + COMPARATOR), "<".__eq__)
        marked: Bools = (signs.names == "<") & field.may_be_undetectable
        cells.below[marked] = True
        cells.accepted[marked] = (numbers[marked] > 0) & (numbers[marked] <= LARGEST_EXACT)
        cells.accepted[~signs.accepted] = False
    return cells


def _number(_field: ContractField, column: Any) -> Floats | None:  # noqa: ANN401  pyarrow has no types
    kind = column.type
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        # the shortest number that is the same at the column's own width: 0.1, not 0.10000000149011612
        column = column.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_float64(kind) or pa.types.is_null(kind)):
        return None
    return _floats(column.cast(pa.float64(), safe=False))


def _yes_no(_field: ContractField, column: Any) -> Floats | None:  # noqa: ANN401  pyarrow has no types
    if not (pa.types.is_boolean(column.type) or pa.types.is_null(column.type)):
        return None
    return _floats(column.cast(pa.uint8()).cast(pa.float64()))


def _category(field: ContractField, column: Any) -> Floats | None:  # noqa: ANN401  pyarrow has no types
    if pa.types.is_null(column.type):
        return _floats(column.cast(pa.float64()))
    text = _text(column)
    if text is None:
        return None
    positions = pc.index_in(text, value_set=pa.array(field.levels, text.type)).cast(pa.float64())
    # below every level, hence undecided
    return _floats(pc.if_else(pc.is_null(text), None, pc.fill_null(positions, -1.0)))


_READERS: dict[str, Callable[[ContractField, Any], Floats | None]] = {
    "number": _number,
    "count": _number,
    "yes_no": _yes_no,
    "category": _category,
}


def _names(column: Any, accepts_name: Callable[[str], bool]) -> Names:  # noqa: ANN401  pyarrow has no types
    count = len(column)
    if column.null_count == count:
        return Names.missing(count)
    text = _text(column)
    if text is None:
        return Names(np.full(count, "", dtype=object), np.zeros(count, dtype=bool))
    encoded = pa.chunked_array(text.chunks, text.type).combine_chunks().dictionary_encode()
    distinct = [*encoded.dictionary.to_pylist(), ""]
    accepted = np.array([*map(accepts_name, distinct[:-1]), True], dtype=bool)
    places = pc.fill_null(encoded.indices, len(distinct) - 1).to_numpy(zero_copy_only=False)
    return Names(np.array(distinct, dtype=object)[places], accepted[places])


def _text(column: Any) -> Any:  # noqa: ANN401  pyarrow has no types
    """The column as plain text; None when it is none."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else column
    return column if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def _floats(column: Any) -> Floats:  # noqa: ANN401  pyarrow has no types
    """(n,) NaN where null."""
    values: Floats = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return values.astype(np.float64, copy=False)
