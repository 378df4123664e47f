"""The audit's page: a tenant's records, found and opened one by one, and all of them as a file."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from acrcast.prediction import Prediction
from acrcast.studies import Study
from acrcast_service.audit.routes import JSON_LINES, lines_of
from acrcast_service.audit.search import KINDS, MOST, OpenedRecord, Wanted, record, search
from acrcast_service.auth.callers import AUDIT, Caller
from acrcast_service.pages.answer_view import answer_view
from acrcast_service.pages.form import Typed, entries
from acrcast_service.pages.languages import ENGLISH, words_of
from acrcast_service.pages.rendering import page
from acrcast_service.pages.same_origin import check_same_origin
from acrcast_service.pages.sent_form import read_form, sender_of
from acrcast_service.problems import BAD_REQUEST, NOT_FOUND, HttpProblem
from acrcast_service.server_state import state_of

# What the form's buttons ask for beside a search.
OPEN, EXPORT = "page.open", "page.export"
DAY = re.compile(r"|\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
LONGEST = 200


def closed_page(request: Request) -> Response:
    """Before anybody has said who asks: nothing but the place for the key."""
    return _page(request, "audit.html", {"shown": False, "refused": None})


async def audit_answered(request: Request) -> Response:
    """Raises HttpProblem when this is not the page's form."""
    check_same_origin(request)
    form = await read_form(request)
    try:
        caller = await sender_of(request, form, AUDIT)
        if EXPORT in form:
            return await _export(request, caller, form)
        if OPEN in form:
            return await _opened(request, caller, form[OPEN])
        return await _found(request, caller, form)
    except HttpProblem as refused:
        response = _page(request, "audit.html", {"shown": False, "refused": refused.kind}, refused.kind.status)
        response.headers.update(refused.headers or {})
        return response


async def _found(request: Request, caller: Caller, form: Typed) -> Response:
    wanted, audit = _wanted(form), state_of(request).audit
    found = await audit.ask(search, audit.chain, caller.tenant, wanted)
    context = {"shown": True, "refused": None, "tenant": caller.tenant, "wanted": wanted, "found": found}
    return _page(request, "audit.html", context | {"kinds": KINDS, "most": MOST})


async def _export(request: Request, caller: Caller, form: Typed) -> Response:
    """As `GET /audit/records`, for a browser to keep as a file."""
    pieces = await lines_of(state_of(request).audit, caller.tenant, _wanted(form).since)
    return StreamingResponse(
        pieces, media_type=JSON_LINES, headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    )


async def _opened(request: Request, caller: Caller, number: str) -> Response:
    server = state_of(request)
    found = await server.audit.ask(record, server.audit.chain, caller.tenant, number[:LONGEST])
    if found is None:
        raise HttpProblem(NOT_FOUND)
    about = await server.audit.ask(search, server.audit.chain, caller.tenant, Wanted(number=found.row["record_id"]))
    study = server.models.current.model.study
    others = [row for row in about.records if row["record_id"] != found.row["record_id"]]
    shown = _as_shown(found, study) if found.row["study"] == study.key else None
    context = {
        "record": found,
        "others": others,
        "tenant": caller.tenant,
        "study": study,
        "refused": None,
        "answer": shown.view if shown else None,
        "entries": shown.entries if shown else [],
        "answered_at": found.row["time"][:16].replace("T", " ") + " UTC",
        "pinned": None,
        "changes": [],
        "inputs": _pretty(found.inputs),
        "answer_json": _pretty(found.answer),
    }
    return _page(request, "record.html", context)


@dataclass(frozen=True, slots=True)
class _Shown:
    view: Any
    entries: list[Any]


def _as_shown(found: OpenedRecord, study: Study) -> _Shown | None:
    """The answer as the page of predictions shows it; None for a record of another kind, or of an earlier form."""
    if found.answer is None or found.inputs is None or "treated" not in found.answer:
        return None
    answer = {name: value for name, value in found.answer.items() if name != "origin"}
    try:
        view = answer_view(Prediction.of(answer), study)
    except (KeyError, TypeError):
        return None
    return _Shown(view, entries(study.contract, study.assays, _typed(found.inputs)))


def _typed(patient: Mapping[str, Any]) -> Typed:
    """A recorded patient as it would be typed."""

    def text(value: object) -> str:
        if isinstance(value, Mapping):
            return f"{value.get('comparator', '')}{value.get('value', '')}"
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return {name: text(value) for name, value in patient.items()}


def _wanted(form: Typed) -> Wanted:
    """Raises HttpProblem (400) for a kind that there is not, or a day that is none."""
    texts = {name: form.get(name, "").strip()[:LONGEST] for name in ("number", "subject", "kind", "since", "until")}
    if texts["kind"] not in ("", *KINDS) or not all(DAY.fullmatch(texts[name]) for name in ("since", "until")):
        raise HttpProblem(BAD_REQUEST, "expected a kind of record, and days as YYYY-MM-DD")
    return Wanted(**texts)


def _pretty(content: Mapping[str, Any] | None) -> str:
    return "" if content is None else json.dumps(content, indent=1, ensure_ascii=False)


def _page(request: Request, template: str, context: Mapping[str, object], status: int = 200) -> Response:
    shared = {"asks_key": state_of(request).auth.asks}
    study = state_of(request).models.current.model.study
    return page(request, template, words_of(ENGLISH, study.patient), {**shared, **context}, status=status)
