"""A prediction as the page shows it: whole people out of a hundred, parts in order, places on a scale of 0 to 100."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from acrcast.contract import Contract, OnePatient
from acrcast.derived import Score, activity_of
from acrcast.domain import Activity
from acrcast.of_100 import bound_of, more_of_100, of_100
from acrcast.prediction import ArmRisk, Contribution, MissingMeasure, Prediction
from acrcast.studies import Study


@dataclass(frozen=True, slots=True)
class Count:
    """Of a hundred people, or per cent."""

    count: int

    @property
    def bound(self) -> Literal["", "few", "most"]:
        return bound_of(self.count)


@dataclass(frozen=True, slots=True)
class Range(Count):
    """With the ends of the interval."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class ArmView:
    """kind: which colour and pattern the arm has wherever it is shown. average: the arm's own response rate, of 100."""

    key: str
    title: str
    kind: Literal["treated", "control"]
    risk: Range
    average: Range


@dataclass(frozen=True, slots=True)
class BenefitView:
    """more: of 100 people, treated less control, as the two whole counts differ."""

    more: Range
    positive: Count

    @property
    def is_clear(self) -> bool:
        """Whether the interval, in whole people, leaves out no difference."""
        return self.more.low > 0 or self.more.high < 0


@dataclass(frozen=True, slots=True)
class Part:
    """What one measure contributes. name: of its field, None for what was averaged over.

    contribution: to the treated arm's log-odds. treated, control: to each arm's, as a share of the largest, -100 to 100.
    """

    label: str
    name: str | None
    contribution: float
    treated: float
    control: float | None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A measure that was not taken. now, then: widths of the treated arm's interval, in points of 100; then once it is taken."""

    label: str
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class ScoreView:
    """A score of disease activity. value: None where `lacking` measures are not known, by their labels."""

    name: str
    value: float | None
    activity: Activity | None
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """Everything that the page says of one prediction.

    is_individual: False where the arm's response rate is quoted to everybody. narrowings: worth showing, the largest first.
    """

    prediction: Prediction
    arms: tuple[ArmView, ...]
    benefit: BenefitView | None
    is_individual: bool
    parts: tuple[Part, ...]
    narrowings: tuple[Narrowing, ...]
    support_labels: tuple[str, ...]
    level: int


def answer_view(prediction: Prediction, study: Study) -> AnswerView:
    titles = {arm.key: arm.title for arm in study.arms}
    treated = _arm(prediction.treated, "treated", titles)
    control = None if prediction.control is None else _arm(prediction.control, "control", titles)
    return AnswerView(
        prediction,
        (treated,) if control is None else (treated, control),
        _benefit(prediction),
        bool(prediction.explanation),
        _parts(prediction.explanation),
        tuple(_narrowings(prediction.missing)),
        tuple(study.contract[name].measure.label for name in prediction.support.measures),
        round(100 * prediction.level),
    )


def scores_view(
    scores: tuple[Score, ...], found: Mapping[str, float], contract: Contract, patient: OnePatient
) -> list[ScoreView]:
    """Every score that the study has measures for. found: those that the patient's measures allow."""
    known = [value == value and j not in patient.below for j, value in enumerate(patient.values)]  # noqa: PLR0124  NaN
    labels = [field.measure.label for field in contract.covariates]
    return [
        ScoreView(
            score.name.upper().replace("_", "-"),
            found.get(score.name),
            activity_of(score.name, found[score.name]) if score.name in found else None,
            tuple(labels[j] for j in score.positions if not known[j]),
        )
        for score in scores
    ]


def _arm(risk: ArmRisk, kind: Literal["treated", "control"], titles: Mapping[str, str]) -> ArmView:
    low, high = risk.average_interval
    average = Range(of_100(risk.average), of_100(low), of_100(high))
    return ArmView(risk.arm, titles[risk.arm], kind, _range(risk), average)


def _range(risk: ArmRisk) -> Range:
    low, high = risk.interval
    return Range(of_100(risk.probability), of_100(low), of_100(high))


def _benefit(prediction: Prediction) -> BenefitView | None:
    if prediction.benefit is None or prediction.control is None:
        return None
    low, high = prediction.benefit.interval
    more = Range(more_of_100(prediction.treated.probability, prediction.control.probability), of_100(low), of_100(high))
    return BenefitView(more, Count(of_100(prediction.benefit.probability_positive)))


def _parts(explanation: tuple[Contribution, ...]) -> tuple[Part, ...]:
    sizes = [abs(value) for part in explanation for value in (part.contribution, part.control_contribution or 0.0)]
    largest = max(sizes, default=0.0) or 1.0
    return tuple(
        Part(
            part.label,
            part.measure,
            part.contribution,
            round(100 * part.contribution / largest, 1),
            None if part.control_contribution is None else round(100 * part.control_contribution / largest, 1),
        )
        for part in explanation
    )


def _narrowings(missing: tuple[MissingMeasure, ...]) -> list[Narrowing]:
    """Measures whose taking would narrow the interval by what can be seen."""
    found = [
        Narrowing(m.label, of_100(m.interval_width), of_100(m.expected_interval_width_if_measured)) for m in missing
    ]
    return [narrowing for narrowing in found if narrowing.then < narrowing.now]
