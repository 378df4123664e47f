"""What a server's metrics say of its traffic: of all its worker processes together, since it started."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from prometheus_client import Metric


@dataclass(frozen=True, slots=True)
class RouteTraffic:
    """Requests to one address.

    refused: answered with a status of 4xx; failed: with 5xx. half_ms, most_ms: within which half, and 99 in 100, were answered:
    edges of the histogram, infinite beyond its last. None where there are too few requests to say.
    """

    route: str
    requests: int
    refused: int
    failed: int
    half_ms: float | None
    most_ms: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """routes: the busiest first. waiting: records of the audit that are not written yet. failures: attempts to write them."""

    routes: tuple[RouteTraffic, ...]
    waiting: int
    failures: int


def traffic_of(metrics: Iterable[Metric]) -> Traffic:
    requests: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    within: dict[str, dict[float, float]] = defaultdict(dict)
    single = {"acrcast_audit_waiting": 0, "acrcast_audit_failures_total": 0}
    for metric in metrics:
        for sample in metric.samples:
            if sample.name == "acrcast_requests_total":
                requests[sample.labels["route"]][sample.labels["status"][0]] += int(sample.value)
            elif sample.name == "acrcast_request_seconds_bucket":
                within[sample.labels["route"]][float(sample.labels["le"])] = sample.value
            elif sample.name in single:
                single[sample.name] = int(sample.value)
    routes = [_route(route, statuses, within[route]) for route, statuses in requests.items()]
    return Traffic(
        tuple(sorted(routes, key=lambda found: (-found.requests, found.route))),
        single["acrcast_audit_waiting"],
        single["acrcast_audit_failures_total"],
    )


def _route(route: str, statuses: Mapping[str, int], within: Mapping[float, float]) -> RouteTraffic:
    return RouteTraffic(
        route,
        sum(statuses.values()),
        statuses.get("4", 0),
        statuses.get("5", 0),
        _within(within, 0.5),
        _within(within, 0.99),
    )


def _within(within: Mapping[float, float], share: float) -> float | None:
    """Milliseconds: the edge within which that share was answered; None where not one request is expected beyond it.

    within: how many were answered within each edge, in seconds.
    """
    total = within.get(inf, 0.0)
    # of 99 requests none is the one in a hundred
    if total * (1 - share) < 1 - 1e-9:
        return None
    return 1000 * min(edge for edge, count in within.items() if count >= share * total)
