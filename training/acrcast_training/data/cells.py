"""From the text of a cell to the value that a contract's field takes, and whether the field takes it.

What a cell says is decided here; whether that is a valid value is decided by the patient class itself, which judges
each distinct value of a column once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import GenericAlias
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from acrcast.arrays import Bools, Floats
from acrcast.contract import Contract, ContractField, Patient, Undetectable
from acrcast_training.data.table import Texts

NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
YES_NO = {
    **dict.fromkeys(("true", "yes", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "0", "0.0"), False),
}
JOINT_COUNTS = ("tender_joint_count_28", "swollen_joint_count_28")
JOINTS = 28

UNREADABLE = "DATA011"
OUT_OF_RANGE = "DATA012"
NO_CATEGORY = "DATA013"
TOO_MANY_JOINTS = "DATA014"
NOT_CENSORED = "DATA015"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A measure of n patients, as far as it could be read.

    which: (n,) positions in `of`, in which each reading stands once, or not much more often.
    """

    which: npt.NDArray[np.integer[Any]]
    of: "Readings"

    @classmethod
    def missing(cls, count: int) -> Self:
        return cls(np.zeros(count, dtype=np.uint8), NOTHING)

    @property
    def values(self) -> Floats:
        """(n,) in the contract's unit, NaN where missing or not valid; yes_no is 0 or 1, a category the position of its level."""
        values: Floats = self.of.values[self.which]
        return values

    @property
    def below(self) -> Bools:
        """(n,) the assay found less than `values` says."""
        below: Bools = self.of.below[self.which]
        return below

    @property
    def given(self) -> Bools:
        """(n,) the cell says something, valid or not."""
        given: Bools = self.of.given[self.which]
        return given

    def placed(self, at: npt.NDArray[np.intp], count: int) -> "Column":
        """The same values among `count` patients, at the positions `at`; missing elsewhere."""
        of = self.of.and_then(NOTHING)
        which = np.full(count, len(of) - 1, dtype=np.min_scalar_type(len(of)))
        which[at] = self.which
        return Column(which, of)

    def rows(self, index: npt.NDArray[Any] | slice) -> "Column":
        return Column(self.which[index], self.of)

    def unless(self, these: Bools, other: "Column") -> "Column":
        """The values of `other` in these patients."""
        of = self.of.and_then(other.of)
        wide = np.min_scalar_type(len(of))
        return Column(np.where(these, other.which.astype(wide) + wide.type(len(self.of)), self.which.astype(wide)), of)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What the cells of a column were found to say: values, below and given, (d,) each, as those of `Column`."""

    values: Floats
    below: Bools
    given: Bools

    def __len__(self) -> int:
        return len(self.values)

    def and_then(self, others: "Readings") -> "Readings":
        return Readings(
            np.concatenate([self.values, others.values]),
            np.concatenate([self.below, others.below]),
            np.concatenate([self.given, others.given]),
        )


def values_of(columns: Sequence[Column]) -> tuple[Floats, Bools]:
    """(n, k) values and (n, k) which are only limits, of k columns of n patients."""
    values, below = (
        np.empty((len(columns), len(columns[0].which))),
        np.empty((len(columns), len(columns[0].which)), dtype=bool),
    )
    for column, of_values, of_below in zip(columns, values, below, strict=True):
        of_values[:], of_below[:] = column.values, column.below
    return values.T, below.T


NOTHING = Readings(np.array([np.nan]), np.array([False]), np.array([False]))


Wrong = Mapping[str, npt.NDArray[np.intp]]
"""Code of a problem to the positions of the cells that have it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Refused:
    """In the place of a value: why the text stands for none."""

    code: str


