"""Predictions of many patients as columns: what files, MLflow and Spark are given."""

import numpy as np
import numpy.typing as npt

from acrcast.answer import DECIMALS, support_of
from acrcast.contract import Covariates
from acrcast.response_model import DEFAULT_LEVEL, ArmRisks, ResponseModel

Column = npt.NDArray[np.float64] | npt.NDArray[np.str_]


def prediction_columns(
    model: ResponseModel, covariates: Covariates, *, level: float = DEFAULT_LEVEL
) -> dict[str, Column]:
    """(n,) columns: each arm's probability and interval, the benefit, support, and what was missing; as one answer has them.

    One-arm studies have no columns of a control or a benefit.
    """
    Z, below = model.standardise(covariates)
    risks = model.risks_of(Z, below, level)
    columns: dict[str, Column] = {}
    if risks.control is not None and risks.benefit is not None and risks.probability_positive is not None:
        columns |= _arm("control", risks.control) | _arm("treated", risks.treated)
        columns |= _arm("benefit", risks.benefit, estimate="difference")
        columns["benefit_probability_positive"] = _rounded(risks.probability_positive)
    else:
        columns |= _arm("treated", risks.treated)
    support = support_of(model, covariates, Z)
    missing = np.isnan(covariates.values)
    names = np.array([field.name for field in model.study.contract.covariates])
    columns["support"] = np.array([judged.status for judged in support], dtype=np.str_)
    columns["support_measures"] = np.array([" ".join(judged.measures) for judged in support], dtype=np.str_)
    columns["missing"] = np.array([" ".join(names[row]) for row in missing], dtype=np.str_)
    return columns


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


def _arm(name: str, risks: ArmRisks, estimate: str = "probability") -> dict[str, Column]:
    return {
        f"{name}_{estimate}": _rounded(risks.probability),
        f"{name}_low": _rounded(risks.low),
        f"{name}_high": _rounded(risks.high),
    }


def _rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.round(values, DECIMALS) + 0.0
