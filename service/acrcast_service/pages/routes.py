"""The pages for people: `/` with its form, the model, the operator's and the audit's, and one for each problem type."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse

from acrcast_service.auth.callers import ADMIN, AUDIT, PREDICT, needs_in_form, open_to_all
from acrcast_service.pages import audit_page, operator_page
from acrcast_service.pages.entering import closed
from acrcast_service.pages.languages import ENGLISH, words_of
from acrcast_service.pages.model_page import model_page
from acrcast_service.pages.rendering import ASSETS, page
from acrcast_service.pages.sent_form import refuse_other_than_form
from acrcast_service.pages.service import empty_page, form_answered, scores_answered
from acrcast_service.problems import NOT_FOUND, PROBLEM_TYPES, HttpProblem

router = APIRouter(include_in_schema=False)


@router.get("/")
@open_to_all
async def landing(request: Request) -> Response:
    return empty_page(request)


@router.post("/")
@needs_in_form(PREDICT)
async def predict_form(request: Request) -> Response:
    await refuse_other_than_form(request, PREDICT)
    return await form_answered(request)


@router.post("/pages/scores")
@needs_in_form(PREDICT)
async def scores(request: Request) -> Response:
    await refuse_other_than_form(request, PREDICT)
    return await scores_answered(request)


@router.get("/model/page")
@open_to_all
async def model(request: Request) -> Response:
    return model_page(request)


@router.get("/operator")
@open_to_all
async def operator_closed(request: Request) -> Response:
    return closed(request, operator_page.TEMPLATE)


@router.post("/operator")
@needs_in_form(ADMIN)
async def operator(request: Request) -> Response:
    await refuse_other_than_form(request, ADMIN)
    return await operator_page.operator_answered(request)


@router.get("/audit")
@open_to_all
async def audit_closed(request: Request) -> Response:
    return closed(request, audit_page.TEMPLATE)


@router.post("/audit")
@needs_in_form(AUDIT)
async def audit(request: Request) -> Response:
    await refuse_other_than_form(request, AUDIT)
    return await audit_page.audit_answered(request)


@router.get("/pages/assets/{name}")
@open_to_all
async def asset(name: str) -> Response:
    if name not in ASSETS:
        raise HttpProblem(NOT_FOUND)
    # a page names them with their version
    return FileResponse(ASSETS[name], headers={"Cache-Control": "public, max-age=31536000, immutable"})


@router.get("/problems")
@open_to_all
async def problems(request: Request) -> Response:
    kinds = PROBLEM_TYPES.values()
    if _wants_plain(request):
        return PlainTextResponse("".join(f"{kind.uri}\t{kind.status}\t{kind.title}\n" for kind in kinds))
    return page(request, "problems.html", words_of(ENGLISH), {"kinds": kinds})


@router.get("/problems/{name}")
@open_to_all
async def problem(request: Request, name: str) -> Response:
    kind = PROBLEM_TYPES.get(name)
    if kind is None:
        raise HttpProblem(NOT_FOUND)
    if _wants_plain(request):
        return PlainTextResponse(f"{kind.title}\nStatus {kind.status}, type {kind.uri}\n\n{kind.help}\n")
    return page(request, "problem.html", words_of(ENGLISH), {"kind": kind})


def _wants_plain(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/plain" in accepted and "text/html" not in accepted
