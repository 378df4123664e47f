"""Opening the model that a command names: a folder, an MLflow URI, or the one that ships."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acrcast import artefact
from acrcast.errors import UsageError
from acrcast.response_model import ResponseModel
from acrcast.studies import load_study

MLFLOW_SCHEMES = ("models:/", "runs:/")


def open_model(name: str | None, study: str | None) -> ResponseModel:
    """The model of a folder or of an MLflow URI such as `models:/acr20@champion`; without a name the released one.

    study: a shipped key or a file, needed for a study of your own.
    """
    with local_folder(name) as folder:
        return artefact.load(folder, load_study(study) if study else None)


@contextmanager
def local_folder(name: str | None) -> Iterator[Path]:
    """Where the artefact of that name lies; one in MLflow is copied first, and the copy removed at the end."""
    if name is None:
        yield artefact.RELEASED
    elif name.startswith(MLFLOW_SCHEMES):
        from acrcast_training.tracking.registry import download  # noqa: PLC0415  MLflow takes seconds to import

        # a folder of its own: what an earlier copy left would be taken for part of the model
        with tempfile.TemporaryDirectory(prefix="acrcast-model-") as target:
            yield download(name, Path(target))
    elif Path(name).is_dir():
        yield Path(name)
    else:
        raise UsageError(
            f"model {name!r}: give a folder that `acrcast train` wrote, or an MLflow URI such as models:/acr20@champion"
        )