@dataclass(frozen=True, slots=True, eq=False)
class CellReader:
    """Reads the cells of one field."""

    field: ContractField
    accepts: TypeAdapter[list[Any]]

    @classmethod
    def of(cls, patient: type[Patient]) -> dict[str, Self]:
        """A reader for each field of the class."""
        contract = Contract.of(patient)
        return {
            name: cls(contract[name], TypeAdapter(_list_of(info), config=patient.model_config))
            for name, info in patient.model_fields.items()
        }

    def numbers(self, cells: Texts) -> tuple[Column, Wrong]:
        """The values of a covariate, and the cells that hold none although they are not empty."""
        values = self._read(cells)
        numbers = np.array([self._number(value) for value in values], dtype=np.float64)
        below = np.array([isinstance(value, Undetectable) for value in values], dtype=bool)
        given = np.array([value is not None for value in values], dtype=bool)
        return Column(cells.which, Readings(numbers, below, given)), _wrong(cells.which, values)

    def names(self, cells: Texts) -> tuple[npt.NDArray[np.str_], Wrong]:
        """The assay that each cell names, "" where none is named."""
        values = self._read(cells)
        names = np.array([value if isinstance(value, str) else "" for value in values], dtype=np.str_)
        # one name takes no room of its own for each patient
        named = np.broadcast_to(names[0], len(cells.which)) if len(names) == 1 else names[cells.which]
        return named, _wrong(cells.which, values)

    def problem(self, code: str) -> str:
        """What to say of a cell with this problem."""
        expected = f"expected {self.field.expected}"
        match code:
            case "DATA011" if self.field.kind in ("number", "count"):
                return f"{expected}; write it plainly: a point for decimals, no unit, no thousands separator"
            case "DATA014":
                return f"{expected}; a count over 66 or 68 joints is another measure"
            case "DATA015":
                return f"{expected}; the study does not foresee a result below a limit of detection here"
            case _:
                return expected

    def _read(self, cells: Texts) -> list[object]:
        """What each text says: a value, None for missing, or why there is none."""
        values = [self._value(str(text)) if text else None for text in cells.texts]
        readable = [i for i, value in enumerate(values) if value is not None and not isinstance(value, _Refused)]
        for i in self._not_accepted([values[i] for i in readable]):
            values[readable[i]] = _Refused(self._refusal(values[readable[i]]))
        return values

    def _value(self, text: str) -> object:
        match self.field.kind:
            case "text":
                return text
            case "category":
                return text if text in self.field.levels else _Refused(NO_CATEGORY)
            case "yes_no":
                return YES_NO.get(text.lower(), _Refused(UNREADABLE))
            case _:
                return self._quantity(text)

    def _quantity(self, text: str) -> object:
        under = text.startswith("<")
        digits = text[1:].lstrip() if under else text
        if not NUMBER.fullmatch(digits):
            return _Refused(UNREADABLE)
        number = float(digits)
        if under:
            return self._undetectable(number)
        if self.field.kind == "number":
            return number
        return int(number) if number.is_integer() else _Refused(UNREADABLE)

    def _undetectable(self, limit: float) -> object:
        if not self.field.may_be_undetectable:
            return _Refused(NOT_CENSORED)
        try:
            return Undetectable(comparator="<", value=limit)
        except ValidationError:
            return _Refused(OUT_OF_RANGE)

    def _not_accepted(self, values: Sequence[object]) -> set[int]:
        """Positions of the values that the patient class refuses; a category was judged by its levels."""
        if self.field.kind == "category":
            return set()
        try:
            self.accepts.validate_python(values)
        except ValidationError as refused:
            details = refused.errors(include_url=False, include_context=False, include_input=False)
            return {int(detail["loc"][0]) for detail in details}
        return set()

    def _refusal(self, value: object) -> str:
        if self.field.name in JOINT_COUNTS and isinstance(value, int | float) and value > JOINTS:
            return TOO_MANY_JOINTS
        return OUT_OF_RANGE

    def _number(self, value: object) -> float:
        match value:
            case Undetectable():
                return value.value
            case str():
                return float(self.field.levels.index(value))
            case int() | float():
                return float(value)
            case _:
                return np.nan


def _wrong(which: npt.NDArray[np.integer[Any]], values: Sequence[object]) -> Wrong:
    codes = {value.code for value in values if isinstance(value, _Refused)}
    return {
        code: np.flatnonzero(
            np.array([isinstance(value, _Refused) and value.code == code for value in values], dtype=bool)[which]
        )
        for code in sorted(codes)
    }


def _list_of(info: FieldInfo) -> Any:  # noqa: ANN401  a type that is made at run time
    return GenericAlias(list, (Annotated[(info.annotation, *info.metadata)],))
