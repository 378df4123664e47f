"""The words of a card: a prediction for a rheumatologist, in GitHub Flavored Markdown."""

import re
from collections.abc import Iterable, Iterator, Sequence
from math import exp

from acrcast.contract import ContractField
from acrcast.of_100 import bound_of, more_of_100, of_100
from acrcast.prediction import ArmRisk, Contribution, Prediction
from acrcast.studies import Study
from acrcast_service.cds_hooks.schemas import OVERRIDE_REASONS, Card, Link, Source
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.values import in_words

LONGEST_SUMMARY = 139
# What carried a prediction is said of so many measures; the page behind the card has all.
MOST_CARRIED = 5
NO_FACTOR = "1.00"
# Where what was measured stands; the rest is of the person or the diagnosis.
OBSERVATION = "Observation"
DATA = {"simulated": "simulated patients, no real ones", "trial": "a trial's patients"}
WHERE = {
    "inside": "Among the patients that the model was trained on.",
    "edge": "At the edge of the patients that the model was trained on",
    "outside": "Outside the patients that the model was trained on",
}


def prediction_card(study: Study, prediction: Prediction, reading: Reading, source: Source, basis: str | None) -> Card:
    """basis: the address of the page behind the card; None when nothing is recorded that it could show."""
    return Card(
        uuid=prediction.prediction_id,
        summary=_summary(study, prediction),
        detail=_detail(study, prediction, reading),
        source=source,
        overrideReasons=OVERRIDE_REASONS,
        links=None if basis is None else (Link("What this prediction rests on", basis),),
    )


def missing_card(study: Study, needed: Sequence[ContractField], reading: Reading, source: Source) -> Card:
    """needed: the required measures that are not known. Without a prediction there is nothing to send feedback about."""
    labels = [field.measure.label for field in needed]
    what = f"{', '.join(labels)} not known" if labels else "the record has values that cannot be read for certain"
    said = f"No prediction of {study.endpoint.title}: {what}."
    short = (
        said if len(said) <= LONGEST_SUMMARY else f"No prediction of response: {len(labels)} measures are not known."
    )
    blocks = (
        f"**{_plain(study.intended_use)}**",
        *_list("Needed for a prediction, and not known", labels),
        *_list("In the record, and not to be read for certain", (problem.message for problem in reading.problems)),
        *_list("Found, and not used", notes_of(needed, reading)),
    )
    return Card(summary=short, detail="\n\n".join(blocks), source=source)


def notes_of(fields: Iterable[ContractField], reading: Reading) -> Iterator[str]:
    """What was found of the measures and not used, where nothing else was."""
    labels = {field.name: field.measure.label for field in fields if field.name not in reading.values}
    for skipped in reading.skipped:
        if skipped.measure in labels:
            yield f"{labels[skipped.measure]}, {skipped.name or skipped.place}: not used, {skipped.reason}"


def was_examined(reading: Reading) -> bool:
    """Whether the record has any measure of the study within the window."""
    return any(used.type == OBSERVATION for used in reading.used)


def _summary(study: Study, prediction: Prediction) -> str:
    """Both risks with their intervals in one sentence; shorter words where the study's own are too long for it."""
    arms = list(_arms(study, prediction))
    full = "; ".join(f"{title} {_risk(arm)}" for title, arm in arms)
    short = f"{_risk(prediction.treated)} treated" + (f"; {_risk(arms[1][1])} control" if len(arms) > 1 else "")
    data = f"Research only, {prediction.model.training_data} data."
    for said in (f"{prediction.endpoint}: {full}. {data}", f"{prediction.endpoint}: {short}. {data}"):
        if len(said) <= LONGEST_SUMMARY:
            return said
    return f"Response: {short}. {data}"


def _detail(study: Study, prediction: Prediction, reading: Reading) -> str:
    """Everything that the numbers mean and do not mean."""
    return "\n\n".join(
        (
            f"**{_plain(study.intended_use)}**",
            _risks(study, prediction),
            *_benefit(study, prediction),
            *_carried(study, prediction),
            *_missing(prediction),
            _where(study, prediction),
            *_list("What was used", [_used(study, reading), *_scores(prediction), *notes_of(study.contract, reading)]),
            *_list("Take care", (*prediction.cautions, *reading.cautions.values())),
            _model(prediction),
        )
    )


def _arms(study: Study, prediction: Prediction) -> Iterator[tuple[str, ArmRisk]]:
    yield study.treated.title, prediction.treated
    if prediction.control is not None and study.control_arm is not None:
        yield study.control_arm.title, prediction.control


def _risks(study: Study, prediction: Prediction) -> str:
    level = f"{100 * prediction.level:g} % interval"
    rows = [
        [_plain(title), f"**{_percent(arm.probability)} %**", f"{_range(arm.interval)} %", f"{of_100(arm.average)} %"]
        for title, arm in _arms(study, prediction)
    ]
    return _table([_plain(prediction.endpoint), "Probability", level, "Average of the arm"], rows)


