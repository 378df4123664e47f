"""Predictions of many patients as columns: what files, MLflow and Spark are given."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from acrcast.answer import DECIMALS, support_of
from acrcast.contract import Covariates
from acrcast.many import estimates_of_many, risks_of_many
from acrcast.response_model import DEFAULT_LEVEL, ArmRisks, ResponseModel
from acrcast.support import INSIDE

# What is worked out of so many rows stays near the processor.
ROWS_AT_ONCE = 8192

Column = npt.NDArray[np.float64] | npt.NDArray[np.object_]


def prediction_columns(
    model: ResponseModel,
    covariates: Covariates,
    *,
    level: float = DEFAULT_LEVEL,
    estimates_only: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Column]:
    """(n,) columns: each arm's probability and interval, the benefit, support, and what was missing; as one answer has them.

    One-arm studies have no columns of a control or a benefit. estimates_only: probabilities, their difference, and what was
    missing, in a fraction of the time. progress: called with the rows done, n in all.
    """
    parts = []
    for first in range(0, max(len(covariates), 1), ROWS_AT_ONCE):
        rows = covariates.rows(slice(first, first + ROWS_AT_ONCE))
        parts.append(_estimates(model, rows) if estimates_only else _columns(model, rows, level))
        progress(len(rows))
    return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _columns(model: ResponseModel, covariates: Covariates, level: float) -> dict[str, Column]:
    Z, below = model.standardise(covariates)
    risks = risks_of_many(model, Z, below, level)
    found = _arm("treated", risks.treated)
    if risks.control is not None and risks.benefit is not None and risks.probability_positive is not None:
        found |= _arm("control", risks.control) | _arm("benefit", risks.benefit, estimate="difference")
        found["benefit_probability_positive"] = risks.probability_positive
    support = support_of(model, covariates, Z)
    elsewhere = [i for i, judged in enumerate(support) if judged is not INSIDE]
    texts: dict[str, Column] = {
        "support": _texts(len(support), INSIDE.status, {i: support[i].status for i in elsewhere}),
        "support_measures": _texts(len(support), "", {i: " ".join(support[i].measures) for i in elsewhere}),
        "missing": _missing(covariates),
    }
    return {
        name: _rounded(found[name]) if is_number else texts[name]
        for name, is_number in column_names(model.study.has_control)
    }


def _estimates(model: ResponseModel, covariates: Covariates) -> dict[str, Column]:
    risk = estimates_of_many(model, *model.standardise(covariates))
    found = {"treated_probability": risk[:, 0]}
    if model.study.has_control:
        found |= {"control_probability": risk[:, 1], "benefit_difference": risk[:, 0] - risk[:, 1]}
    names = [name for name, _ in column_names(model.study.has_control) if name in found]
    return {**{name: _rounded(found[name]) for name in names}, "missing": _missing(covariates)}


def _missing(covariates: Covariates) -> Column:
    names, unknown = np.array(covariates.contract.names), np.isnan(covariates.values)
    incomplete = np.flatnonzero(unknown.any(axis=1)).tolist()
    return _texts(len(covariates), "", {i: " ".join(names[unknown[i]]) for i in incomplete})


def column_names(two_arms: bool) -> tuple[tuple[str, bool], ...]:  # noqa: FBT001  the study's own flag
    """(name, is a number) of each column that `prediction_columns` gives."""
    arms = ("control", "treated") if two_arms else ("treated",)
    numbers = [f"{arm}_{part}" for arm in arms for part in ("probability", "low", "high")]
    if two_arms:
        numbers += [f"benefit_{part}" for part in ("difference", "low", "high", "probability_positive")]
    return (
        *((name, True) for name in numbers),
        *((name, False) for name in ("support", "support_measures", "missing")),
    )


def _texts(count: int, usual: str, others: Mapping[int, str]) -> npt.NDArray[np.object_]:
    column = np.full(count, usual, dtype=object)
    for i, text in others.items():
        column[i] = text
    return column


def _arm(name: str, risks: ArmRisks, estimate: str = "probability") -> dict[str, npt.NDArray[np.float64]]:
    return {f"{name}_{estimate}": risks.probability, f"{name}_low": risks.low, f"{name}_high": risks.high}


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.round(values, DECIMALS) + 0.0
