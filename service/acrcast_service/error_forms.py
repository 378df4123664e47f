"""In which form an error leaves: RFC 9457, unless the address belongs to a protocol that has a form of its own."""

from collections.abc import Mapping

from acrcast_service.open_inference.errors import INFERENCE_ERROR
from acrcast_service.problems import RFC_9457, ErrorForm

# By the first part of the address.
FORMS: Mapping[str, ErrorForm] = {"v2": INFERENCE_ERROR}


def form_at(path: str) -> ErrorForm:
    """The form of every error at this address, also where there is nothing."""
    return FORMS.get(path.lstrip("/").partition("/")[0], RFC_9457)
