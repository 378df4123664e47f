"""What a request is told when it cannot be recorded."""

from acrcast_service.problems import AUDIT_UNAVAILABLE, HttpProblem


def unavailable() -> HttpProblem:
    return HttpProblem(AUDIT_UNAVAILABLE, headers={"Retry-After": "1"})
