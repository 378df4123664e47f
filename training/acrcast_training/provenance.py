"""Which code, data and libraries made a model."""

import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import acrcast
from acrcast.artefact import Provenance
from acrcast_training.data.cohort import Cohort

# What decides the numbers; a model that ships lies beside its code and is not part of it.
CODE = (":/models", ":/training", ":(exclude,top)models/acrcast/released")
CHANGES, UNKNOWN = "+changes", "unknown"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
RELEASE = re.compile(r"release \S+")
LIBRARIES = ("numpy", "scipy", "xgboost", "scikit-learn", "pandas", "mlflow", "pydantic")


def provenance(cohort: Cohort, name: str, seed: int) -> Provenance:
    """The record that goes into a model trained on this cohort."""
    fingerprint = cohort.fingerprint
    return Provenance(
        name=name,
        version=f"{acrcast.__version__}+{fingerprint[:8]}.{seed}",
        training_data=cohort.data_kind,
        data_fingerprint=fingerprint,
        code_revision=code_revision(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        library_versions={library: _version(library) for library in LIBRARIES},
        data_mapping=cohort.mapping,
    )


def code_revision(here: Path = Path(__file__).parent) -> str:
    """The commit of a source checkout, with `+changes` when files differ from it; else the installed release's version.

    "unknown" for files that neither a repository tracks nor a release installed. here: the folder of this package.
    """
    try:
        # a package may be installed below somebody else's repository, whose commit says nothing about it
        _git(here, "ls-files", "--error-unmatch", "provenance.py")
        revision = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):
        return f"release {acrcast.__version__}" if _installed(here) else UNKNOWN
    return revision + (CHANGES if changed else "")


def _installed(here: Path) -> bool:
    """Whether the files are those of an installed release, and not of a copy or a checkout that was installed in place."""
    try:
        return Path(str(distribution("acrcast").locate_file(here.name))).resolve() == here.resolve()
    except PackageNotFoundError:
        return False


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  fixed words


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
