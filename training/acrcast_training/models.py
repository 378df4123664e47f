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
    chosen = load_study(study) if study else None
    if name is None:
        return artefact.load(artefact.RELEASED, chosen)
    if name.startswith(MLFLOW_SCHEMES):
        from acrcast_training.tracking import download  # noqa: PLC0415  MLflow takes seconds to import

        return artefact.load(download(name, state_folder() / "downloads"), chosen)
    if not Path(name).is_dir():
        raise UsageError(
            f"model {name!r}: give a folder that `acrcast train` wrote, or an MLflow URI such as models:/acr20@champion"
        )
    return artefact.load(Path(name), chosen)
