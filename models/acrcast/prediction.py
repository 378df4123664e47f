"""What comes out for one patient: both risks, their difference, intervals, support, what was missing, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

Interval = tuple[float, float]
SupportStatus = Literal["inside", "edge", "outside"]
TrainingData = Literal["trial", "simulated"]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model answered. digest: `sha256:` of the artefact's manifest."""

    name: str
    version: str
    digest: str
    training_data: TrainingData


@dataclass(frozen=True, slots=True)
class ArmRisk:
    """Probability of response in one arm, 0 to 1.

    interval: of this patient's risk given everything that was measured; estimation uncertainty only.
    average, average_interval: the arm's own response rate in the training data, for comparison.
    """

    arm: str
    probability: float
    interval: Interval
    average: float
    average_interval: Interval

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "ArmRisk":
        intervals = {name: tuple(answer[name]) for name in ("interval", "average_interval")}
        return cls(**{**answer, **intervals})


@dataclass(frozen=True, slots=True)
class Benefit:
    """Treated less control, -1 to 1, and how much of the ensemble puts it above zero."""

    difference: float
    interval: Interval
    probability_positive: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one measure added to the log-odds of response, against the average patient of the training data.

    These describe this prediction; they are not effects of changing the measure. `measure` is None for what the
    measures that were not taken contribute together.
    """

    measure: str | None
    label: str
    contribution: float
    control_contribution: float | None


# What a part of an explanation may lack.
NEITHER = {"measure": None, "control_contribution": None}


@dataclass(frozen=True, slots=True)
class Support:
    """Where the patient lies against the training data, and the measures that put the patient there."""

    status: SupportStatus
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MissingMeasure:
    """A measure that was averaged over, and what taking it would be expected to do to the treated arm's interval."""

    measure: str
    label: str
    interval_width: float
    expected_interval_width_if_measured: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The complete answer. Members that do not apply are None here and absent from the answer: a one-arm study has no benefit.

    On the log-odds scale, `explanation_baseline` plus all `contribution`s is the treated probability, and
    `explanation_control_baseline` plus all `control_contribution`s the control's.
    """

    prediction_id: str
    study: str
    endpoint: str
    model: ModelIdentity
    control: ArmRisk | None
    treated: ArmRisk
    benefit: Benefit | None
    level: float
    estimate_conditions_on: str
    derived: dict[str, float]
    explanation_scale: Literal["log-odds"]
    explanation_baseline: float
    explanation_control_baseline: float | None
    explanation: tuple[Contribution, ...]
    support: Support
    missing: tuple[MissingMeasure, ...]
    cautions: tuple[str, ...]
    intended_use: str

    def as_answer(self) -> dict[str, Any]:
        """Plain data for JSON, without members that are None."""
        answer: dict[str, Any] = _plain(self)
        return answer

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Prediction":
        """The prediction that `as_answer` makes this of."""
        control, benefit = answer.get("control"), answer.get("benefit")
        return cls(
            **{
                **answer,
                "model": ModelIdentity(**answer["model"]),
                "treated": ArmRisk.of(answer["treated"]),
                "control": None if control is None else ArmRisk.of(control),
                "benefit": None if benefit is None else Benefit(**benefit | {"interval": tuple(benefit["interval"])}),
                "explanation_control_baseline": answer.get("explanation_control_baseline"),
                "explanation": tuple([Contribution(**NEITHER | part) for part in answer["explanation"]]),
                "support": Support(answer["support"]["status"], tuple(answer["support"]["measures"])),
                "missing": tuple([MissingMeasure(**measure) for measure in answer["missing"]]),
                "cautions": tuple(answer["cautions"]),
            }
        )


def _plain(value: Any) -> Any:  # noqa: ANN401  any member of a prediction
    if is_dataclass(value):
        return {f.name: _plain(v) for f in fields(value) if (v := getattr(value, f.name)) is not None}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
