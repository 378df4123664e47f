"""Every error of every operation, written out in the form that its address has."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from acrcast.contract import Contract
from acrcast.protocol import FieldProblem, ProblemBody
from acrcast_service.answers import plain
from acrcast_service.api_docs.schemas import REF, schemas_of
from acrcast_service.error_forms import form_at
from acrcast_service.problems import (
    HEADERS_TOO_LARGE,
    INVALID_INPUT,
    PROBLEM_TYPES,
    PROBLEMS,
    ErrorForm,
    ProblemType,
    documented,
)

# Those that the framework says any operation with parameters answers. None does.
OF_THE_FRAMEWORK = ("HTTPValidationError", "ValidationError")
# Of statuses that say when to come back.
RETRY_LATER = (429, 503)
RETRY_AFTER = {
    "Retry-After": {"description": "Seconds after which to ask again", "schema": {"type": "integer", "minimum": 0}}
}


def add_problems(operation: dict[str, Any], path: str, further: Iterable[ProblemType], contract: Contract) -> None:
    """Writes out the problems that the route names, those that its access adds, and what any request may meet."""
    responses: dict[str, Any] = operation["responses"]
    if any(name in str(responses.get("422")) for name in OF_THE_FRAMEWORK):
        del responses["422"]
    for status, also in documented(*further, HEADERS_TOO_LARGE).items():
        known = responses.setdefault(str(status), {"description": "", PROBLEMS: []})
        known[PROBLEMS] = [*known.get(PROBLEMS, []), *also[PROBLEMS]]
    form = form_at(path)
    for status, response in responses.items():
        names = response.pop(PROBLEMS, [])
        if names:
            responses[status] = _response([PROBLEM_TYPES[name] for name in names], form, contract)
    responses["default"] = {"description": "Any other problem", "content": {form.media_type: _schema(form)}}


def schemas_of_forms(paths: Iterable[str]) -> dict[str, Any]:
    """Of the errors at these paths."""
    return {name: schema for path in paths for name, schema in schemas_of(form_at(path).schema).items()}


def _response(kinds: list[ProblemType], form: ErrorForm, contract: Contract) -> dict[str, Any]:
    examples = {kind.name: {"summary": kind.title, "value": plain(form.of(_example(kind, contract)))} for kind in kinds}
    response: dict[str, Any] = {
        "description": "; ".join(f"{kind.title} (`{kind.uri}`)" for kind in kinds),
        "content": {form.media_type: _schema(form) | {"examples": examples}},
    }
    return response | ({"headers": RETRY_AFTER} if kinds[0].status in RETRY_LATER else {})


def _schema(form: ErrorForm) -> dict[str, Any]:
    return {"schema": {"$ref": REF.format(model=form.schema.__name__)}}


def _example(kind: ProblemType, contract: Contract) -> ProblemBody:
    body = ProblemBody(kind.uri, kind.title, kind.status, None, None, None)
    if kind is not INVALID_INPUT:
        return body
    field = contract.fields[0]
    return replace(body, errors=(FieldProblem(field.name, f"expected {field.expected}"),))
