"""The model as MLflow serves it: written as code, so that nothing is pickled. MLflow runs this file."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from acrcast import artefact
from acrcast.studies import load_study
from acrcast.table import prediction_columns
from acrcast_training.data.patients import patients_of_frame


class ResponsePyfunc(PythonModel):  # type: ignore[misc]  # mlflow is untyped here
    """Answers a table of patients with the columns of `acrcast.table`."""

    def load_context(self, context: PythonModelContext) -> None:
        own_study = context.artifacts.get("study")
        study = load_study(own_study) if own_study else None
        self.model = artefact.load(Path(context.artifacts["model"]), study)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        level = float((params or {}).get("level", 0.95))
        covariates = patients_of_frame(self.model.study, model_input)
        return pd.DataFrame(prediction_columns(self.model, covariates, level=level))


mlflow.models.set_model(ResponsePyfunc())
