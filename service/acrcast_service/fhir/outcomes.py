"""Every error under `/fhir`, and of a service of CDS Hooks, is an OperationOutcome, wherever in the server it arose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from acrcast.protocol import FieldProblem, ProblemBody
from acrcast_service.fhir.canonical import FHIR_JSON, PROBLEMS
from acrcast_service.problems import ErrorForm

# FHIR R4, IssueType, by the status that a problem is answered with.
ISSUE_TYPES: Mapping[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    409: "conflict",
    410: "expired",
    412: "incomplete",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    429: "throttled",
    431: "too-long",
    500: "exception",
    503: "transient",
}

# A place in the request, as FHIRPath writes it; anything else is the name of a field.
PLACE = re.compile(r"(?:Bundle|Parameters)(?:\.[A-Za-z]+(?:\[\d+\])?)*")


@dataclass(frozen=True, slots=True)
class IssueCoding:
    """The kind of problem.

    system: of all kinds. code: the name of this one, for good; `/problems/CODE` explains it.
    """

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class IssueDetails:
    """The kind of problem.

    coding: as a code. text: in words.
    """

    coding: tuple[IssueCoding, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong. Never holds a value that was sent.

    severity: always error. code: of FHIR's IssueType. details: the kind of problem. diagnostics: what was expected.
    expression: the place in the request.
    """

    severity: Literal["error"]
    code: str
    details: IssueDetails
    diagnostics: str | None = None
    expression: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class OperationOutcome:
    """An error, as FHIR R4 writes it.

    resourceType: always OperationOutcome. issue: what is wrong.
    """

    resourceType: Literal["OperationOutcome"]  # noqa: N815  the specification's own name
    issue: tuple[Issue, ...]


def operation_outcome(problem: ProblemBody) -> OperationOutcome:
    """An issue for each field that is not valid, or one for the request."""
    kind = IssueDetails((IssueCoding(PROBLEMS, problem.type.rpartition("/")[2]),), problem.title)
    told = "; ".join(filter(None, (problem.detail, problem.instance)))
    whole = Issue("error", ISSUE_TYPES[problem.status], kind, told or None)
    issues = tuple(_of_field(whole, error) for error in problem.errors or ())
    return OperationOutcome("OperationOutcome", issues or (whole,))


def _of_field(issue: Issue, error: FieldProblem) -> Issue:
    if PLACE.fullmatch(error.field):
        return replace(issue, diagnostics=error.message, expression=(error.field,))
    told = f"{error.field}: {error.message}" if error.field else error.message
    return replace(issue, diagnostics=told)


OPERATION_OUTCOME = ErrorForm(FHIR_JSON, OperationOutcome, operation_outcome)
