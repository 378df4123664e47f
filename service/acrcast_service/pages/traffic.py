"""What a server's metrics say, read from their own text: of all its worker processes together, since it started."""

from collections import defaultdict
from dataclasses import dataclass
from math import inf, isinf

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class RouteTraffic:
    """Requests to one address.

    refused: answered with a status of 4xx; failed: with 5xx. median_ms, p99_ms: half, and 99 in 100, were answered within;
    None without a request, infinite beyond the longest that is told apart.
    """

    route: str
    requests: int
    refused: int
    failed: int
    median_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """routes: the busiest first. support: predictions by where the patient lay."""

    routes: tuple[RouteTraffic, ...]
    support: dict[str, int]
    waiting: int
    failures: int


def traffic_of(text: str) -> Traffic:
    """text: in Prometheus' text format."""
    requests: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    buckets: dict[str, dict[float, float]] = defaultdict(dict)
    support: dict[str, int] = defaultdict(int)
    single = {"acrcast_audit_waiting": 0, "acrcast_audit_failures_total": 0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if sample.name == "acrcast_requests_total":
                requests[labels["route"]][labels["status"][0]] += int(sample.value)
            elif sample.name == "acrcast_request_seconds_bucket":
                buckets[labels["route"]][float(labels["le"].replace("+Inf", "inf"))] = sample.value
            elif sample.name == "acrcast_predictions_total":
                support[labels["support"]] += int(sample.value)
            elif sample.name in single:
                single[sample.name] = int(sample.value)
    routes = [_route(route, dict(statuses), buckets[route]) for route, statuses in requests.items()]
    return Traffic(
        tuple(sorted(routes, key=lambda found: -found.requests)),
        dict(support),
        single["acrcast_audit_waiting"],
        single["acrcast_audit_failures_total"],
    )


def _route(route: str, statuses: dict[str, int], cumulative: dict[float, float]) -> RouteTraffic:
    return RouteTraffic(
        route,
        sum(statuses.values()),
        statuses.get("4", 0),
        statuses.get("5", 0),
        _quantile(cumulative, 0.5),
        _quantile(cumulative, 0.99),
    )


def _quantile(cumulative: dict[float, float], share: float) -> float | None:
    """In milliseconds, as Prometheus' histogram_quantile has it: evenly spread within a bucket."""
    total = cumulative.get(inf, 0.0)
    if not total:
        return None
    before, below = 0.0, 0.0
    for edge, count in sorted(cumulative.items()):
        if count >= share * total:
            if isinf(edge):
                return inf
            within = (share * total - before) / (count - before) if count > before else 1.0
            return 1000 * (below + within * (edge - below))
        before, below = count, edge
    return inf
