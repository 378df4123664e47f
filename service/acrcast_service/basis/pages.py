"""The page itself, and the one for a link that leads nowhere any more. Neither sends its own address, which opens it, anywhere."""

from fastapi import Request, Response

from acrcast_service.basis.service import Basis
from acrcast_service.pages.languages import language_of, words_of
from acrcast_service.pages.recorded_view import as_json, recorded_view
from acrcast_service.pages.rendering import moment, page
from acrcast_service.problems import ProblemType
from acrcast_service.server_state import state_of


def basis_page(request: Request, basis: Basis) -> Response:
    study = state_of(request).models.current.model.study
    view = recorded_view(basis.inputs, basis.answer, study)
    context = {
        "basis": basis,
        "study": study,
        "answer": view.answer if view else None,
        "entries": view.entries if view else [],
        "values_beside": True,
        "answered_at": moment(basis.recorded),
        "pinned": None,
        "changes": [],
        "inputs": as_json(basis.inputs),
        "answer_json": as_json(basis.answer),
        # with it the page opens in the other language too
        "opens": {name: request.query_params[name] for name in ("until", "seal")},
    }
    return page(request, "basis.html", words_of(language_of(request), study.patient), context)


def problem_page(request: Request, kind: ProblemType) -> Response:
    """For whoever follows a link that leads nowhere any more."""
    return page(request, "link.html", words_of(language_of(request)), {"kind": kind}, status=kind.status)
