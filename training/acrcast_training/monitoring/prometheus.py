"""A look as gauges in a file for the node exporter's textfile collector."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

from acrcast.errors import UsageError
from acrcast.validation.performance import Estimate
from acrcast.watching.judging import Look, Monitoring

ENDING = ".prom"
PREFIX = "acrcast_monitor"


def write_gauges(monitoring: Monitoring, path: Path) -> None:
    """Write the file at once: the exporter never reads half of it. Raises UsageError where it would not be read."""
    if path.suffix != ENDING:
        raise UsageError(f"--prometheus {path}: the node exporter reads files that end in {ENDING}")
    if not path.parent.is_dir():
        raise UsageError(f"--prometheus {path}: there is no such folder")
    registry = CollectorRegistry()
    gauges = _Gauges(registry, monitoring.model.digest)
    gauges.set("look_timestamp_seconds", "Time of the look", monitoring.as_of.timestamp())
    for look in monitoring.looks:
        _add(gauges, look)
    write_to_textfile(str(path), registry)


class _Gauges:
    """Makes each gauge when it is first set. Every one has the model's digest as a label."""

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self._registry, self._model = registry, model
        self._made: dict[str, Gauge] = {}

    def set(self, name: str, said: str, value: float, **labels: str) -> None:
        if not isfinite(value):
            return
        labels = {"model": self._model, **labels}
        if name not in self._made:
            self._made[name] = Gauge(f"{PREFIX}_{name}", said, [*labels], registry=self._registry)
        self._made[name].labels(**labels).set(value)


def _add(gauges: _Gauges, look: Look) -> None:
    counts: Mapping[str, int] = {
        "predicted": look.counts.patients,
        "not_due": look.counts.not_due,
        "early": look.counts.early,
        "received": look.counts.received,
        "overdue": look.counts.overdue,
    }
    for state, count in counts.items():
        gauges.set("patients", "Patients by where their outcome is", count, tenant=look.tenant, state=state)
    for status, count in look.inputs.support.counts.items():
        gauges.set("support", "Patients by where they lie", count, tenant=look.tenant, status=status)
    for reading, found in (("received", look.received), ("missing_as_failed", look.missing_as_failed)):
        if found is not None:
            figures = {
                "observed_over_expected": found.observed_over_expected,
                "calibration_intercept": found.intercept,
                "calibration_slope": found.slope,
                "log_loss_gain": found.gain,
            }
            for name, estimate in figures.items():
                _estimate(gauges, name, estimate, tenant=look.tenant, reading=reading)
    for signal in look.signals:
        of = {"tenant": look.tenant, "code": signal.code, "measure": signal.measure}
        gauges.set(
            "evidence",
            "The most evidence so far; under the hypothesis the chance of ever reaching x is at most 1/x",
            signal.evidence,
            **of,
        )
        gauges.set("evidence_line", "At which evidence counts", signal.line, **of)
        gauges.set("alarm", "1 where it counts, matters and was not accepted", signal.alarm, **of)


def _estimate(gauges: _Gauges, name: str, found: Estimate, **labels: str) -> None:
    for bound, value in (("value", found.value), ("low", found.low), ("high", found.high)):
        gauges.set(name, "With limits that hold at all looks", value, **labels, bound=bound)
