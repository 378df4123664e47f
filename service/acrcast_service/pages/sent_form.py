"""Reading a form as a browser sends it, and who sends it: the key may be one of its entries."""

from urllib.parse import parse_qsl

from fastapi import Request

from acrcast_service.auth.callers import Caller
from acrcast_service.bodies import media_type_of, read_body
from acrcast_service.problems import BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, HttpProblem
from acrcast_service.server_state import state_of

FORM = "application/x-www-form-urlencoded"
KEY = "page.key"
MOST_ENTRIES = 500


async def read_form(request: Request) -> dict[str, str]:
    """The entries of a form. Raises HttpProblem: 400 when it cannot be one, and as `read_body` does."""
    body = await read_body(request, state_of(request).settings.body_limit_bytes)
    try:
        entries = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_ENTRIES, errors="strict")
    except ValueError:
        # its message may repeat what was sent
        raise HttpProblem(BAD_REQUEST, "expected a form's entries, URL-encoded in UTF-8") from None
    if len(dict(entries)) != len(entries):
        raise HttpProblem(BAD_REQUEST, "an entry of the form was given more than once")
    return dict(entries)


async def sender_of(request: Request, form: dict[str, str], scope: str) -> Caller:
    """Who sent the form: by the key in it, or else by its header. Raises as `Auth.caller` and `Auth.count` do."""
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    key = form.get(KEY, "").strip()
    if key:
        headers = [header for header in headers if header[0] != b"authorization"]
        headers.append((b"authorization", b"Bearer " + key.encode()))
    auth = state_of(request).auth
    caller = request.scope["caller"] = await auth.caller(headers, scope)
    auth.count(caller)
    return caller


async def refuse_other_than_form(request: Request, scope: str) -> None:
    """Raises HttpProblem for a body that is no form: as for any guarded route, or 415 to a caller who may ask."""
    if media_type_of(request) != FORM:
        await sender_of(request, {}, scope)
        raise HttpProblem(UNSUPPORTED_MEDIA_TYPE, f"this is a page's form: send {FORM}, or JSON to /predict")
