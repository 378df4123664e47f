"""Which code, data and libraries made a model."""

import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import acrcast
from acrcast.artefact import Provenance
from acrcast_training.data.cohort import Cohort

# What decides the numbers; a model that ships lies beside its code and is not part of it.
CODE = (":/models", ":/training", ":(exclude,top)models/acrcast/released")
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
    )


def code_revision() -> str:
    """The commit of a source checkout, with `+changes` when files differ from it; else the release's version."""
    here = Path(__file__).parent
    try:
        revision = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", *CODE)
    except (OSError, subprocess.CalledProcessError):
        return f"release {acrcast.__version__}"
    return revision + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  fixed words


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
