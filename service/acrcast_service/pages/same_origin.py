"""Was a form sent from a page of this server: another site's page must not make a browser send one."""

from urllib.parse import urlsplit

from fastapi import Request

from acrcast_service.problems import BAD_REQUEST, HttpProblem


def check_same_origin(request: Request) -> None:
    """Raises HttpProblem (400) when the browser says that another site's page sent this.

    Browsers say so in Sec-Fetch-Site, where the connection is trustworthy, and in Origin always. What says nothing is no
    browser, and carries nobody's access by itself.
    """
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:
        is_ours = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not is_ours:
        raise HttpProblem(BAD_REQUEST, "this form was sent from a page of another site")
