"""`make supply`: refuses licences, asks for known vulnerabilities, and writes bills of materials into build/supply.

Exit code 0: nothing is known against any package. 1: a licence is refused, or something is known. 2: nothing is refused, and
the database of vulnerabilities did not answer about every package, so that it cannot be judged.
"""

import subprocess
import sys
from pathlib import Path

from supply.licences import licences, refused
from supply.locks import LOCKS, ROOT
from supply.vulnerabilities import audit

FOLDER = ROOT / "build" / "supply"
PASSED, FOUND, CANNOT_JUDGE = 0, 1, 2


def bill_of_materials(lock: Path, folder: Path) -> Path:
    """CycloneDX of a lock, with every hash; the same lock gives the same bytes."""
    target = folder / f"{lock.stem}.cdx.json"
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(lock), "--output-reproducible"]
    about = ["--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(target)]
    subprocess.run([*command, *about], check=True)  # noqa: S603  a module of the environment
    return target


def main() -> int:
    """What was found, in words, and the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found, judged = False, True
    for name in LOCKS:
        lock = ROOT / name
        bill = bill_of_materials(lock, FOLDER)
        against = list(refused(licences(lock), name))
        audited = audit(lock)
        print(f"{name}: {LOCKS[name]}")
        print(f"  bill of materials  {bill.relative_to(ROOT)}")
        print(f"  licences           {'refused' if against else 'allowed, each of them'}")
        print(f"  vulnerabilities    {audited.verdict}")
        for line in (*against, *audited.known):
            print(f"    {line}")
        if audited.failure:
            print(f"    pip-audit failed: {audited.failure}")
        if audited.unasked:
            print(f"    no answer about {len(audited.unasked)} of {audited.packages} packages")
        found = found or bool(against) or audited.verdict == "vulnerable"
        judged = judged and audited.verdict != "cannot judge"
    if found:
        return FOUND
    if not judged:
        print("CANNOT JUDGE: the database of vulnerabilities did not answer. Run this where it can be reached.")
        return CANNOT_JUDGE
    print("Nothing is known against any package, and each licence is allowed.")
    return PASSED


if __name__ == "__main__":
    sys.exit(main())
