"""What a caller is told who is not let in."""

from acrcast_service.problems import IDENTITY_UNAVAILABLE, MISSING_SCOPE, UNAUTHENTICATED, HttpProblem

CHALLENGE = 'Bearer realm="acrcast"'


def unauthenticated(detail: str | None = None) -> HttpProblem:
    """detail: what is wrong with what was sent, without repeating it; None when nothing was sent."""
    challenge = CHALLENGE if detail is None else f'{CHALLENGE}, error="invalid_token"'
    return HttpProblem(UNAUTHENTICATED, detail or "no key was sent", {"WWW-Authenticate": challenge})


def missing_scope(scope: str) -> HttpProblem:
    challenge = f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'
    return HttpProblem(MISSING_SCOPE, f"this needs the scope {scope}", {"WWW-Authenticate": challenge})


def identity_unavailable() -> HttpProblem:
    return HttpProblem(IDENTITY_UNAVAILABLE, headers={"Retry-After": "5"})
