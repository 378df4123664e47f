"""Where each page of the site stands: under the reader whom it is for.

A page that is listed and is not there yet is left out. A page that is there and not listed stops the build.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

INDEX = "docs/index.md"

# Paths from the root of the project, each with the title that the navigation shows, or None for the page's own.
# A pattern stands for all that it matches, by name.
ROLES: Mapping[str, Mapping[str, str | None]] = {
    "Start": {
        "README.md": "What acrcast is",
        "docs/first-ten-minutes.md": None,
        "docs/glossary.md": None,
    },
    "Rheumatologist": {
        "docs/page.md": None,
        "docs/model-card.md": None,
        "notebooks/everybody_counts.py": "Notebook: everybody counts",
        "notebooks/reading_a_decision_curve.py": "Notebook: reading a decision curve",
    },
    "Trial statistician": {
        "docs/own-study.md": None,
        "docs/trial-tables.md": None,
        "docs/data-checks.md": "Data checks",
        "docs/statistics.md": None,
        "docs/operating-characteristics.md": None,
        "docs/support.md": "Support",
        "docs/gates.md": None,
        "docs/simulator.md": None,
        "docs/monitoring.md": None,
        "docs/retraining.md": None,
        "docs/cli.md": None,
        "notebooks/from_table_to_report.py": "Notebook: from a table to a report",
        "notebooks/what_small_trials_teach.py": "Notebook: what a small trial can teach",
    },
    "Integration and operation": {
        "docs/integrate.md": None,
        "docs/api.md": "Batches",
        "docs/fields.md": None,
        "docs/fhir.md": None,
        "docs/cds-hooks.md": None,
        "docs/running.md": None,
        "docs/deployment.md": None,
        "docs/operating.md": None,
        "docs/security.md": "Security and privacy",
        "docs/audit.md": None,
        "docs/supply-chain.md": None,
        "docs/scale.md": None,
        "docs/performance.md": "Performance",
        "notebooks/calling_the_service.py": "Notebook: calling the service",
    },
    "Contributor": {
        "CONTRIBUTING.md": None,
        "docs/decisions/README.md": None,
        "docs/decisions/[0-9]*.md": None,
        "CHANGELOG.md": None,
    },
}


def sources(root: Path) -> Iterator[str]:
    """Every page of the site, as patterns of paths from `root`; all of docs/ and notebooks/, so that none is forgotten."""
    yield from (INDEX, "docs/**.md", "notebooks/**.py")
    yield from (page for pages in ROLES.values() for listed in pages for page in _found(root, listed))


def as_toctrees(root: Path, roles: Mapping[str, Mapping[str, str | None]] = ROLES) -> str:
    """The navigation in MyST's notation: one hidden table of contents for each role that has a page."""
    trees = {
        role: [_entry(page, title) for listed, title in pages.items() for page in _found(root, listed)]
        for role, pages in roles.items()
    }
    return "".join(_toctree(role, entries) for role, entries in trees.items() if entries)


def _toctree(role: str, entries: Sequence[str]) -> str:
    lines = ("", "", "```{toctree}", ":hidden:", f":caption: {role}", "", *entries, "```", "")
    return "\n".join(lines)


def _entry(page: str, title: str | None) -> str:
    return f"/{page}" if title is None else f"{title} </{page}>"


def _found(root: Path, listed: str) -> list[str]:
    return [path.relative_to(root).as_posix() for path in sorted(root.glob(listed))]
