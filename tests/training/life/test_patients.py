"""Who counts, when, and how an outcome that does not come is read."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from acrcast.studies import load_study
from acrcast.watching.patients import Due, Patients, received, received_or_failed
from acrcast.watching.recorded import read_recorded

from .conftest import BEGIN, DAY, ONE_ARM

DUE = Due(168, 28)
CONTROL, TREATED = "placebo+mtx", "ld-il2+mtx"


@pytest.fixture
def counted(clinic, released):
    def of(as_of):
        with clinic.export().open("rb") as lines:
            found = read_recorded(lines, "export", released.study, released.identity.digest, as_of=as_of)
        return Patients.of(released.study, found.predictions, DUE, as_of)

    return of


def test_a_patient_counts_once_however_often_the_page_was_opened(clinic, people, counted):
    for day in (0, 1, 2):
        clinic.predict(people.patients[day], BEGIN + day * DAY, subject="P-1")
    clinic.predict(people.patients[0], BEGIN, subject="P-2")
    clinic.predict(people.patients[0], BEGIN)
    found = counted(BEGIN + 10 * DAY)
    assert (found.predictions, len(found.first)) == (5, 3)
    assert found.first[0].time == BEGIN


def test_the_same_reference_of_two_tenants_is_two_patients(clinic, people, counted):
    for tenant in ("north", "south"):
        clinic.predict(people.patients[0], BEGIN, subject="P-1", tenant=tenant)
    assert len(counted(BEGIN + DAY).first) == 2


def test_the_outcome_may_be_of_a_later_prediction_than_the_first(clinic, people, counted):
    clinic.predict(people.patients[0], BEGIN, subject="P-1")
    second = clinic.predict(people.patients[1], BEGIN + DAY, subject="P-1")
    third = clinic.predict(people.patients[2], BEGIN + 2 * DAY, subject="P-1")
    clinic.outcome(second, BEGIN + 170 * DAY, responded=True, arm=TREATED)
    clinic.outcome(third, BEGIN + 170 * DAY, responded=True, arm=TREATED)
    found = counted(BEGIN + 300 * DAY)
    assert [prediction.record_id for prediction in found.followed] == [second.record_id]
    assert found.first[0].record_id != second.record_id


def test_an_outcome_counts_24_weeks_and_the_grace_after_its_prediction(clinic, people, counted):
    known, unknown = (clinic.predict(people.patients[i], BEGIN) for i in (0, 1))
    clinic.outcome(known, BEGIN + 50 * DAY, responded=False, arm=TREATED)
    assert unknown.record_id != known.record_id
    early = counted(BEGIN + 195 * DAY)
    assert (early.count("not due"), early.early, early.count("overdue")) == (2, 1, 0)
    assert len(received(early, None)) == 0
    then = counted(BEGIN + 196 * DAY)
    assert (then.count("received"), then.count("overdue"), then.early) == (1, 1, 0)
    assert received(then, None).day.tolist() == [(BEGIN + 196 * DAY).toordinal()]


def test_an_outcome_judges_the_risk_of_the_arm_that_it_names(clinic, people, counted):
    for arm in (CONTROL, TREATED):
        clinic.outcome(clinic.predict(people.patients[0], BEGIN), BEGIN + 170 * DAY, responded=True, arm=arm)
    found = counted(BEGIN + 300 * DAY)
    one = found.first[0]
    assert received(found, None).risk.tolist() == [one.control, one.treated]
    assert received(found, None).treated.tolist() == [0, 1]


def test_an_outcome_that_names_no_arm_is_left_out_and_counted_unless_one_is_given(clinic, people, counted):
    clinic.outcome(clinic.predict(people.patients[0], BEGIN), BEGIN + 170 * DAY, responded=True)
    clinic.outcome(clinic.predict(people.patients[0], BEGIN), BEGIN + 170 * DAY, responded=True, arm="no such arm")
    found = counted(BEGIN + 300 * DAY)
    assert (len(received(found, None)), received(found, None).arm_unknown) == (0, 2)
    given = received(found, CONTROL)
    assert (given.risk.tolist(), given.arm_unknown) == ([found.first[0].control], 1)


def test_what_is_overdue_is_read_as_no_response_beside_by_the_mean_of_both_risks(clinic, people, counted):
    """Of three received two were treated: a third and two thirds."""
    for arm in (CONTROL, TREATED, TREATED):
        clinic.outcome(clinic.predict(people.patients[0], BEGIN), BEGIN + 170 * DAY, responded=True, arm=arm)
    missing = clinic.predict(people.patients[1], BEGIN + DAY)
    found = counted(BEGIN + 300 * DAY)
    assert missing.record_id == found.followed[3].record_id
    both = received_or_failed(found, None)
    assert both.y.tolist() == [1, 1, 1, 0]
    lost = found.followed[3]
    assert both.risk[3] == pytest.approx(lost.treated * 2 / 3 + lost.control / 3)
    assert received_or_failed(found, CONTROL).risk[3] == lost.control
    assert len(received(found, None)) == 3


def test_without_any_outcome_the_arm_of_the_missing_cannot_be_known(clinic, people, counted):
    clinic.predict(people.patients[0], BEGIN)
    found = counted(BEGIN + 300 * DAY)
    assert len(received_or_failed(found, None)) == 0
    assert received_or_failed(found, TREATED).risk.tolist() == [found.first[0].treated]


def test_days_are_those_in_utc():
    from datetime import date, datetime, timedelta, timezone

    from acrcast.watching.patients import days

    evening = datetime(2025, 1, 6, 23, tzinfo=timezone(timedelta(hours=-5)))
    assert days([evening]).tolist() == [date(2025, 1, 7).toordinal()]
    assert days([]).dtype == np.int64


def test_an_outcome_counts_after_the_week_of_the_endpoint_and_the_grace():
    assert Due.of(load_study("ld-il2-ra")) == Due(168, 28)
    assert Due.of(load_study("auranofin-ra"), grace=7) == Due(154, 7)


def test_without_a_week_nobody_knows_when_an_outcome_counts(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(ONE_ARM)
    assert Due.of(load_study(str(path))) is None
    century = timedelta(days=36_525)
    assert (
        Due.never().on(SimpleNamespace(time=datetime(2026, 1, 1, tzinfo=UTC)))
        == datetime(2026, 1, 1, tzinfo=UTC) + century
    )
