"""What a person reads beside the numbers: what they are for, what they rest on, and what was left out."""

from collections.abc import Iterable, Iterator

from acrcast.contract import Contract
from acrcast.prediction import Prediction
from acrcast_service.fhir.person import PATIENT
from acrcast_service.fhir.reading import Reading, Skipped, Used
from acrcast_service.fhir.values import in_words

# Of what was left out for the same reason, so many are named.
NAMED = 10


def notes_of(prediction: Prediction, contract: Contract, reading: Reading, plain: Iterable[str]) -> Iterator[str]:
    """plain: fields that were given as values, without a resource."""
    yield prediction.intended_use
    yield from prediction.cautions
    yield from reading.cautions.values()
    if prediction.support.status == "inside":
        yield "This patient lies inside the training data."
    benefit = prediction.benefit
    if benefit is not None and prediction.control is not None:
        low, high = benefit.interval
        yield (
            f"Difference, {prediction.treated.arm} less {prediction.control.arm}: {_points(benefit.difference)} percentage "
            f"points, {prediction.level * 100:g} % interval {_points(low)} to {_points(high)}; "
            f"it is above zero with a probability of {percent(benefit.probability_positive):g} %."
        )
    if prediction.missing:
        yield "Not known, and averaged over: " + ", ".join(missing.label for missing in prediction.missing) + "."
    used = [
        *(_used(one, contract) for one in reading.used),
        *(f"{contract[name].measure.label}, given as it is" for name in plain),
    ]
    yield "What was used. " + "; ".join(used) + "."
    yield from _left_out(reading.skipped)
    yield f"This prediction is {prediction.prediction_id}."


def percent(share: float) -> float:
    """A probability as FHIR's RiskAssessment has it: 71, not 0.71."""
    return round(share * 100, 4) + 0.0


def _points(share: float) -> str:
    return f"{share * 100:+.1f}"


def _used(used: Used, contract: Contract) -> str:
    """The value as it was used, and from what. Whose birthday it is needs no repeating."""
    about = [used.name or used.place]
    if used.time is not None and used.type != PATIENT:
        about.append(used.time)
    if used.choice is not None:
        about += [f"sent as {used.sent}", used.choice]
    return f"{used.label} {in_words(contract[used.measure], used.value)} ({', '.join(about)})"


def _left_out(skipped: Iterable[Skipped]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        by_reason.setdefault(one.reason, []).append(one.name or one.place)
    for reason, names in by_reason.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield f"Left out, because {reason}: {', '.join(names[:NAMED])}{more}."
