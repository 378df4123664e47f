"""Metrics for Prometheus. With several worker processes each writes files in one folder, which any of them adds up.

No label holds anything that a client chose: routes are templates, methods those of HTTP, callers are left out.
"""

import os
from collections import Counter as Tally
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

import acrcast

# a series of times of birth for every series says nothing here
disable_created_metrics()  # type: ignore[no-untyped-call]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

# Seconds: a prediction takes about a millisecond, a batch up to a minute.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)

# Requests that are counted together, which takes a third of the time that one after the other takes.
TOGETHER = 256


class Metrics:
    """Of one server process."""

    def __init__(self) -> None:
        # where several processes write, values are found by name: a registry of its own keeps one application's apart
        self._own = CollectorRegistry()
        self._requests = Counter(
            "acrcast_requests", "Answered requests", ("route", "method", "status"), registry=self._own
        )
        self._seconds = Histogram(
            "acrcast_request_seconds", "From request to end of answer", ("route",), buckets=BUCKETS, registry=self._own
        )
        self._predictions = Counter(
            "acrcast_predictions",
            "Predictions that were recorded and answered",
            ("model", "support"),
            registry=self._own,
        )
        self._in_progress = self._waiting = 0
        self._gauges = (
            self._gauge("acrcast_requests_in_progress", "Requests that are being answered"),
            self._gauge("acrcast_audit_waiting", "Records that wait to be written"),
        )
        # between processes a gauge must be written whenever it changes; within one it is asked for
        self._shared = FOLDER in os.environ
        if not self._shared:
            self._gauges[0].set_function(lambda: self._in_progress)
            self._gauges[1].set_function(lambda: self._waiting)
        self._failures = Counter(
            "acrcast_audit_failures", "Attempts to write records that the database refused", registry=self._own
        )
        self._seen_failures = 0
        self._looks = Counter(
            "acrcast_model_looks",
            "How often a model's source was looked at, by what came of it",
            ("model", "outcome"),
            registry=self._own,
        )
        self._shadow = Counter(
            "acrcast_challenger_predictions",
            "Predictions of the challenger that were made, dropped or failed",
            ("outcome",),
            registry=self._own,
        )
        build = Gauge(
            "acrcast_build_info",
            "1, of the version in its label",
            ("version",),
            registry=self._own,
            multiprocess_mode="max",
        )
        build.labels(acrcast.__version__).set(1)
        # not yet counted: a route, method and status with the seconds, and a model and support with the number
        self._ended: list[tuple[str, str, int, float]] = []
        self._predicted: Tally[tuple[str, str]] = Tally()
        # what other processes are asked for cannot wait
        self._together = 1 if self._shared else TOGETHER

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self._own, multiprocess_mode="livesum")

    def began(self) -> None:
        self._in_progress += 1
        if self._shared:
            self._gauges[0].set(self._in_progress)

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts an answered request. route: a template."""
        self._in_progress -= 1
        if self._shared:
            self._gauges[0].set(self._in_progress)
        self._ended.append((route, method, status, seconds))
        if len(self._ended) >= self._together:
            self.count()

    def predictions(self, model: str, support: str, count: int) -> None:
        """Part of the request that ends next."""
        self._predicted[model, support] += count

    def count(self) -> None:
        """What has ended up to now; to be called before `written` and `collected`, by the thread that tells of requests."""
        ended, self._ended = self._ended, []
        for (route, method, status), count in Tally(request[:3] for request in ended).items():
            self._requests.labels(route, method, str(status)).inc(count)
        for route in {request[0] for request in ended}:
            observe = self._seconds.labels(route).observe
            for of, _, _, seconds in ended:
                if of == route:
                    observe(seconds)
        predicted, self._predicted = self._predicted, Tally()
        for (model, support), count in predicted.items():
            self._predictions.labels(model, support).inc(count)

    def looked(self, model: Literal["champion", "challenger"], outcome: str) -> None:
        """The source of that model was looked at."""
        self._looks.labels(model, outcome).inc()

    def shadowed(self, outcome: str) -> None:
        """The challenger predicted, or did not."""
        self._shadow.labels(outcome).inc()

    def audit(self, waiting: int, failures: int) -> None:
        """waiting: records now. failures: since the server started."""
        if self._shared and waiting != self._waiting:
            self._gauges[1].set(waiting)
        self._waiting = waiting
        if failures > self._seen_failures:
            self._failures.inc(failures - self._seen_failures)
            self._seen_failures = failures

    def written(self) -> bytes:
        """What was counted, in Prometheus' text format."""
        return generate_latest(self._registry())

    def collected(self) -> Iterable[Metric]:
        """What was counted, of all worker processes together."""
        return self._registry().collect()

    def _registry(self) -> CollectorRegistry:
        folder = os.environ.get(FOLDER)
        if folder is None:
            return self._own
        for file in Path(folder).glob("gauge_live*_*.db"):
            _forget_if_dead(int(file.stem.rpartition("_")[2]), folder)
        together = CollectorRegistry()
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        return together


def _forget_if_dead(process: int, folder: str) -> None:
    """A worker that was killed has nothing in progress."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        mark_process_dead(process, folder)  # type: ignore[no-untyped-call]
    except PermissionError:
        return
