"""The page itself: HTML without script, with a style of its own."""

import base64
from hashlib import sha256
from pathlib import Path

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from acrcast_service.basis.service import Basis
from acrcast_service.problems import ProblemType

HERE = Path(__file__).parent

STYLE = (HERE / "style.css").read_text(encoding="utf-8")
_STYLE_DIGEST = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
PAGE_MAY = f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.filters["percent"] = lambda share: f"{100 * share:.0f}"
# never a negative zero
_TEMPLATES.filters["log_odds"] = lambda value: f"{round(value, 2) + 0.0:+.2f}"
_TEMPLATES.filters["points"] = lambda share: f"{100 * share:+.0f}"


def basis_page(basis: Basis) -> Response:
    return _page("basis.html", basis=basis, answer=basis.answer)


def problem_page(kind: ProblemType) -> Response:
    """For whoever follows a link that leads nowhere any more."""
    return _page("problem.html", kind.status, kind=kind)


def _page(template: str, status: int = 200, **shown: object) -> Response:
    content = _TEMPLATES.get_template(template).render(style=STYLE, **shown)
    return HTMLResponse(content, status, {"Content-Security-Policy": PAGE_MAY})
