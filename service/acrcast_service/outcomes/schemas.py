"""What is expected of an outcome's fields; what one is stands in `acrcast.outcome`."""

EXPECTED = {
    "prediction_id": "the prediction_id of a prediction, a UUID",
    "responded": "true or false",
    "observed_on": "a day that is not in the future, as YYYY-MM-DD",
    "source": "a text of 1 to 200 characters",
    "arm": "the key of one of the study's arms",
    "correction": "true or false",
}
