"""Whole columns of patients, checked at once.

A check here accepts what is certainly valid by the contract and leaves the rest undecided: whether that is a patient is for
the patient class to say, row by row, so that many patients are judged by the rules of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import annotated_types
import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from acrcast.arrays import Bools, Floats
from acrcast.contract.covariates import Covariates
from acrcast.contract.fields import Contract, ContractField, Kind
from acrcast.contract.measure import Measure, Patient

# The types that strict JSON gives a valid value of each kind; null is None.
TYPES: Mapping[Kind, frozenset[type]] = {
    "number": frozenset({float, int, NoneType}),
    "count": frozenset({int, NoneType}),
    "yes_no": frozenset({bool, NoneType}),
    "category": frozenset({str, NoneType}),
    "text": frozenset({str, NoneType}),
}
# In columns of Arrow, Parquet and data frames: `<field>_comparator` holds "<" where the value is a limit of detection.
COMPARATOR = "_comparator"

# The largest number whose neighbours are told apart.
LARGEST_EXACT = 2.0**53


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One covariate of n patients.

    values: (n,) as in `Covariates`, NaN where missing or undecided. below: (n,). accepted: (n,) valid or missing for certain.
    """

    values: Floats
    below: Bools
    accepted: Bools

    @classmethod
    def missing(cls, count: int) -> "Cells":
        return cls(np.full(count, np.nan), np.zeros(count, dtype=bool), np.ones(count, dtype=bool))

    @classmethod
    def undecided(cls, count: int) -> "Cells":
        return cls(np.full(count, np.nan), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool))


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """One field that names an assay, of n patients. names: (n,), "" where none is named. accepted: (n,) as in `Cells`."""

    names: npt.NDArray[np.object_]
    accepted: Bools

    @classmethod
    def missing(cls, count: int) -> "Names":
        return cls(np.full(count, "", dtype=object), np.ones(count, dtype=bool))


def covariates_of(
    patient: type[Patient], contract: Contract, cells: Mapping[str, Cells], names: Mapping[str, Names], count: int
) -> tuple[Covariates, Bools]:
    """Covariates of n patients, and which of them are valid for certain; the values of the others are not to be used.

    An absent column is missing throughout.
    """
    accepted = np.full(count, says_all(patient))
    columns = []
    for field in contract.covariates:
        column = cells.get(field.name) or Cells.missing(count)
        accepted &= column.accepted
        if field.required:
            accepted &= ~np.isnan(column.values)
        columns.append(column)
    assays = {}
    for field in contract.assays:
        named = names.get(field.name) or Names.missing(count)
        accepted &= named.accepted
        if field.required:
            accepted &= named.names != ""
        assays[field.name] = named.names
    # a column's numbers side by side, as they come and as they are worked with
    values, below = np.empty((len(columns), count)).T, np.empty((len(columns), count), dtype=bool).T
    for j, column in enumerate(columns):
        values[:, j], below[:, j] = column.values, column.below
    # names are objects here: an array of text would give the longest one's room to every patient
    return Covariates(contract, values, below, assays), accepted  # type: ignore[arg-type]


def cells_of_list(field: ContractField, column: Sequence[object]) -> Cells:
    """From values as JSON gives them."""
    types = TYPES[field.kind]
    kinds = _kinds(column)
    if kinds <= types:
        return cells_of_numbers(field, _numbers(field, column))
    decided = np.array([type(value) in types for value in column], dtype=bool)
    numbers = _numbers(field, [value if certain else None for value, certain in zip(column, decided, strict=True)])
    cells = cells_of_numbers(field, numbers)
    cells.accepted[~decided] = False
    if field.may_be_undetectable and dict in kinds:
        for i in np.flatnonzero(~decided).tolist():
            limit = _limit_of_detection(column[i])
            if limit is not None:
                cells.values[i], cells.below[i], cells.accepted[i] = limit, True, True
    return cells


def names_of_list(patient: type[Patient], field: ContractField, column: Sequence[object]) -> Names:
    """From the names of assays as JSON gives them. Each different name is judged once, by the patient class itself."""
    distinct = _distinct(column)
    if distinct is not None and all(accepts(patient, field.name, name) for name in distinct if name is not None):
        # one text for all that are equal: to look at thousands of them takes longer than to compare them
        same = {name: name or "" for name in distinct}
        names = np.empty(len(column), dtype=object)
        names[:] = [same[name] for name in column] if len(same) != 1 else same.popitem()[1]
        return Names(names, np.ones(len(column), dtype=bool))
    texts = [value if type(value) is str else "" for value in column]
    judged = {name: accepts(patient, field.name, name) for name in set(texts)}
    # None is missing; "" is a text, which the class may refuse
    accepted = np.array([v is None or (type(v) is str and judged[v]) for v in column], dtype=bool)
    return Names(np.array([*texts, ""], dtype=object)[:-1], accepted)


