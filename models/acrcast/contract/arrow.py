"""Columns of Arrow and Parquet as covariates. Needs pyarrow: imported only by those who are given such data.

A result below a limit of detection is the limit, with "<" in the column `<field>_comparator`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from acrcast.arrays import Bools, Floats, Integers
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
    encoded = _encoded(column)
    if encoded is None:
        return None
    different, places = encoded
    positions: dict[str | None, float] = {level: float(i) for i, level in enumerate(field.levels)}
    positions[None] = np.nan
    # below every level, hence undecided
    values: Floats = np.array([positions.get(text, -1.0) for text in different])[places]
    return values


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
    encoded = _encoded(column)
    if encoded is None:
        return Names(np.full(count, "", dtype=object), np.zeros(count, dtype=bool))
    different, places = encoded
    accepted = np.array([text is None or accepts_name(text) for text in different], dtype=bool)
    return Names(np.array([text or "" for text in different], dtype=object)[places], accepted[places])


def _encoded(column: Any) -> tuple[list[str | None], Integers] | None:  # noqa: ANN401  pyarrow has no types
    """The different texts of the column, of which the last is None, and of each row which it is; None when it is no text."""
    kind = column.type
    of_text = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(of_text) or pa.types.is_large_string(of_text)):
        return None
    if pa.types.is_dictionary(kind):
        encoded = column.unify_dictionaries().combine_chunks()
    else:
        encoded = pa.chunked_array(column.chunks, kind).combine_chunks().dictionary_encode()
    different = [*encoded.dictionary.to_pylist(), None]
    return different, pc.fill_null(encoded.indices, len(different) - 1).to_numpy(zero_copy_only=False)


def _floats(column: Any) -> Floats:  # noqa: ANN401  pyarrow has no types
    """(n,) NaN where null."""
    values: Floats = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return values.astype(np.float64, copy=False)
