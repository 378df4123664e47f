"""Templates to pages: in a language, with what a browser is allowed to do on them, and nothing from another host."""

import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from acrcast.validation.performance import Estimate
from acrcast_service.pages.languages import LANGUAGES, Language, Words, words_of

HERE = Path(__file__).parent
ASSETS = {name: HERE / "assets" / name for name in ("page.css", "page.js", "icon.svg")}

# No inline script or style: what a text could smuggle in would not run.
PAGE_MAY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(
    request: Request,
    template: str,
    words: Words,
    context: Mapping[str, object],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """words: that texts of the study are said with."""
    content = rendered(request.url.path, template, words, context)
    said = {"Content-Security-Policy": PAGE_MAY, "Content-Language": words.language.tag, "Vary": "Accept-Language"}
    return HTMLResponse(content, status, {**said, **(headers or {})})


def rendered(path: str, template: str, words: Words, context: Mapping[str, object]) -> str:
    """The page as text. path: of its address, from which its links lead."""
    return (
        environment(words.language)
        .get_template(template)
        .render(
            words=words,
            told=words.told,
            plain=words.plain,
            languages=LANGUAGES,
            root="../" * (path.count("/") - 1),
            path=path.lstrip("/"),
            version=_version(),
            **context,
        )
    )


@lru_cache(maxsize=len(LANGUAGES))
def environment(language: Language) -> jinja2.Environment:
    """Says the templates' own sentences in the language."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    own = words_of(language)
    made.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension
        own.gettext, lambda one, many, n: own.gettext(one if n == 1 else many), newstyle=True
    )
    made.globals["language"] = language
    made.filters |= {"untagged": untagged, "signed": signed, "hundredfold": hundredfold, "moment": moment}
    return made


def signed(number: float, decimals: int) -> str:
    """With its sign, and without one when it rounds to nothing."""
    shown = f"{number:+.{decimals}f}"
    return shown.replace("-", "\N{MINUS SIGN}") if float(shown) else shown.lstrip("+-")


def moment(time: str) -> str:
    """A time in UTC for who reads it. time: in ISO 8601."""
    return f"{time[:10]} {time[11:16]} UTC"


def hundredfold(found: Estimate) -> Estimate:
    """A share in per cent."""
    return Estimate(100 * found.value, 100 * found.low, 100 * found.high)


def untagged(text: str) -> Markup:
    """Escaped text without its marks of language and without empty lines in a row. text: of templates, hence escaped."""
    lines = [line.strip() for line in re.sub(r"<[^>]*>", "", text).strip().splitlines()]
    return Markup("\n".join(line for line, before in zip(lines, ["", *lines], strict=False) if line or before))  # noqa: S704


@lru_cache(maxsize=1)
def _version() -> str:
    """Changes whenever a style or script does, so that a browser may keep them for good."""
    return sha256(b"".join(path.read_bytes() for path in ASSETS.values())).hexdigest()[:12]
