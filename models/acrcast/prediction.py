"""What comes out for one patient: both risks, their difference, intervals, support, what was missing, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

Interval = tuple[float, float]
Risk = Annotated[float, Field(ge=0, le=1)]
SupportStatus = Literal["inside", "edge", "outside"]
TrainingData = Literal["trial", "simulated"]


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model answered.

    name: of the model. version: under that name. digest: `sha256:` of the artefact's manifest.
    training_data: whether the patients that it was trained on were a trial's, or simulated.
    """

    name: str
    version: str
    digest: str
    training_data: TrainingData


@dataclass(frozen=True, slots=True)
class ArmRisk:
    """Probability of response in one arm, 0 to 1.

    arm: its key. probability: of response, for this patient.
    interval: of this patient's risk given everything that was measured; estimation uncertainty only.
    average, average_interval: the arm's own response rate in the training data, for comparison.
    """

    arm: str
    probability: Risk
    interval: Interval
    average: Risk
    average_interval: Interval

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "ArmRisk":
        intervals = {name: tuple(answer[name]) for name in ("interval", "average_interval")}
        return cls(**{**answer, **intervals})


@dataclass(frozen=True, slots=True)
class Benefit:
    """Treated less control.

    difference: of the probabilities, -1 to 1. interval: of the difference.
    probability_positive: how much of the ensemble puts it above zero.
    """

    difference: Annotated[float, Field(ge=-1, le=1)]
    interval: Interval
    probability_positive: Risk


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one measure added to the log-odds of response, against the average patient of the training data.

    These describe this prediction; they are not effects of changing the measure.

    measure: the field; None for what the measures that were not taken contribute together.
    label: what a clinician calls it. contribution: for the treated arm. control_contribution: for the control arm.
    """

    measure: str | None
    label: str
    contribution: float
    control_contribution: float | None


# What a part of an explanation may lack.
NEITHER = {"measure": None, "control_contribution": None}


@dataclass(frozen=True, slots=True)
class Support:
    """Where the patient lies against the training data.

    status: inside them, at their edge, or outside. measures: the fields that put the patient there.
    """

    status: SupportStatus
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MissingMeasure:
    """A measure that was averaged over, and what taking it would be expected to do to the treated arm's interval.

    measure: the field. label: what a clinician calls it. interval_width: as it is.
    expected_interval_width_if_measured: what it would be expected to be.
    """

    measure: str
    label: str
    interval_width: float
    expected_interval_width_if_measured: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The complete answer. Members that do not apply are None here and absent from the answer: a one-arm study has no benefit.

    On the log-odds scale, `explanation_baseline` plus all `contribution`s is the treated probability, and
    `explanation_control_baseline` plus all `control_contribution`s the control's.

    prediction_id: the name of this prediction, a UUID, under which its outcome is sent. study: key of the study.
    endpoint: what is predicted. model: which model answered. control: on the control treatment.
    treated: on the treatment under study. benefit: treated less control. level: of all intervals.
    estimate_conditions_on: what the estimate is given.
    derived: scores that follow from the measures, such as DAS28, where all that a score needs is known.
    explanation_scale: of the contributions. explanation_baseline, explanation_control_baseline: of the average patient.
    explanation: what each measure added, the largest first. support: whether the training data had such patients.
    missing: what was averaged over, the measure first that would narrow the interval most.
    cautions: what whoever reads the numbers has to know. intended_use: what the answer is for, and what it is not.
    row: of a batch, from 1 in the order of the request; absent for a patient alone.
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
    row: Annotated[int, Field(ge=1)] | None = None

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
