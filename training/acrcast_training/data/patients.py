"""Patients to predict for: baseline measures alone, without arm or outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from acrcast.contract import Covariates
from acrcast.contract.columns import COMPARATOR
from acrcast.errors import DataError, UsageError
from acrcast.studies import Study
from acrcast_training.data.cells import CellReader, Column, values_of
from acrcast_training.data.checks import check_names, check_numbers, check_patient_ids, check_required, is_note
from acrcast_training.data.findings import LIMIT, Findings, listed
from acrcast_training.data.mapping.reading import BASELINE, Given, read_mapped
from acrcast_training.data.readers import read_table
from acrcast_training.data.table import Table, text_of
from acrcast_training.data.typed_patients import read_typed


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
    if path.suffix.lower() == ".parquet" and (typed := read_typed(study, path)) is not None:
        ids, covariates = typed
        return ids.to_numpy(zero_copy_only=False), covariates
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
