"""The figures by which a model is judged: the one place that says where on its card they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from acrcast.validation.performance import Estimate

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Headline:
    """Gain in log loss over quoting the arm's response rate, calibration slope and C, with the choice inside; None: not known.

    From nested cross-validation: where few trials serve a model, those that do are the lucky ones, and figures of the chosen
    candidate alone carry that luck (docs/operating-characteristics.md). An end of an interval that could not be computed is NaN.
    """

    gain: Estimate | None
    slope: Estimate | None
    c_statistic: Estimate | None = None


def headline(card: Mapping[str, Any]) -> Headline:
    """Of the model as it is: a model that was updated has none, its card's figures are of the one before."""
    validation = card.get("validation", {})
    if "figures_are_of" in validation:
        return Headline(None, None)
    figures = validation.get("procedure", {}).get("figures", {})
    found = (figures.get(name) for name in ("gain_over_prevalence", "calibration_slope", "c_statistic"))
    return Headline(*(None if figure is None else estimate_of(figure) for figure in found))


def estimate_of(found: Mapping[str, Any]) -> Estimate:
    """A figure as a card has it."""
    low, high = found.get("interval", (NAN, NAN))
    return Estimate(found["value"], low, high)
