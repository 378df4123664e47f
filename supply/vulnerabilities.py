"""What pip-audit knows against the packages of a lock; where it could not ask, that nothing is known of them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Audited:
    """Of one lock. known: a line for each vulnerability. unasked: packages that the database did not answer about.

    failure: why nothing at all could be asked, else empty.
    """

    lock: str
    packages: int
    known: tuple[str, ...]
    unasked: tuple[str, ...]
    failure: str = ""

    @property
    def verdict(self) -> str:
        """`vulnerable` when anything is known, else `cannot judge` unless every package was answered about, else `nothing known`."""
        if self.known:
            return "vulnerable"
        return "cannot judge" if self.unasked or self.failure or not self.packages else "nothing known"


def audit(lock: Path) -> Audited:
    """Ask pip-audit's database about every package of a lock, also those of other platforms."""
    options = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json")
    command = [sys.executable, "-m", "pip_audit", *options, "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  a module of the environment
    return read(lock.name, done.stdout, done.stderr)


def read(lock: str, said: str, complained: str = "") -> Audited:
    """What pip-audit's report means. It passes over packages that it was told nothing about, and then says that all is well."""
    try:
        found = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = complained.strip().splitlines()
        return Audited(lock, 0, (), (), lines[-1] if lines else "pip-audit said nothing")
    known = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version'}"
        for package in found
        for found in package.get("vulns", [])
    ]
    return Audited(lock, len(found), tuple(known), tuple(p["name"] for p in found if "skip_reason" in p))
