"""What the docs name as proof is there: every test, by its file and its name."""

import re

NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


def test_every_test_that_the_docs_name_is_there(project):
    named = {
        (page.name, *found)
        for page in sorted((project / "docs").rglob("*.md"))
        for found in NAMED.findall(page.read_text(encoding="utf-8"))
    }
    assert len(named) > 30
    lost = [
        (page, path, name)
        for page, path, name in sorted(named)
        if not (project / path).is_file()
        or (name and not re.search(rf"^def {name}\(", (project / path).read_text(encoding="utf-8"), re.MULTILINE))
    ]
    assert lost == []
