"""The server killed (SIGKILL) at random moments under load: whatever it answered is recorded."""

import random
import statistics

import pytest

from acrcast_service.audit.verification import verify

from .conftest import recorded


@pytest.mark.parametrize(
    ("kills", "workers"),
    [(2, 1), pytest.param(200, 1, marks=pytest.mark.slow), pytest.param(20, 2, marks=pytest.mark.slow)],
)
def test_nothing_answered_is_missing_after_kills_at_random_moments(serve, load, chain, kills, workers):
    moments, ready = random.Random(1), []
    for _ in range(kills):
        server = serve("--workers", str(workers))
        ready.append(server.ready_seconds)
        load.begin(server.port)
        load.wait_for(200)
        load.go_on(moments.uniform(0, 0.4))
        server.kill()
        load.end()
    assert load.answered
    assert set(load.answered) - recorded(chain) == set()
    assert set(load.statuses) == {200}
    verdict = verify(chain)
    assert verdict.findings == ()
    assert verdict.count >= len(load.answered)
    # of few starts beside other tests, the time would say nothing
    assert kills < 200 or statistics.median(ready) < 3
