"""Answers are built back into the dataclasses that they were written from, or not at all."""

import json
from dataclasses import fields

import pytest

from acrcast.client.reading import read
from acrcast.prediction import Benefit, Prediction
from acrcast.protocol import BatchAnswer, BatchRow, ProblemBody, Ready

ARM = {"arm": "drug", "probability": 0.5, "interval": [0.25, 1], "average": 0.4, "average_interval": [0.3, 0.5]}
ONE_ARM = {
    "prediction_id": "p",
    "study": "one-arm",
    "endpoint": "Response at week 8",
    "model": {"name": "made-up", "version": "1", "digest": "sha256:0", "training_data": "simulated"},
    "treated": ARM,
    "level": 0.95,
    "estimate_conditions_on": "every measure",
    "derived": {"cdai": 38},
    "explanation_scale": "log-odds",
    "explanation_baseline": 0,
    "explanation": [{"label": "Others", "contribution": 0.1}],
    "support": {"status": "edge", "measures": ["age_years"]},
    "missing": [],
    "cautions": ["simulated"],
    "intended_use": "research",
}


def given(content):
    return json.dumps(content).encode()


def test_what_is_absent_is_none_and_lists_are_tuples():
    prediction = read(Prediction, given(ONE_ARM))
    assert prediction.control is prediction.benefit is prediction.row is None
    assert prediction.treated.interval == (0.25, 1.0)
    assert prediction.explanation[0].measure is None
    assert prediction.support.measures == ("age_years",)
    assert prediction.model.training_data == "simulated"


def test_what_was_built_is_the_answer_again():
    assert read(Prediction, given(ONE_ARM)).as_answer() == ONE_ARM


def test_a_whole_number_where_numbers_are_expected_is_one():
    assert isinstance(read(Prediction, given(ONE_ARM)).derived["cdai"], float)


def test_a_member_that_a_later_server_adds_is_left_out():
    ready = read(Ready, given({"status": "ready", "model": "sha256:0", "later": {"more": 1}}))
    assert ready == Ready("ready", "sha256:0", None, None)
    assert {member.name for member in fields(ready)} == {"status", "model", "refused", "unconfirmed"}


def test_rows_of_a_batch_are_short_or_complete():
    errors = [{"field": "age_years", "message": "expected a number"}]
    head = {name: ONE_ARM[name] for name in ("study", "endpoint", "model", "level", "cautions", "intended_use")}
    rows = [{"row": 1, "errors": errors}, {"row": 2, "treated": {"probability": 0.5, "interval": [0.25, 1]}}]
    closing = {"answered": 2, "refused": 1, "complete": True}
    answer = read(BatchAnswer, given(head | {"predictions": [*rows, ONE_ARM | {"row": 3}]} | closing))
    refused, short, complete = answer.predictions
    assert isinstance(refused, BatchRow)
    assert refused.errors[0].field == "age_years"
    assert short.treated.probability == 0.5
    assert isinstance(complete, Prediction)
    assert complete.row == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        given({"difference": 0.1, "interval": [0, 0.2]}),
        given({"difference": "0.1", "interval": [0, 0.2], "probability_positive": 0.9}),
        given({"difference": True, "interval": [0, 0.2], "probability_positive": 0.9}),
        given({"difference": 0.1, "interval": [0], "probability_positive": 0.9}),
        given({"difference": 0.1, "interval": {"low": 0}, "probability_positive": 0.9}),
        b'{"difference": NaN, "interval": [0, 0.2], "probability_positive": 0.9}',
    ],
)
def test_what_is_no_such_answer_is_not_built(content):
    with pytest.raises(ValueError, match=r"expected|no JSON|another length"):
        read(Benefit, content)


def test_an_answer_that_was_broken_off_is_none():
    head = {name: ONE_ARM[name] for name in ("study", "endpoint", "model", "level", "cautions", "intended_use")}
    with pytest.raises(ValueError, match="another word"):
        read(BatchAnswer, given(head | {"answered": 0, "refused": 0, "complete": False}))


def test_a_word_that_this_client_does_not_know_is_not_taken_for_another():
    with pytest.raises(ValueError, match="another word"):
        read(Ready, given({"status": "nearly", "model": "sha256:0"}))


def test_a_problem_has_the_errors_of_its_fields():
    body = {"type": "/problems/invalid-input", "title": "The input is not valid", "status": 422}
    problem = read(ProblemBody, given(body | {"errors": [{"field": "sex", "message": "expected one of female, male"}]}))
    assert problem.errors[0].message == "expected one of female, male"
    assert problem.detail is problem.instance is None
