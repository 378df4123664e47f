"""Patients as arrays: the raw values of all covariates, with what is missing and what is only known to be below a limit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from acrcast.arrays import Bools, Floats
from acrcast.contract.fields import Contract, ContractField
from acrcast.contract.measure import Patient, Undetectable


@dataclass(frozen=True, slots=True)
class Covariates:
    """Baseline of n patients.

    values: (n, k) in the units of the contract, a column for each covariate in its order; NaN is missing;
        yes_no is 0 or 1; a category is the position of its level.
    below: (n, k); True where the assay found less than `values` says.
    assays: for each assay field the (n,) names, "" where none is named.
    """

    contract: Contract
    values: Floats
    below: Bools
    assays: Mapping[str, npt.NDArray[np.str_]]

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def rows(self, index: npt.NDArray[Any] | slice) -> "Covariates":
        """The patients at `index`, in its order."""
        return replace(
            self,
            values=self.values[index],
            below=self.below[index],
            assays={name: names[index] for name, names in self.assays.items()},
        )

    @classmethod
    def joined(cls, parts: "Sequence[Covariates]") -> "Covariates":
        """Patients of one contract, those of each part after those of the one before. parts: at least one."""
        first = parts[0]
        return cls(
            first.contract,
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.below for part in parts]),
            {name: np.concatenate([part.assays[name] for part in parts]) for name in first.assays},
        )

    @classmethod
    def of_patients(cls, contract: Contract, patients: Sequence[Patient]) -> "Covariates":
        """From validated patients."""
        fields = contract.covariates
        values = np.array(
            [[_value(field, given[field.name]) for field in fields] for given in map(vars, patients)],
            dtype=float,
        )
        values = values.reshape(len(patients), len(fields))
        below = np.zeros(values.shape, dtype=bool)
        for j, field in contract.undetectable:
            below[:, j] = [isinstance(getattr(p, field.name), Undetectable) for p in patients]
        assays = {
            field.name: np.array([getattr(p, field.name) or "" for p in patients], dtype=np.str_)
            for field in contract.assays
        }
        return cls(contract, values, below, assays)

    @classmethod
    def of_columns(cls, contract: Contract, columns: Mapping[str, Iterable[object]], count: int) -> "Covariates":
        """From columns of already validated values; an absent column is missing throughout. None is missing."""
        values = np.full((count, len(contract.covariates)), np.nan)
        below = np.zeros(values.shape, dtype=bool)
        for j, field in enumerate(contract.covariates):
            if field.name not in columns:
                continue
            for i, value in enumerate(columns[field.name]):
                values[i, j], below[i, j] = _value(field, value), isinstance(value, Undetectable)
        assays = {
            field.name: np.array([name or "" for name in columns.get(field.name, [""] * count)], dtype=np.str_)
            for field in contract.assays
        }
        return cls(contract, values, below, assays)


class OnePatient(NamedTuple):
    """One row of `Covariates` as plain numbers, which are worked with many times as fast as arrays of length 1.

    values: of each covariate, NaN missing. below: positions of those that are only upper limits. assays: by field, "" unnamed.
    """

    contract: Contract
    values: list[float]
    below: list[int]
    assays: dict[str, str]

    @classmethod
    def of(cls, contract: Contract, patient: Patient) -> "OnePatient":
        """From a validated patient."""
        given = vars(patient)
        row = map(given.__getitem__, contract.names)
        try:
            values = [as_number(value) for as_number, value in zip(contract.as_numbers, row, strict=True)]
        except (KeyError, TypeError):
            # something is missing, or below a limit
            values = [_value(field, given[field.name]) for field in contract.covariates]
        below = [j for j, field in contract.undetectable if isinstance(given[field.name], Undetectable)]
        return cls(contract, values, below, {field.name: given[field.name] or "" for field in contract.assays})

    @classmethod
    def of_row(cls, covariates: Covariates, i: int) -> "OnePatient":
        """Patient i of many."""
        assays = {name: str(names[i]) for name, names in covariates.assays.items()}
        below = np.flatnonzero(covariates.below[i]).tolist()
        return cls(covariates.contract, covariates.values[i].tolist(), below, assays)

    def as_covariates(self) -> Covariates:
        """The same as columns of one row."""
        below = np.zeros((1, len(self.values)), dtype=bool)
        below[0, self.below] = True
        assays = {name: np.array([named], dtype=np.str_) for name, named in self.assays.items()}
        return Covariates(self.contract, np.array([self.values]), below, assays)


def _value(field: ContractField, value: Any) -> float:  # noqa: ANN401  a validated value of any kind
    if value is None:
        return np.nan
    if isinstance(value, Undetectable):
        return value.value
    return float(field.levels.index(str(value))) if field.levels else float(value)
