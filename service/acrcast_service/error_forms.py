"""In which form an error leaves: RFC 9457, unless the address belongs to a protocol that has a form of its own.

Whoever opens an address in a browser reads a page.
"""

from collections.abc import Mapping

from fastapi import Request
from starlette.types import Scope

from acrcast_service.fhir.outcomes import OPERATION_OUTCOME
from acrcast_service.open_inference.errors import INFERENCE_ERROR
from acrcast_service.problems import RFC_9457, ErrorForm

# By how the address begins. CDS Hooks asks a service for OperationOutcomes too (CDS Hooks 2.0, HTTP Status Codes; 3.0
# ballot, Returning OperationOutcome).
FORMS: Mapping[str, ErrorForm] = {
    "/fhir/": OPERATION_OUTCOME,
    "/cds-services/": OPERATION_OUTCOME,
    "/v2/": INFERENCE_ERROR,
}
# Where all that is below an address has a form, and the address itself.
ITSELF: Mapping[str, ErrorForm] = {"/v2": INFERENCE_ERROR}


def form_at(path: str) -> ErrorForm:
    """The form of every error at this address, also where there is nothing."""
    below = (form for beginning, form in FORMS.items() if path.startswith(beginning))
    return ITSELF.get(path) or next(below, RFC_9457)


def form_of(scope: Scope) -> ErrorForm:
    """The form of an error that answers this request."""
    form = form_at(scope["path"])
    if form is not RFC_9457 or not _opened_in_a_browser(scope):
        return form
    from acrcast_service.pages.error_page import page_form  # noqa: PLC0415  a server that only predicts needs no page

    return page_form(Request(scope))


def _opened_in_a_browser(scope: Scope) -> bool:
    """A program that asks for JSON, or for anything, gets JSON."""
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return scope["method"] == "GET" and b"text/html" in accepted and b"json" not in accepted
