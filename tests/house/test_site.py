"""The docs as a site: every link and anchor leads somewhere, and nothing is fetched when a page is viewed."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


def build(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """The site without running the notebooks, which have tests of their own."""
    options = ("--fail-on-warning", "--keep-going", "--quiet", "-D", "nb_execution_mode=off", "--doctree-dir")
    command = [sys.executable, "-m", "sphinx", *options, target / "doctrees", "--conf-dir", root / "docs" / "site"]
    return subprocess.run([*command, root, target / "site"], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = build(project, target)
    assert built.returncode == 0, built.stderr
    return target / "site"


@pytest.fixture
def planted(project: Path, tmp_path: Path) -> Callable[[str], str]:
    """What the build says of a site of one page with this text; empty when it is fine."""
    root = tmp_path / "project"
    shutil.copytree(project / "docs" / "site", root / "docs" / "site", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "docs" / "__init__.py").touch()
    (root / "README.md").write_text("# Home\n\n## A heading\n")

    def build_with(text: str) -> str:
        (root / "docs" / "index.md").write_text(f"# Index\n\n{text}\n")
        built = build(root, tmp_path)
        assert (built.returncode == 0) == (built.stderr == "")
        return built.stderr

    return build_with


def test_links_and_anchors_that_lead_somewhere_are_fine(planted: Callable[[str], str]) -> None:
    assert planted("[page](../README.md) [part](../README.md#a-heading) [code](site/conf.py)") == ""


LEADS_NOWHERE = {
    "[x](gone.md)": "cross-reference target not found: 'gone.md'",
    "[x](../README.md#gone)": "local id not found in doc 'README': 'gone'",
    "[x](#gone-too)": "cross-reference target not found: 'gone-too'",
    "![x](gone.png)": "image file not readable: docs/gone.png",
}


def test_what_leads_nowhere_stops_the_build(planted: Callable[[str], str]) -> None:
    said = planted("\n\n".join(LEADS_NOWHERE))
    assert [warning for warning in LEADS_NOWHERE.values() if warning not in said] == []


def test_a_page_that_is_nowhere_in_the_navigation_stops_the_build(
    planted: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "project" / "docs" / "unlisted.md").write_text("# Nobody finds this\n")
    assert "document isn't included in any toctree" in planted("")


class _Loads(HTMLParser):
    """Addresses that a browser fetches by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        of = dict(attrs)
        self.found.append(of.get(LOADS.get(tag, "")) or "")


def test_no_page_loads_anything_from_a_network(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        loads = _Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert [address for address in loads.found if re.match(r"(?:https?:)?//", address)] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8")), style


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_the_screen_and_asks_nobody(site: Path, browser, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark") as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        for path in sorted([*site.glob("*/**/*.html"), site / "README.html"]):
            page.goto(path.as_uri())
            assert page.evaluate(wider) == 0, path
        assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


def test_search_works_from_the_files_alone(site: Path, browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((site / "search.html").as_uri() + "?q=fingerprint")
        page.wait_for_selector("#search-results ul.search li a")
        assert "docs/own-study.html" in (page.get_attribute("#search-results a[href*='own-study']", "href") or "")


def test_the_front_door_leads_to_the_index(site: Path, browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto((site / "index.html").as_uri())
        page.wait_for_url("**/docs/index.html")


def test_a_formula_needs_no_script(site: Path) -> None:
    assert "<math" in (site / "docs" / "statistics.html").read_text(encoding="utf-8")
