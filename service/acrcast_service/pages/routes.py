"""The page at `/`, and one for each problem type: HTML, or plain text for whoever asks for that."""

from html import escape

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from acrcast_service.auth.callers import open_to_all
from acrcast_service.problems import NOT_FOUND, PROBLEM_TYPES, HttpProblem
from acrcast_service.server_state import state_of

router = APIRouter(include_in_schema=False)


@router.get("/")
@open_to_all
async def landing(request: Request) -> Response:
    model = state_of(request).models.current.model
    study, identity = model.study, model.identity
    return _page(
        "acrcast",
        f"<p>{escape(study.title)}. Predicts: {escape(study.endpoint.title)}.</p>"
        f"<p><strong>{escape(study.intended_use)}</strong></p>"
        f"<p>Model {escape(identity.name)} {escape(identity.version)}, trained on {identity.training_data} data.</p>"
        '<ul><li><a href="docs">How to ask it: the API</a></li>'
        '<li><a href="model">The model and the fields of a patient</a></li>'
        '<li><a href="model/card">The model&rsquo;s card</a></li></ul>',
    )


@router.get("/problems")
@open_to_all
async def problems(request: Request) -> Response:
    kinds = PROBLEM_TYPES.values()
    if _wants_plain(request):
        return PlainTextResponse("".join(f"{kind.uri}\t{kind.status}\t{kind.title}\n" for kind in kinds))
    rows = "".join(
        f'<li>{kind.status} <a href="problems/{kind.name}">{kind.name}</a>: {escape(kind.title)}</li>' for kind in kinds
    )
    return _page("Problems that this server answers with", f"<ul>{rows}</ul>")


@router.get("/problems/{name}")
@open_to_all
async def problem(request: Request, name: str) -> Response:
    kind = PROBLEM_TYPES.get(name)
    if kind is None:
        raise HttpProblem(NOT_FOUND)
    if _wants_plain(request):
        return PlainTextResponse(f"{kind.title}\nStatus {kind.status}, type {kind.uri}\n\n{kind.help}\n")
    return _page(kind.title, f"<p>Status {kind.status}, type <code>{kind.uri}</code>.</p><p>{escape(kind.help)}</p>")


def _wants_plain(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "text/plain" in accepted and "text/html" not in accepted


def _page(title: str, content: str) -> Response:
    """A page without style or script. content: HTML."""
    return HTMLResponse(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title></head><body><h1>{escape(title)}</h1>{content}</body></html>\n"
    )
