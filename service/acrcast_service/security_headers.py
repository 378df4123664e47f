"""What every answer tells a browser and the caches on its way."""

from collections.abc import Sequence

Header = tuple[bytes, bytes]

NOTHING = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]

# A route that shows a page, or a file that never changes, says otherwise itself.
UNLESS_SAID = [(b"cache-control", b"no-store"), (b"content-security-policy", NOTHING)]
MAY_BE_SAID = {name for name, _ in UNLESS_SAID}
USUAL = [*ALWAYS, *UNLESS_SAID]


def with_security(headers: Sequence[Header]) -> list[Header]:
    """The headers of an answer, and those that every answer has."""
    said = [name for name, _ in headers if name in MAY_BE_SAID]
    return [*headers, *([header for header in USUAL if header[0] not in said] if said else USUAL)]
