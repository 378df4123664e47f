"""Baseline of the patients by arm, as a trial's first table shows it: summaries, never one patient's values."""

from typing import Any

import numpy as np

from acrcast.arrays import Bools, Floats
from acrcast.contract import ContractField
from acrcast_training.data.cohort import Cohort

SIGNIFICANT = 3


def table_one(cohort: Cohort) -> dict[str, Any]:
    """Columns of the table, arms first and all patients last, and a row for each covariate.

    A number has median and quartiles of those measured, where "below the limit of detection" counts as the limit; a yes or
    no and each level of a category have a count. Missing patients are counted and take no part in the rest.
    """
    groups = [(arm.title, cohort.treated == (arm.key == cohort.study.treated.key)) for arm in cohort.study.arms]
    if len(groups) > 1:
        groups.append(("All", np.ones(len(cohort), dtype=bool)))
    rows = []
    for position, field in enumerate(cohort.covariates.contract.covariates):
        values, below = cohort.covariates.values[:, position], cohort.covariates.below[:, position]
        for label, level in _lines(field):
            cells = [_cell(values[members], below[members], level) for _, members in groups]
            rows.append({"label": label, "unit": field.measure.unit, "cells": cells})
    return {
        "columns": [{"title": title, "patients": int(members.sum())} for title, members in groups],
        "rows": rows,
    }


def _lines(field: ContractField) -> list[tuple[str, int | None]]:
    """Label of each line of a field, and the level that it counts; None for a number."""
    if field.kind == "yes_no":
        return [(field.measure.label, 1)]
    if field.kind == "category":
        return [(f"{field.measure.label}: {level}", number) for number, level in enumerate(field.levels)]
    return [(field.measure.label, None)]


def _cell(values: Floats, below: Bools, level: int | None) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    cell: dict[str, Any] = {"known": len(known), "missing": len(values) - len(known)}
    if level is not None:
        return cell | {"count": int(np.sum(known == level))}
    if len(known) == 0:
        return cell
    low, median, high = (float(f"{q:.{SIGNIFICANT}g}") for q in np.quantile(known, [0.25, 0.5, 0.75]))
    return cell | {"median": median, "quartiles": [low, high], "below_limit": int(below.sum())}
