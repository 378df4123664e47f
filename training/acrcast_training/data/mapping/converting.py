"""From what a cell of a delivered table says to what the study's table says: codes by the mapping, units by the contract."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from acrcast.contract import ContractField
from acrcast.contract.units import accepted_units, in_own_unit, in_words
from acrcast.studies import Study
from acrcast_training.data.cells import NUMBER, CellReader
from acrcast_training.data.findings import Findings
from acrcast_training.data.mapping.form import LEAVE_OUT, MappedColumn
from acrcast_training.data.table import Table, shown, text_of
from acrcast_training.data.visits import CoreSetVisit, measure_at

DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?|\d{1,2}[A-Za-z]{3}\d{2,4}(?::.*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")

Texts = npt.NDArray[np.object_]
Positions = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the cells of one column of the study come from.

    table, positions: the file, and its rows. name: of the column there. told: as messages name it.
    """

    table: Table
    positions: Positions
    name: str
    told: str

    @property
    def texts(self) -> Texts:
        return self.table.columns[self.name][self.positions]


def field_of(study: Study, target: str) -> ContractField | None:
    """The field whose values the column `target` holds, `pain_mm_week_12` those of pain_mm; None if it is no measure."""
    name = measure_at(target)
    if name in study.contract:
        return study.contract[name]
    reader = CellReader.of(CoreSetVisit).get(name)
    return reader.field if reader is not None else None


def converted(study: Study, target: str, mapped: MappedColumn, source: Source, findings: Findings) -> Texts:
    """The texts of the study's column. A cell that cannot be converted is told, and stays as it is."""
    texts = source.texts
    if mapped.codes:
        texts = _decoded(target, mapped, source, findings)
    elif target == "week":
        days = np.array([bool(DAY.fullmatch(text)) for text in texts], dtype=bool)
        findings.at(source.positions[days], "DATA036", _NO_DAYS, source.table, source.told)
    field = field_of(study, target)
    if field is None or (mapped.unit is None and mapped.unit_from is None):
        return texts
    if mapped.unit_from is None:
        return _each(texts, lambda text: _in_own_unit(field, text, mapped.unit or ""))
    return _by_row(field, mapped, mapped.unit_from, texts, source, findings)


_NO_DAYS = "expected a visit, found a date: dates are not turned into weeks; name the column of the analysis visits"


def _decoded(target: str, mapped: MappedColumn, source: Source, findings: Findings) -> Texts:
    codes = {text: text_of(meaning) for text, meaning in mapped.codes.items()} | {"": mapped.codes.get("", "")}
    texts = source.texts
    unknown = np.array([text not in codes for text in texts], dtype=bool)
    days = unknown & np.array([target == "week" and bool(DAY.fullmatch(text)) for text in texts], dtype=bool)
    findings.at(source.positions[days], "DATA036", _NO_DAYS, source.table, source.told)
    listed = ", ".join(shown(code) for code in list(codes)[:12] if code)
    message = f"expected a code of the mapping ({listed}): write there what this one means"
    findings.at(source.positions[unknown & ~days], "DATA017", message, source.table, source.told)
    # what has no meaning must not be told a second time, as no category: the mapping is where it is wanted
    return _each(texts, lambda text: str(codes.get(text, LEAVE_OUT if target in ("week", "arm") else "")))


def _by_row(
    field: ContractField, mapped: MappedColumn, column: str, texts: Texts, source: Source, findings: Findings
) -> Texts:
    """Numbers whose unit stands beside each."""
    named = source.table.columns[column][source.positions]
    units = _each(named, lambda text: mapped.units.get(text, text))
    wrong = (texts != "") & ~np.isin(units.astype(str), list(accepted_units(field)))
    told = f"expected {in_words(accepted_units(field))}, or its meaning under units in the mapping"
    findings.at(source.positions[wrong], "DATA016", told, source.table, column)
    out = texts.copy()
    out[wrong] = ""
    for unit in set(units[~wrong & (texts != "")]):
        of_unit = ~wrong & (units == unit)
        out[of_unit] = _each(texts[of_unit], lambda text, unit=unit: _in_own_unit(field, text, unit))  # type: ignore[misc]
    return out


def _in_own_unit(field: ContractField, text: str, unit: str) -> str:
    """A number in the field's own unit; what is no number stays, for the reader to tell."""
    sign = "<" if text.startswith("<") else ""
    digits = text.removeprefix("<").lstrip()
    return sign + text_of(in_own_unit(field, float(digits), unit)) if NUMBER.fullmatch(digits) else text


def _each(texts: Texts, change: Callable[[str], str]) -> Texts:
    """Each distinct text is changed once."""
    which, distinct = pd.factorize(texts)
    changed = np.array([*map(change, distinct), ""], dtype=object)
    return np.asarray(changed[which], dtype=object)


def kept(rules: Mapping[str, list[str]], table: Table) -> npt.NDArray[np.bool_]:
    """(n,) the rows whose texts are among those that each rule keeps."""
    mask = np.ones(len(table), dtype=bool)
    for column, texts in rules.items():
        mask &= np.isin(table.columns[column].astype(str), texts)
    return mask
