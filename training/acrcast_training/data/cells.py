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
import pandas as pd
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from acrcast.arrays import Bools, Floats
from acrcast.contract import Contract, ContractField, Patient, Undetectable

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

    values: (n,) in the contract's unit, NaN where missing or not valid; yes_no is 0 or 1, a category the position of
        its level.
    below: (n,) the assay found less than `values` says.
    given: (n,) the cell says something, valid or not.
    """

    values: Floats
    below: Bools
    given: Bools

    @classmethod
    def missing(cls, count: int) -> Self:
        return cls(np.full(count, np.nan), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool))

    def placed(self, at: npt.NDArray[np.intp], count: int) -> "Column":
        """The same values among `count` patients, at the positions `at`; missing elsewhere."""
        values, below, given = np.full(count, np.nan), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        values[at], below[at], given[at] = self.values, self.below, self.given
        return Column(values, below, given)

    def rows(self, index: npt.NDArray[Any]) -> "Column":
        return Column(self.values[index], self.below[index], self.given[index])

    def unless(self, these: Bools, other: "Column") -> "Column":
        """The values of `other` in these patients."""
        return Column(
            np.where(these, other.values, self.values),
            np.where(these, other.below, self.below),
            np.where(these, other.given, self.given),
        )


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

    def numbers(self, cells: npt.NDArray[np.object_]) -> tuple[Column, Wrong]:
        """The values of a covariate, and the cells that hold none although they are not empty."""
        which, values = self._distinct(cells)
        numbers = np.array([self._number(value) for value in values], dtype=np.float64)
        below = np.array([isinstance(value, Undetectable) for value in values], dtype=bool)
        given = np.array([value is not None for value in values], dtype=bool)
        return Column(numbers[which], below[which], given[which]), _wrong(which, values)

    def names(self, cells: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.str_], Wrong]:
        """The assay that each cell names, "" where none is named."""
        which, values = self._distinct(cells)
        names = np.array([value if isinstance(value, str) else "" for value in values], dtype=np.str_)
        return names[which] if len(names) else np.full(len(cells), "", dtype=np.str_), _wrong(which, values)

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

    def _distinct(self, cells: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.intp], list[object]]:
        """Each cell's position among the distinct values, and these: a value, None for missing, or why there is none."""
        which, texts = pd.factorize(cells)
        values = [self._value(str(text)) if text else None for text in texts]
        readable = [i for i, value in enumerate(values) if value is not None and not isinstance(value, _Refused)]
        for i in self._not_accepted([values[i] for i in readable]):
            values[readable[i]] = _Refused(self._refusal(values[readable[i]]))
        return which, values

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


def _wrong(which: npt.NDArray[np.intp], values: Sequence[object]) -> Wrong:
    codes = {value.code for value in values if isinstance(value, _Refused)}
    return {
        code: np.flatnonzero(
            np.array([isinstance(value, _Refused) and value.code == code for value in values], dtype=bool)[which]
        )
        for code in sorted(codes)
    }


def _list_of(info: FieldInfo) -> Any:  # noqa: ANN401  a type that is made at run time
    return GenericAlias(list, (Annotated[(info.annotation, *info.metadata)],))
