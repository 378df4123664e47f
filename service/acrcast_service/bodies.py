"""Reading a request's body: only what is declared, and only so much of it."""

from fastapi import Request

from acrcast.protocol import JSON
from acrcast_service.problems import BAD_REQUEST, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, HttpProblem

ANY_TYPE = ("*/*", "application/*")


async def read_json_body(request: Request, limit: int) -> bytes:
    """The body's bytes, not yet parsed. limit: bytes.

    Raises HttpProblem: 415 unless it is declared as JSON in UTF-8, not compressed; 413 past the limit, before reading more.
    """
    if media_type_of(request) != JSON:
        raise HttpProblem(UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json, in UTF-8")
    return await read_body(request, limit)


def media_type_of(request: Request) -> str:
    """The declared media type without its parameters, in small letters; "" when there is none, or it is not in UTF-8."""
    content_type = b""
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            content_type = value
    if content_type == b"application/json":
        return JSON
    essence, *parameters = (part.strip().lower() for part in content_type.split(b";"))
    charsets = [part.partition(b"=")[2].strip(b'"') for part in parameters if part.startswith(b"charset=")]
    in_utf8 = all(charset in (b"utf-8", b"utf8") for charset in charsets)
    return essence.decode("latin-1") if in_utf8 else ""


def accepted_types(request: Request) -> list[str]:
    """The media types that the client takes, the preferred first; any, when it does not say."""
    header = ",".join(value.decode("latin-1") for name, value in request.scope["headers"] if name == b"accept")
    if not header.strip():
        return [ANY_TYPE[0]]
    offered = []
    for item in header.split(","):
        essence, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        offered.append((essence, float(quality) if quality.replace(".", "", 1).isdigit() else 0.0))
    return [essence for essence, weight in sorted(offered, key=lambda item: -item[1]) if weight > 0]


async def read_body(request: Request, limit: int) -> bytes:
    """The body's bytes. limit: bytes.

    Raises HttpProblem: 415 when it is compressed; 413 past the limit, before reading more.
    """
    for name, value in request.scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > limit:
            raise _too_large(limit)
        if name == b"content-encoding" and value.lower() != b"identity":
            raise HttpProblem(UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding")
    message = await request.receive()
    parts = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body", False) and size <= limit:
        message = await request.receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > limit:
        raise _too_large(limit)
    if message["type"] == "http.disconnect":
        raise HttpProblem(BAD_REQUEST, "the connection closed before the body was complete")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def one_header(request: Request, name: bytes, longest: int) -> str | None:
    """The header's text; None when it is not sent. name: in small letters.

    Raises HttpProblem (400) when it is sent twice, is empty, longer, or not printable ASCII; without repeating it.
    """
    values = [value for sent, value in request.scope["headers"] if sent == name]
    if not values:
        return None
    text: str = values[0].decode("latin-1")
    if len(values) > 1 or not 0 < len(text) <= longest or not (text.isascii() and text.isprintable()):
        raise HttpProblem(
            BAD_REQUEST, f"{name.decode().title()}: expected once, 1 to {longest} printable ASCII characters"
        )
    return text


def _too_large(limit: int) -> HttpProblem:
    return HttpProblem(TOO_LARGE, f"this server reads at most {limit} bytes")
