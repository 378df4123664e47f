"""Where what was measured stands in the docs."""

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
PERFORMANCE = DOCS / "performance.md"


def put(name: str, content: str) -> None:
    """Replace what docs/performance.md has between `<!-- name -->` and `<!-- end of name -->`. Raises ValueError where it has none."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    page = PERFORMANCE.read_text(encoding="utf-8")
    first, last = page.index(begin) + len(begin), page.index(end)
    PERFORMANCE.write_text(f"{page[:first]}\n\n{content.strip()}\n\n{page[last:]}", encoding="utf-8")
