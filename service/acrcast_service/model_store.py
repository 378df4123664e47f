"""The model that this server answers with, and where it is read from."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from acrcast import artefact
from acrcast.answer import Bedside
from acrcast.errors import ArtefactError, UsageError
from acrcast.response_model import ResponseModel
from acrcast.studies import load_study
from acrcast_service.patients import PatientReader
from acrcast_service.problems import NOT_READY, HttpProblem
from acrcast_service.settings import Settings

# MLflow's schemes. It is asked in a process of its own: importing it takes longer than everything else here together.
REGISTRY_SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
DOWNLOAD_SECONDS = 600


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model, and what is made once from it and its study. A request takes one of these and keeps to it."""

    model: ResponseModel
    patients: PatientReader
    bedside: Bedside

    @classmethod
    def of(cls, model: ResponseModel, level: float) -> "ServedModel":
        return cls(model, PatientReader(model.study), Bedside(model, level))


class ModelStore:
    """Holds the one model, or none yet. Replacing it is a single assignment: no request sees half of two.

    level: of the intervals in its answers.
    """

    def __init__(self, level: float, model: ResponseModel | None = None) -> None:
        self._level = level
        self._served = None if model is None else ServedModel.of(model, level)

    @property
    def current(self) -> ServedModel:
        """Raises HttpProblem (503) when no model is loaded."""
        if self._served is None:
            raise HttpProblem(NOT_READY, headers={"Retry-After": "1"})
        return self._served

    @property
    def is_empty(self) -> bool:
        return self._served is None

    def put(self, model: ResponseModel) -> None:
        self._served = ServedModel.of(model, self._level)

    def clear(self) -> None:
        self._served = None


def load_model(settings: Settings) -> ResponseModel:
    """The model of the settings, read from its folder or the registry.

    Raises ArtefactError when it is not there or cannot be trusted, UsageError when the study does not exist.
    """
    with local_folder(settings.model) as folder:
        return artefact.load(folder, load_study(settings.study) if settings.study is not None else None)


@contextmanager
def local_folder(model: str | None) -> Iterator[Path]:
    """The model's folder; one that came from a registry is removed at the end. None is the released model."""
    if model is None:
        yield artefact.RELEASED
    elif model.startswith(REGISTRY_SCHEMES):
        with tempfile.TemporaryDirectory(prefix="acrcast-model-") as target:
            yield _download(model, target)
    else:
        yield Path(model)


def _download(uri: str, target: str) -> Path:
    if find_spec("mlflow") is None:
        raise UsageError(f"{uri}: a model registry needs MLflow; pip install 'acrcast[training]', or give a folder")
    try:
        done = subprocess.run(  # noqa: S603  our own module, and no shell
            [sys.executable, "-m", "acrcast_training.tracking", "download", uri, target],
            capture_output=True,
            check=False,
            text=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ArtefactError(f"{uri}: the registry did not deliver it within {DOWNLOAD_SECONDS} s") from None
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode != 0 or not said:
        reason = said[-1].removeprefix(f"{uri}: ") if said else "no reason given"
        raise ArtefactError(f"{uri}: could not be fetched from the registry: {reason}")
    return Path(said[-1])