def cells_of_numbers(field: ContractField, values: Floats) -> Cells:
    """From numbers as in `Covariates`, NaN where missing; what is out of range, or no whole number of a count, is undecided."""
    accepted = np.isnan(values)
    low = -np.inf if field.low is None else field.low
    high = np.inf if field.high is None else field.high
    if field.kind == "category":
        low, high = 0.0, float(len(field.levels) - 1)
    within = (values >= low) & (values <= high) & (np.abs(values) <= LARGEST_EXACT)
    if field.kind == "count":
        within &= values == np.floor(values)
    accepted |= within
    return Cells(values, np.zeros(len(values), dtype=bool), accepted)


@cache
def says_all(patient: type[Patient]) -> bool:
    """Whether the contract is all that decides what a valid patient is: the class has no validators and no further limits."""
    decorators = patient.__pydantic_decorators__
    validators = (
        decorators.validators,
        decorators.field_validators,
        decorators.root_validators,
        decorators.model_validators,
    )
    return (
        not any(validators)
        and patient.__pydantic_post_init__ is None
        and patient.model_config == Patient.model_config
        and all(_known(item) for info in patient.model_fields.values() for item in _metadata(info))
    )


def accepts(patient: type[Patient], name: str, value: str) -> bool:
    """Whether the field takes this text."""
    try:
        _text_adapter(patient, name).validate_python(value)
    except ValidationError:
        return False
    return True


@cache
def _text_adapter(patient: type[Patient], name: str) -> TypeAdapter[object]:
    info = patient.model_fields[name]
    kind: Any = Annotated[(info.annotation, *info.metadata)]
    return TypeAdapter(kind, config=patient.model_config)


def _known(item: object) -> bool:
    return isinstance(item, annotated_types.Ge | annotated_types.Le | Measure)


def _metadata(info: FieldInfo) -> list[object]:
    """Limits of the field and of the types that it may have; none of an assay's name, which is judged by the class."""
    found: list[object] = list(info.metadata)
    if any(isinstance(item, Measure) and item.assay_of is not None for item in found):
        return []
    for option in get_args(info.annotation):
        if get_origin(option) is not None and hasattr(option, "__metadata__"):
            for item in option.__metadata__:
                found += item.metadata if isinstance(item, FieldInfo) else [item]
    return found


def _numbers(field: ContractField, column: Sequence[object]) -> Floats:
    """column: of the types of the field's kind."""
    if field.kind == "category":
        positions: dict[object, float] = {level: float(i) for i, level in enumerate(field.levels)}
        positions[None] = np.nan
        # below every level, hence undecided
        positions |= dict.fromkeys(set(column) - positions.keys(), -1.0)
        return np.fromiter(map(positions.__getitem__, column), np.float64, len(column))
    if field.kind == "yes_no" and None not in column:
        return np.frombuffer(bytes(column), dtype=np.uint8).astype(np.float64)  # type: ignore[arg-type]
    return np.array(column, dtype=np.float64)


def _kinds(column: Sequence[object]) -> set[type]:
    """The types of the values. Most columns have one: to count it takes half as long as to collect them."""
    kinds = list(map(type, column))
    one = set(kinds[:1])
    return one if all(kinds.count(kind) == len(kinds) for kind in one) else set(kinds)


def _distinct(column: Sequence[object]) -> set[Any] | None:
    """The different values of a column of texts and None; None for any other column."""
    try:
        distinct = set(column)
    except TypeError:
        return None
    return distinct if set(map(type, distinct)) <= TYPES["text"] else None


def _limit_of_detection(value: object) -> float | None:
    """Of `{"comparator": "<", "value": limit}`, exactly."""
    if not isinstance(value, dict) or value.keys() != {"comparator", "value"} or value["comparator"] != "<":
        return None
    limit = value["value"]
    if type(limit) not in (float, int) or not 0 < limit <= LARGEST_EXACT:
        return None
    return float(limit)
