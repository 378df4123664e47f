"""Each measure of the patients who are predicted for, against the training data that the model's artefact describes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.contract import Covariates
from acrcast.estimators.design import Column, on_scale
from acrcast.monitoring import sequences
from acrcast.monitoring.evidence import Evidence
from acrcast.monitoring.shares import another_share
from acrcast.monitoring.values import Before, another_mean, standardised_difference
from acrcast.response_model import ResponseModel
from acrcast.validation.performance import Estimate

# Differences below these are shown, and are no alarm: in standard deviations, and in shares of the patients.
SMALLEST_DIFFERENCE, SMALLEST_SHARE = 0.25, 0.10


@dataclass(frozen=True, slots=True)
class MeasureSeen:
    """One measure, or one level of a category, now and in the training data.

    known: of how many patients. kind: of a `number`, `difference` is the mean now less the training data's, on the measure's
    scale and in the training data's standard deviations; of a `share`, it is the share now less the training data's. None where
    the training data have nothing to compare with. missing: share of patients now; missing_before: in the training data, None
    where the card does not say.
    """

    name: str
    label: str
    kind: Literal["number", "share"]
    known: int
    difference: Estimate | None
    missing: Estimate
    missing_before: float | None

    @property
    def is_small(self) -> bool:
        limit = SMALLEST_SHARE if self.kind == "share" else SMALLEST_DIFFERENCE
        return self.difference is None or not abs(self.difference.value) >= limit

    @property
    def is_missing_as_often(self) -> bool:
        return self.missing_before is None or not abs(self.missing.value - self.missing_before) >= SMALLEST_SHARE


@dataclass(frozen=True, slots=True)
class Compared:
    """A measure with the evidence about its values, and about how often it is missing; None: not asked."""

    seen: MeasureSeen
    of_values: Evidence | None
    of_missing: Evidence | None


def compared(
    model: ResponseModel, covariates: Covariates, day: Integers, trained_on: int, level: float
) -> Iterator[Compared]:
    """Every column of the model. What is missing is asked once of each measure, with its first column.

    covariates, day: of n patients. trained_on: how many patients the model learned from.
    """
    scaled, below = on_scale(model.terms.columns, covariates)
    shares_before = model.card["training_data"].get("missing_share")
    asked: set[str] = set()
    for j, column in enumerate(model.terms.columns):
        missing = np.isnan(scaled[:, j])
        # below a limit of detection the value itself is not known
        measured = ~(missing | below[:, j])
        values, at = scaled[measured, j], day[measured]
        missing_before = None if shares_before is None else float(shares_before.get(column.field, 0.0))
        before = _before(model, j, trained_on * (1 - (missing_before or 0.0)))
        seen = MeasureSeen(
            name=column.name,
            label=_label(model, column),
            kind="share" if column.is_indicator else "number",
            known=len(values),
            difference=_difference(column, values, before, level),
            missing=sequences.share(int(missing.sum()), len(missing), level),
            missing_before=missing_before,
        )
        of_missing = None
        if missing_before is not None and column.field not in asked:
            of_missing = another_share(day, missing, missing_before * trained_on, trained_on)
        asked.add(column.field)
        yield Compared(seen, _evidence(column, values, at, before), of_missing)


def _before(model: ResponseModel, j: int, count: float) -> Before:
    standardisation = model.preparation.standardisation
    return Before(count, float(standardisation.mean[j]), float(standardisation.sd[j]))


def _evidence(column: Column, values: Floats, day: Integers, before: Before) -> Evidence | None:
    if column.is_indicator:
        return another_share(day, values == 1, before.mean * before.count, before.count)
    return another_mean(day, values, before) if before.can_be_compared else None


def _difference(column: Column, values: Floats, before: Before, level: float) -> Estimate | None:
    if column.is_indicator:
        now = sequences.share(int(np.sum(values == 1)), len(values), level)
        return Estimate(now.value - before.mean, now.low - before.mean, now.high - before.mean)
    return standardised_difference(values, before, 1 - level) if before.can_be_compared else None


def _label(model: ResponseModel, column: Column) -> str:
    label = model.study.contract[column.field].measure.label
    return f"{label}: {column.level_name or 'yes'}" if column.is_indicator else label
