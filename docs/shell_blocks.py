"""The commands that a page shows, as a test runs them."""

import re
from collections.abc import Sequence
from pathlib import Path

SECTION = re.compile(r"^## (?P<title>.+?)\n(?P<text>.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def of_section(page: Path, title: str) -> Sequence[str]:
    """The shell blocks of one section, in their order. Raises ValueError when there is no such section, or none in it."""
    sections = {found["title"]: found["text"] for found in SECTION.finditer(page.read_text(encoding="utf-8"))}
    blocks = BLOCK.findall(sections.get(title, ""))
    if not blocks:
        raise ValueError(f"{page}: no shell blocks under {title!r}; sections are {', '.join(sections)}")
    return blocks
