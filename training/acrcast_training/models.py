"""Opening the model that a command names: a folder, an MLflow URI, or the one that ships."""

from pathlib import Path

from acrcast import artefact
from acrcast.errors import UsageError
from acrcast.response_model import ResponseModel
from acrcast.studies import load_study
from acrcast_training.state import state_folder

MLFLOW_SCHEMES = ("models:/", "runs:/")


def open_model(name: str | None, study: str | None) -> ResponseModel:
    """The model of a folder or of an MLflow URI such as `models:/acr20@champion`; without a name the released one.

    study: a shipped key or a file, needed for a study of your own.
    """
    return artefact.load(model_folder(name), load_study(study) if study else None)


def model_folder(name: str | None) -> Path:
    """Where the artefact of that name lies; one in MLflow is copied first."""
    if name is None:
        return artefact.RELEASED
    if name.startswith(MLFLOW_SCHEMES):
        from acrcast_training.tracking import download  # noqa: PLC0415  MLflow takes seconds to import

        return download(name, state_folder() / "downloads")
    if not Path(name).is_dir():
        raise UsageError(
            f"model {name!r}: give a folder that `acrcast train` wrote, or an MLflow URI such as models:/acr20@champion"
        )
    return Path(name)
