"""Predictions of many patients as columns: what files, MLflow and Spark are given."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from acrcast.answer import DECIMALS
from acrcast.contract import Covariates
from acrcast.many import estimates_of_many, risks_of_many
from acrcast.response_model import DEFAULT_LEVEL, ResponseModel
from acrcast.support import INSIDE

# What is worked out of so many rows stays near the processor.
ROWS_AT_ONCE = 8192

Column = npt.NDArray[np.float64] | npt.NDArray[np.object_]
# The numbers of `Risks`, in its order.
OF_RISKS = tuple(
    f"{kind}_{part}"
    for kind, estimate in (("treated", "probability"), ("control", "probability"), ("benefit", "difference"))
    for part in (estimate, "low", "high")
)


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
    _, kinds, parts = risks.values.shape
    values = risks.values.reshape(len(Z), kinds * parts).T
    found: dict[str, Column] = dict(zip(OF_RISKS, _rounded(values), strict=False))
    if risks.probability_positive is not None:
        found["benefit_probability_positive"] = _rounded(risks.probability_positive)
    count, elsewhere = len(covariates), model.judge.elsewhere(covariates, Z)
    found["support"] = _texts(count, INSIDE.status, {i: judged.status for i, judged in elsewhere.items()})
    found["support_measures"] = _texts(count, "", {i: " ".join(judged.measures) for i, judged in elsewhere.items()})
    found["missing"] = _missing(covariates)
    return {name: found[name] for name, _ in column_names(model.study.has_control)}


def _estimates(model: ResponseModel, covariates: Covariates) -> dict[str, Column]:
    risk = estimates_of_many(model, *model.standardise(covariates))
    found: dict[str, Column] = {"treated_probability": _rounded(risk[:, 0])}
    if model.study.has_control:
        found |= {
            "control_probability": _rounded(risk[:, 1]),
            "benefit_difference": _rounded(risk[:, 0] - risk[:, 1]),
        }
    found["missing"] = _missing(covariates)
    return {name: found[name] for name, _ in estimate_names(model.study.has_control)}


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


def estimate_names(two_arms: bool) -> tuple[tuple[str, bool], ...]:  # noqa: FBT001  the study's own flag
    """The same of the estimates alone."""
    alone = {"treated_probability", "control_probability", "benefit_difference", "missing"}
    return tuple((name, is_number) for name, is_number in column_names(two_arms) if name in alone)


def _texts(count: int, usual: str, others: Mapping[int, str]) -> npt.NDArray[np.object_]:
    column = np.full(count, usual, dtype=object)
    for i, text in others.items():
        column[i] = text
    return column


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of each row of values, or of all, the numbers side by side in memory."""
    side_by_side: npt.NDArray[np.float64] = np.ascontiguousarray(values)
    return np.round(side_by_side, DECIMALS) + 0.0
