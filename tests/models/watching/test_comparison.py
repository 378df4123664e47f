"""A challenger held against the champion: figures worked by hand, and what is too few to judge."""

from datetime import UTC, date, datetime, timedelta
from math import isnan, log
from uuid import UUID, uuid4

import pytest

from acrcast.outcome import Outcome
from acrcast.studies import load_study
from acrcast.watching.comparison import compared_models
from acrcast.watching.patients import Due
from acrcast.watching.recorded import Recorded, RecordedPrediction
from acrcast.watching.signals import Rules

NOW = datetime(2026, 6, 1, tzinfo=UTC)
STUDY = load_study("ld-il2-ra")
DUE = Due(168, 28)


def a_pair(champion, challenger, *, responded=None, days_ago=250, arm="ld-il2+mtx"):
    """The two predictions for one patient: risks of the treated arm, and in the control's 0.1 less."""
    name, time = str(uuid4()), NOW - timedelta(days=days_ago)
    outcome = None
    if responded is not None:
        outcome = Outcome(
            prediction_id=UUID(name), responded=responded, observed_on=date(2026, 5, 5), source="registry", arm=arm
        )

    def prediction(record_id, risk):
        return RecordedPrediction(
            record_id=record_id,
            about=name,
            time=time,
            tenant="north",
            subject=name,
            treated=risk,
            control=risk - 0.1,
            support="inside",
            patient=None,
            outcome=outcome,
        )

    return prediction(name, champion), prediction(str(uuid4()), challenger)


def compared(pairs):
    champion, challenger = zip(*pairs, strict=True) if pairs else ((), ())
    return compared_models(STUDY, Recorded(champion, 0, {}), Recorded(challenger, 0, {}), DUE, Rules(), NOW)


def test_of_30_patients_the_mean_difference_and_the_share_that_is_far_are_told():
    found = compared([a_pair(0.5, 0.65) for _ in range(6)] + [a_pair(0.5, 0.45) for _ in range(24)])
    assert found.patients == 30
    # (6 x 0.15 - 24 x 0.05) / 30
    assert found.difference.value == pytest.approx(-0.01)
    assert found.difference.low < -0.01 < found.difference.high
    assert found.far.value == pytest.approx(0.2)


def test_below_30_patients_a_mean_is_not_judged():
    found = compared([a_pair(0.5, 0.65) for _ in range(29)])
    assert (found.patients, isnan(found.difference.value), isnan(found.gain.value)) == (29, True, True)


def test_the_gain_is_that_of_the_log_loss_in_the_arm_of_the_treatment():
    pairs = [a_pair(0.5, 0.8, responded=True) for _ in range(30)]
    assert compared(pairs).gain.value == pytest.approx(log(0.8) - log(0.5))
    # in the control's arm the risks are 0.4 and 0.7
    pairs = [a_pair(0.5, 0.8, responded=True, arm="placebo+mtx") for _ in range(30)]
    assert compared(pairs).gain.value == pytest.approx(log(0.7) - log(0.4))
    assert compared(pairs).outcomes == 30


def test_outcomes_that_are_not_due_or_name_no_arm_take_no_part():
    pairs = [a_pair(0.5, 0.8, responded=True, days_ago=195), a_pair(0.5, 0.8, responded=True, arm=None)]
    found = compared([*pairs, a_pair(0.5, 0.8, responded=False)])
    assert (found.patients, found.outcomes) == (3, 1)


def test_patients_of_one_of_the_two_take_no_part():
    both, alone = a_pair(0.5, 0.6), a_pair(0.5, 0.6)
    found = compared_models(STUDY, Recorded((both[0], alone[0]), 0, {}), Recorded((both[1],), 0, {}), DUE, Rules(), NOW)
    assert found.patients == 1


def test_without_a_patient_nothing_is_judged():
    found = compared([])
    assert (found.patients, found.outcomes) == (0, 0)
    assert isnan(found.far.value)
