"""What is said of an outcome that came in; what one is stands in `acrcast.outcome`."""

from dataclasses import dataclass

EXPECTED = {
    "prediction_id": "the prediction_id of a prediction, a UUID",
    "responded": "true or false",
    "observed_on": "a day that is not in the future, as YYYY-MM-DD",
    "source": "a text of 1 to 200 characters",
    "arm": "the key of one of the study's arms",
    "correction": "true or false",
}


@dataclass(frozen=True, slots=True)
class OutcomeRecorded:
    """revision: 1 for the first outcome of a prediction, then one more for each correction."""

    prediction_id: str
    revision: int
    record_id: str
