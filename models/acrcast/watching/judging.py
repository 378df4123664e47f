"""One look at a model that serves: for each tenant who was predicted for, what came of it, and what is an alarm."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from acrcast.errors import UsageError
from acrcast.prediction import ModelIdentity
from acrcast.response_model import ResponseModel
from acrcast.watching.calibration import Reading, reading, signals
from acrcast.watching.inputs import InputsSeen, inputs_seen
from acrcast.watching.patients import Due, Patients, received, received_or_failed
from acrcast.watching.recorded import Recorded
from acrcast.watching.signals import Rules, Signal

ALL = "all tenants"


@dataclass(frozen=True, slots=True)
class Counts:
    """predictions: of these patients. not_due: their outcome does not count yet; early: of which it is known already.

    due: received and overdue together.
    """

    predictions: int
    patients: int
    not_due: int
    early: int
    due: int
    received: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of one tenant's patients. missing_as_failed: where an outcome is overdue, else None."""

    tenant: str
    counts: Counts
    inputs: InputsSeen
    received: Reading
    missing_as_failed: Reading | None
    signals: tuple[Signal, ...]

    @property
    def alarms(self) -> tuple[Signal, ...]:
        return tuple(signal for signal in self.signals if signal.alarm)


@dataclass(frozen=True, slots=True)
class Monitoring:
    """One look. since: predictions from before take no part; None: all do. rules: how was judged.

    erased: predictions of which nothing can be read any more. of_others: those of other models, by digest.
    """

    model: ModelIdentity
    candidate: str
    study: str
    endpoint: str
    as_of: datetime
    since: datetime | None
    due: Due
    rules: Rules
    erased: int
    of_others: Mapping[str, int]
    looks: tuple[Look, ...]

    @property
    def alarms(self) -> tuple[tuple[str, Signal], ...]:
        """With the tenant of each."""
        return tuple((look.tenant, signal) for look in self.looks for signal in look.alarms)


def monitor(
    model: ResponseModel,
    recorded: Recorded,
    *,
    due: Due,
    rules: Rules,
    as_of: datetime,
    since: datetime | None = None,
) -> Monitoring:
    """Look at each tenant, and where there are several at all together.

    since: predictions from before take no part; whoever moves it because of what was seen begins anew to count false alarms.
    Raises UsageError when there is none since.
    """
    predictions = [found for found in recorded.predictions if since is None or found.time >= since]
    if not predictions:
        raise UsageError("--since: no prediction is from that day or later")
    tenants = sorted({prediction.tenant for prediction in predictions})
    groups = {tenant: [found for found in predictions if found.tenant == tenant] for tenant in tenants}
    if len(tenants) > 1:
        groups[ALL] = predictions
    looks = [
        _look(model, tenant, Patients.of(model.study, found, due, as_of), rules) for tenant, found in groups.items()
    ]
    return Monitoring(
        model=model.identity,
        candidate=model.candidate,
        study=model.study.key,
        endpoint=model.study.endpoint.title,
        as_of=as_of,
        since=since,
        due=due,
        rules=rules,
        erased=recorded.erased,
        of_others=recorded.of_others,
        looks=tuple(looks),
    )


def _look(model: ResponseModel, tenant: str, patients: Patients, rules: Rules) -> Look:
    arrived = received(patients, rules.arm)
    inputs, of_inputs = inputs_seen(model, patients, rules)
    overdue = patients.count("overdue")
    either_way = received_or_failed(patients, rules.arm) if overdue else None
    return Look(
        tenant=tenant,
        counts=Counts(
            predictions=patients.predictions,
            patients=len(patients.first),
            not_due=patients.count("not due"),
            early=patients.early,
            due=patients.count("received") + overdue,
            received=patients.count("received"),
            overdue=overdue,
        ),
        inputs=inputs,
        received=reading(model, arrived, rules.level),
        missing_as_failed=None if either_way is None else reading(model, either_way, rules.level),
        signals=(*signals(model, arrived, rules), *of_inputs),
    )
