"""Pictures of what a model's card and evidence say, as SVG whose colours and letters come from the page that shows them."""

from acrcast.pictures.of_benefit import benefit_calibration, qini
from acrcast.pictures.of_performance import calibration, classification, decision_curve, distribution, instability
from acrcast.pictures.of_trial import candidates, flow

__all__ = [
    "benefit_calibration",
    "calibration",
    "candidates",
    "classification",
    "decision_curve",
    "distribution",
    "flow",
    "instability",
    "qini",
]
