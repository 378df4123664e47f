"""Checks what no linter knows of this tree: `python -m docs.check_tree` prints each finding and exits 1 if there is any.

The files are those that git tracks, and those that it would: new and not ignored.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from docs.one_home import defined_twice, repeats_in_module, repeats_in_page

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("models/", "training/", "service/")
STUDIES = "models/acrcast/studies/"
# manifests of models, which hold digests
MODELS = ("models/acrcast/released/", "tests/golden/format-")
LOCK = "requirements.lock"
ANY_LOCK = re.compile(r"requirements[\w-]*\.lock")


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder and the paths in it, relative and with forward slashes, that belong to the project."""

    root: Path
    paths: tuple[str, ...]

    @classmethod
    def of_git(cls, root: Path) -> "Tree":
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  git is on the path
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return cls(root, tuple(sorted({path for path in listing.split("\0") if path and (root / path).is_file()})))

    def text(self, path: str) -> str:
        """What the file says; bytes that are no text are dropped."""
        return (self.root / path).read_text(encoding="utf-8", errors="ignore")


def secrets(tree: Tree) -> Iterator[str]:
    """Anything that looks like a secret. A false alarm is marked on its line: `pragma: allowlist secret`, and why."""
    with default_settings():
        for path in tree.paths:
            holds_digests = path.startswith(MODELS) or ANY_LOCK.fullmatch(path)
            for found in scan_file(str(tree.root / path)):
                if not (holds_digests and found.type == "Hex High Entropy String"):
                    yield f"{path}:{found.line_number}: looks like a secret ({found.type})"


def machine(tree: Tree) -> Iterator[str]:
    """Addresses of package registries and absolute paths of a machine."""
    needles = re.compile(r"pypi\.org|registry\.npmjs|files\.pythonhosted|(?<![\w.])/(?:root|work)/")
    for path in tree.paths:
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if found := needles.search(line):
                yield f"{path}:{number}: names {found[0]}, which belongs to one machine or registry"


def locks(tree: Tree) -> Iterator[str]:
    """Requirements without an exact version or a hash, addresses, and locks that disagree with the whole one."""
    whole = {_pinned(requirement) for requirement in _requirements(tree.text(LOCK))}
    for path in filter(ANY_LOCK.fullmatch, tree.paths):
        for requirement in _requirements(tree.text(path)):
            name = requirement.split()[0]
            if not re.match(r"[\w.\[\],-]+==\S+ ", requirement) or "--hash=sha256:" not in requirement:
                yield f"{path}: {name} has no exact version with a hash"
            if "://" in requirement or " @ " in requirement:
                yield f"{path}: {name} has an address"
            if _pinned(requirement) not in whole:
                yield f"{path}: {name} differs from {LOCK}: run make lock"


def _requirements(lock: str) -> list[str]:
    lines = re.sub(r"\\\n\s*", "", lock).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _pinned(requirement: str) -> str:
    """Version and hashes, without the platforms that the requirement is for."""
    return re.sub(r" ;.*?(?= --hash)", "", requirement)


def links(tree: Tree) -> Iterator[str]:
    """Links in Markdown to files that are not there."""
    for path in tree.paths:
        if not path.endswith(".md"):
            continue
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", tree.text(path), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:src|href)=\"([^\"]+)\"", prose):
            local = "".join(target).split("#")[0]
            elsewhere = "://" in local or local.startswith("mailto:")
            if local and not elsewhere and not (tree.root / path).parent.joinpath(local).exists():
                yield f"{path}: links to {local}, which is not there"


def one_home(tree: Tree) -> Iterator[str]:
    """A measure's code, label or range written outside its study, or twice in it."""
    searches = {".py": repeats_in_module, ".html": repeats_in_page, ".js": repeats_in_page}
    for path in tree.paths:
        suffix = Path(path).suffix
        if path.startswith(PACKAGES) and suffix in searches:
            search = defined_twice if path.startswith(STUDIES) and suffix == ".py" else searches[suffix]
            yield from (f"{path}: {repeat}" for repeat in search(tree.text(path)))


CHECKS: tuple[Callable[[Tree], Iterator[str]], ...] = (secrets, machine, locks, links, one_home)


def findings(tree: Tree) -> list[str]:
    """Everything that any check found, in a stable order."""
    return [f"{check.__name__}: {finding}" for check in CHECKS for finding in check(tree)]


def main(arguments: Sequence[str]) -> int:
    """Check the tree at the path given, or this one."""
    found = findings(Tree.of_git(Path(arguments[0]) if arguments else ROOT))
    print("\n".join(found) if found else "the tree is clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
