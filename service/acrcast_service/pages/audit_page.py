"""The audit's page: a tenant's records, found and opened one by one, and those that were found as a file."""

import logging
from dataclasses import dataclass

from fastapi import Request, Response

from acrcast.errors import InputError, Problem
from acrcast_service.audit.export import exported
from acrcast_service.audit.records import KINDS
from acrcast_service.audit.routes import sent_in_pieces
from acrcast_service.audit.search import Found, Wanted, fits, record, related, search
from acrcast_service.auth.callers import AUDIT, Caller
from acrcast_service.basis.service import origins_of
from acrcast_service.pages.entering import Form, opened, shown
from acrcast_service.pages.recorded_view import as_json, recorded_view
from acrcast_service.pages.rendering import moment
from acrcast_service.problems import INVALID_INPUT, NOT_FOUND, HttpProblem
from acrcast_service.server_state import state_of

log = logging.getLogger("acrcast_service")

TEMPLATE = "audit.html"
# What the form's buttons ask for beside a search: one record, a file of what was found, the records before one.
OPEN, EXPORT, BEFORE = "page.open", "page.export", "page.before"
# More digits than this no sequence has.
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Sought:
    """The search as it was typed, and what is wrong with it."""

    typed: Form
    problems: tuple[Problem, ...] = ()

    def value(self, name: str) -> str:
        return self.typed.get(name, "").strip()

    def wrong(self, name: str) -> Problem | None:
        return next((problem for problem in self.problems if problem.field == name), None)


async def audit_answered(request: Request) -> Response:
    """Raises HttpProblem when this is not the page's form."""
    return await opened(request, TEMPLATE, AUDIT, _answered)


async def _answered(request: Request, caller: Caller, form: Form) -> Response:
    audit = state_of(request).audit
    chain = audit.chain
    if OPEN in form:
        return await _opened(request, caller, form)
    try:
        wanted = Wanted.of(form)
    except InputError as error:
        return _listed(request, caller, Sought(form, error.problems), None)
    if EXPORT in form:
        lines = exported(chain, which=fits(chain, caller.tenant, wanted))
        return await sent_in_pieces(audit, lines, {"Content-Disposition": 'attachment; filename="audit.jsonl"'})
    before = form.get(BEFORE, "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) <= MOST_DIGITS else None
    return _listed(request, caller, Sought(form), await audit.ask(search, chain, caller.tenant, wanted, number), number)


def _listed(
    request: Request, caller: Caller, sought: Sought, found: Found | None, before: int | None = None
) -> Response:
    """found: None when what was sought could not be looked for."""
    context = {"tenant": caller.tenant, "sought": sought, "found": found, "before": before, "kinds": KINDS}
    return shown(request, TEMPLATE, context, status=200 if found else INVALID_INPUT.status)


async def _opened(request: Request, caller: Caller, form: Form) -> Response:
    server = state_of(request)
    audit = server.audit
    found = await audit.ask(record, audit.chain, caller.tenant, form[OPEN])
    if found is None:
        raise HttpProblem(NOT_FOUND)
    if not found.is_whole:
        log.error("audit-tampered run acrcast audit verify")
    study = server.models.current.model.study
    view = recorded_view(found.inputs, found.answer, study)
    context = {
        "tenant": caller.tenant,
        "sought": Sought(form),
        "wanted": Wanted.__slots__,
        "record": found,
        "others": await audit.ask(related, audit.chain, caller.tenant, found.row),
        "study": study,
        "answer": view.answer if view else None,
        "entries": view.entries if view else [],
        "values_beside": True,
        "origins": origins_of(found.answer or {}),
        "answered_at": moment(found.row["time"]),
        "pinned": None,
        "changes": [],
        "inputs": as_json(found.inputs),
        "answer_json": as_json(found.answer),
    }
    return shown(request, "record.html", context)