def _benefit(study: Study, prediction: Prediction) -> Iterator[str]:
    benefit = prediction.benefit
    if benefit is not None and prediction.control is not None and study.control_arm is not None:
        low, high = (_signed(of_100(end)) for end in benefit.interval)
        more = more_of_100(prediction.treated.probability, prediction.control.probability)
        yield (
            f"**Difference: {_signed(more)} percentage points** ({low} to {high}) for "
            f"{_plain(study.treated.title)} over {_plain(study.control_arm.title)}. "
            f"It is above zero with a probability of {_percent(benefit.probability_positive)} %."
        )


def _carried(study: Study, prediction: Prediction) -> Iterator[str]:
    """The measures that moved the odds most, by the factor that they moved them."""
    measured = sorted((item for item in prediction.explanation if item.measure is not None), key=_moves, reverse=True)
    rows = [[_plain(item.label), *_factors(item)] for item in measured[:MOST_CARRIED]]
    rows = [row for row in rows if set(row[1:]) != {NO_FACTOR}]
    if rows:
        header = ["Measure", *(_plain(title) for title, _ in _arms(study, prediction))]
        yield (
            "**What carried it**: the factor by which a measure moved the odds of response, against the average "
            "patient. It describes this prediction, and is no effect of changing the measure.\n\n"
            + _table(header, rows)
        )


def _moves(item: Contribution) -> float:
    return max(abs(item.contribution), abs(item.control_contribution or 0.0))


def _factors(item: Contribution) -> Iterator[str]:
    for log_odds in (item.contribution, item.control_contribution):
        if log_odds is not None:
            yield f"{exp(log_odds):.2f}"


def _missing(prediction: Prediction) -> Iterator[str]:
    """What each measure that was not taken would be worth; those that would change nothing that is seen stand together."""
    if not prediction.missing:
        return
    lines, rest = [], []
    for item in prediction.missing:
        now, then = of_100(item.interval_width), of_100(item.expected_interval_width_if_measured)
        if now == then:
            rest.append(_plain(item.label))
        else:
            lines.append(f"- {_plain(item.label)}: would be expected to narrow it from {now} to {then} points")
    if rest:
        lines.append(f"- {', '.join(rest)}: would hardly change it")
    yield "**Not known, and averaged over**, and what each would do to the interval with treatment\n\n" + "\n".join(
        lines
    )


def _where(study: Study, prediction: Prediction) -> str:
    support = prediction.support
    labels = ", ".join(_plain(study.contract[name].measure.label) for name in support.measures)
    return f"**Where this patient lies**: {WHERE[support.status]}" + (f": {labels}." if labels else "")


def _used(study: Study, reading: Reading) -> str:
    """Every value in the study's own unit, and from which days they are."""
    values = [
        f"{field.measure.label} {in_words(field, reading.values[field.name])}"
        for field in study.contract
        if field.name in reading.values
    ]
    days = sorted({used.time[:10] for used in reading.used if used.time and used.type == OBSERVATION})
    when = [f"from {days[0]} to {days[-1]}"] if len(days) > 1 else [f"on {day}" for day in days]
    return "; measured ".join([", ".join(values), *when])


def _scores(prediction: Prediction) -> Iterator[str]:
    if prediction.derived:
        yield ", ".join(f"{name.upper().replace('_', '-')} {value:g}" for name, value in prediction.derived.items())


def _model(prediction: Prediction) -> str:
    model = prediction.model
    return (
        f"Model {_plain(model.name)} {_plain(model.version)} (`{model.digest[:19]}`), trained on "
        f"{DATA[model.training_data]}. Prediction `{prediction.prediction_id}`."
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _list(title: str, sentences: Iterable[str]) -> Iterator[str]:
    lines = [f"- {_plain(sentence)}" for sentence in sentences]
    if lines:
        yield f"**{title}**\n\n" + "\n".join(lines)


def _percent(probability: float) -> str:
    count = of_100(probability)
    return {"few": "less than 1", "most": "more than 99", "": str(count)}[bound_of(count)]


def _signed(points: int) -> str:
    return f"{points:+d}" if points else "0"


def _range(interval: tuple[float, float]) -> str:
    return f"{of_100(interval[0])} to {of_100(interval[1])}"


def _risk(arm: ArmRisk) -> str:
    return f"{_percent(arm.probability)} % ({_range(arm.interval)})"


def _plain(text: str) -> str:
    """Text that Markdown and HTML take for nothing but text."""
    return re.sub(r"([\\`*_\[\]<>|~#])", r"\\\1", " ".join(text.split()))
