"""How a person with a key comes into a page that shows nothing without one: its form is sent, and answered by the page."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response

from acrcast_service.auth.callers import Caller
from acrcast_service.pages.languages import language_of, words_of
from acrcast_service.pages.rendering import page
from acrcast_service.pages.same_origin import check_same_origin
from acrcast_service.pages.sent_form import read_form, sender_of
from acrcast_service.problems import HttpProblem, ProblemType
from acrcast_service.server_state import state_of

Form = Mapping[str, str]
Answer = Callable[[Request, Caller, Form], Awaitable[Response]]


def closed(request: Request, template: str, refused: ProblemType | None = None) -> Response:
    """The page before anybody has said who asks, or why nothing is shown: nothing but the place for the key."""
    return shown(request, template, {"shown": False, "refused": refused}, status=refused.status if refused else 200)


async def opened(request: Request, template: str, scope: str, answer: Answer) -> Response:
    """What `answer` makes of the form of a caller with the scope; the closed page when it is refused.

    Raises HttpProblem when this is not the page's form.
    """
    check_same_origin(request)
    form = await read_form(request)
    try:
        return await answer(request, await sender_of(request, form, scope), form)
    except HttpProblem as refused:
        response = closed(request, template, refused.kind)
        response.headers.update(refused.headers or {})
        return response


def shown(request: Request, template: str, context: Mapping[str, object], *, status: int = 200) -> Response:
    """The page in the language that is asked for, with the words of the study that is served."""
    server = state_of(request)
    shared = {"asks_key": server.auth.asks, "shown": True, "refused": None}
    patient = None if server.models.is_empty else server.models.current.model.study.patient
    return page(request, template, words_of(language_of(request), patient), {**shared, **context}, status=status)
