"""Where clients reach this server."""

from starlette.types import Scope

from acrcast_service.settings import Settings


def public_address(settings: Settings, scope: Scope) -> str:
    """The address without a slash at its end: the operator's, or that of the socket, never what the client says it is."""
    if settings.public_url is not None:
        return settings.public_url
    host, port = scope["server"]
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}:{port}" if port else f"http://{named}"
