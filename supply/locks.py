"""The locks, and which of their packages this machine installs."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

# What each lock is for, from what reaches a patient's data first.
LOCKS: Mapping[str, str] = MappingProxyType(
    {
        "requirements-service.lock": "the server's image",
        "requirements-training.lock": "training's image",
        "requirements.lock": "development",
        "requirements-build.lock": "building the wheel",
    }
)


def packages(lock: Path) -> dict[str, Requirement]:
    """Every package of a lock by its name in canonical form, also those that other platforms alone install."""
    lines = [line.partition(" \\")[0] for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def installed_here(lock: Path) -> list[str]:
    """Names of those packages that belong on this platform."""
    return [name for name, found in packages(lock).items() if found.marker is None or found.marker.evaluate()]
