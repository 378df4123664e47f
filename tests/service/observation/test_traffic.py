"""What is read out of the metrics: requests by address and status, and within which step of the histogram they were answered."""

from math import inf

import pytest

from acrcast_service.observation.metrics import Metrics
from acrcast_service.observation.traffic import Traffic, traffic_of


@pytest.fixture
def metrics():
    return Metrics()


def answered(metrics, route, *seconds, status=200):
    for each in seconds:
        metrics.began()
        metrics.ended(route, "GET", status, each)
    metrics.count()


def test_before_any_request_there_is_no_address(metrics):
    assert traffic_of(metrics.collected()) == Traffic((), 0, 0)


def test_statuses_are_told_by_their_first_digit_and_the_busiest_address_comes_first(metrics):
    answered(metrics, "/model", 0.002)
    answered(metrics, "/predict", 0.002, 0.002)
    answered(metrics, "/predict", 0.002, status=422)
    answered(metrics, "/predict", 0.002, 0.002, status=503)
    first, second = traffic_of(metrics.collected()).routes
    assert (first.route, first.requests, first.refused, first.failed) == ("/predict", 5, 1, 2)
    assert (second.route, second.requests, second.refused, second.failed) == ("/model", 1, 0, 0)


@pytest.mark.parametrize(
    ("seconds", "half_ms"),
    [
        # one request has no half
        ([0.002], None),
        # half of two is one: it was within 2.5 ms
        ([0.002, 0.02], 2.5),
        ([0.002, 0.02, 0.02], 25),
        # on a step is within it
        ([0.05, 0.05], 50),
        # beyond the last step, a minute
        ([61, 61], inf),
    ],
)
def test_half_of_the_requests_were_answered_within_a_step(metrics, seconds, half_ms):
    answered(metrics, "/predict", *seconds)
    assert traffic_of(metrics.collected()).routes[0].half_ms == half_ms


def test_99_in_100_need_a_hundred_requests(metrics):
    answered(metrics, "/predict", *[0.002] * 98, 0.2)
    assert traffic_of(metrics.collected()).routes[0].most_ms is None
    answered(metrics, "/predict", 0.2)
    # 98 within 2.5 ms are too few, 100 within 250 ms
    assert traffic_of(metrics.collected()).routes[0].most_ms == 250


def test_records_that_wait_and_attempts_that_failed_are_told(metrics):
    metrics.audit(3, 2)
    found = traffic_of(metrics.collected())
    assert (found.waiting, found.failures) == (3, 2)
