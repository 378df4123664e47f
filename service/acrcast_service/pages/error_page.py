"""An error as whoever opened an address in a browser reads it."""

from functools import partial

from fastapi import Request

from acrcast.protocol import ProblemBody
from acrcast_service.pages.languages import language_of, words_of
from acrcast_service.pages.rendering import PAGE_MAY, rendered
from acrcast_service.problems import ErrorForm


def page_form(request: Request) -> ErrorForm:
    words = words_of(language_of(request))
    headers = (("Content-Security-Policy", PAGE_MAY), ("Content-Language", words.language.tag), ("Vary", "Accept"))
    written = partial(rendered, request.url.path, "error.html", words)
    return ErrorForm(
        "text/html", ProblemBody, lambda body: body, lambda body: written({"problem": body}).encode(), headers
    )
