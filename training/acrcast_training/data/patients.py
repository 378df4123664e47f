"""Patients to predict for: baseline measures alone, without arm or outcome."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from acrcast.contract import Covariates
from acrcast.contract.arrow import covariates_of_arrow
from acrcast.contract.columns import COMPARATOR
from acrcast.errors import DataError, UsageError
from acrcast.studies import Study
from acrcast_training.data.cells import CellReader, Column, values_of
from acrcast_training.data.checks import check_names, check_numbers, check_patient_ids, check_required, is_note
from acrcast_training.data.findings import LIMIT, Findings, listed
from acrcast_training.data.mapping.reading import BASELINE, Given, read_mapped
from acrcast_training.data.readers import read_table
from acrcast_training.data.table import Table, text_of


def read_patients(
    study: Study, paths: Sequence[Path], mapping: Path | None = None
) -> tuple[npt.NDArray[np.str_], Covariates]:
    """Identifiers (the row, where the file has no `patient_id`) and baseline of each patient of a file, or of several by a mapping.

    Raises DataError with everything that is wrong, up to a limit; UsageError for several files without a mapping.
    """
    if mapping is not None:
        return _read_mapped(study, paths, mapping)
    if len(paths) != 1:
        raise UsageError("several --in need a --map that says how they belong together: acrcast map proposes one")
    (path,) = paths
    if path.suffix.lower() == ".parquet" and (typed := _read_typed(study, path)) is not None:
        return typed
    table = read_table(path)
    ids = table.columns.get("patient_id", table.rows)
    return ids.astype(np.str_), _covariates(study, replace(table, columns=_with_signs(study, table.columns)))


def _read_mapped(study: Study, paths: Sequence[Path], mapping: Path) -> tuple[npt.NDArray[np.str_], Covariates]:
    findings = Findings()
    mapped, _ = read_mapped(study, mapping, [Given(paths, BASELINE)], findings)
    _refuse(findings)
    if mapped is None:
        raise UsageError(f"{mapping}: the tables given hold no patients by it")
    ids = check_patient_ids(mapped.patients, findings)
    return ids.texts.astype(np.str_)[ids.which], _covariates(study, mapped.patients, findings)


def _read_typed(study: Study, path: Path) -> tuple[npt.NDArray[np.str_], Covariates] | None:
    """The patients of a Parquet file whose columns have the types of their fields and are valid in every row; else None.

    A file that is not so is read as text, by which what is wrong with it is said.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = _known_columns(study, file.schema_arrow.names)
            table = None if names is None else file.read(names)
    except (pa.ArrowException, OSError, ValueError):
        return None
    return None if table is None or table.num_rows == 0 else _typed(study, table, 1)


def typed_parts(study: Study, path: Path, rows: int) -> Iterator[tuple[npt.NDArray[np.str_], Covariates] | None]:
    """The patients of a Parquet file, so many rows at a time; None, and no more, where it has to be read as text.

    Of a file of any size no more is in memory than a part and what Parquet needs to read it. A file that is damaged gives None.
    """
    try:
        with pq.ParquetFile(path) as file:
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


def _known_columns(study: Study, found: Sequence[str]) -> list[str] | None:
    """Those of the study and the identifier; None when a name is there twice."""
    names = {field.name for field in study.contract} | {field.name + COMPARATOR for field in study.contract}
    if len(set(found)) != len(found):
        return None
    return [name for name in found if name in names or name == "patient_id"]


def _typed(study: Study, table: pa.Table, first: int) -> tuple[npt.NDArray[np.str_], Covariates] | None:
    """first: number of the first row, where the table has no identifiers."""
    covariates, accepted = covariates_of_arrow(study.patient, study.contract, table)
    if not accepted.all():
        return None
    if "patient_id" not in table.column_names:
        return np.arange(first, first + table.num_rows).astype(np.str_), covariates
    ids = table.column("patient_id")
    # pandas writes text as large strings
    of_text = pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)
    if ids.null_count or not (of_text or pa.types.is_integer(ids.type)):
        return None
    return ids.cast(pa.string()).to_numpy(), covariates


def patients_of_frame(study: Study, frame: pd.DataFrame) -> Covariates:
    """Baseline of each row of a data frame with the contract's fields as columns.

    A result below a limit of detection is the limit with "<" in the column `<field>_comparator`.
    Raises DataError as for a file.
    """
    # every kind of missing value that pandas knows becomes None
    plain = frame.astype(object).where(frame.notna(), None)
    columns = {str(name): np.array([text_of(value) for value in plain[name]], dtype=object) for name in plain.columns}
    columns = _with_signs(study, columns)
    return _covariates(study, Table("the table", columns, np.arange(1, len(frame) + 1)))


def _with_signs(study: Study, columns: Mapping[str, npt.NDArray[np.object_]]) -> dict[str, npt.NDArray[np.object_]]:
    """The columns with each sign of a `<field>_comparator` before its value, as it is written in one column: "<15.6"."""
    found = dict(columns)
    for field in study.contract.covariates:
        sign = found.pop(field.name + COMPARATOR, None)
        if sign is not None and field.name in found:
            signed = [s + value for s, value in zip(sign, found[field.name], strict=True)]
            found[field.name] = np.array(signed, dtype=object)
    return found


def _covariates(study: Study, table: Table, findings: Findings | None = None) -> Covariates:
    findings = findings or Findings()
    readers = CellReader.of(study.patient)
    nothing = Column.missing(len(table))
    columns = {
        field.name: check_numbers(readers[field.name], table, field.name, findings)
        for field in study.contract.covariates
        if field.name in table.columns
    }
    check_required(study.contract, columns, table, findings)
    assays = {field.name: check_names(readers[field.name], table, findings) for field in study.contract.assays}
    _refuse(findings)
    found = [columns.get(field.name, nothing) for field in study.contract.covariates]
    return Covariates(study.contract, *values_of(found), assays)


def _refuse(findings: Findings) -> None:
    """Raises DataError when anything that was found is more than a note."""
    if problems := [finding for finding in findings if not is_note(finding.code)]:
        raise DataError(listed(problems, LIMIT))
