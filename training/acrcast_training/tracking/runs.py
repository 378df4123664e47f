"""What is logged of a training: its run, the model as MLflow serves it, and its registration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import mlflow
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from acrcast import artefact
from acrcast.contract.columns import COMPARATOR
from acrcast.response_model import ResponseModel
from acrcast.studies import Study, shipped_studies
from acrcast.table import column_names
from acrcast_training import plots
from acrcast_training.data.cohort import flow
from acrcast_training.provenance import code_revision
from acrcast_training.report import report_on
from acrcast_training.select import CandidateResult
from acrcast_training.tracking.store import asking, ready
from acrcast_training.train import Training

# A yes or no is 1 or 0: MLflow's server would turn an unknown boolean into false.
NUMBERS = ("number", "count", "yes_no")


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where a training was logged. version: of the registered model, None when it was not registered."""

    run_id: str
    model_uri: str
    version: int | None


def log(
    training: Training, folder: Path, *, register: str | None, own_study: Path | None, store: str | None
) -> Tracked:
    """One parent run for the training, a child for each candidate, the artefact as a model, and its registration.

    folder: the artefact. own_study: the study's file, when it does not ship. register: the registered model's name.
    """
    uri = ready(training.cohort.study.key, store)
    with asking(uri), mlflow.start_run(run_name=f"{training.cohort.study.key}: {training.comparison.chosen}") as run:
        _log_cohort(training)
        for result in training.comparison.results:
            with mlflow.start_run(run_name=result.name, nested=True):
                mlflow.log_params({"candidate": result.name, "seed": training.seed})
                mlflow.log_metrics(_metrics(result))
        mlflow.log_metrics(_metrics(training.comparison[training.comparison.chosen]))
        mlflow.log_text(report_on(folder, training.cohort.study), "report.html")
        with plots.comparison(training.comparison) as figure:
            mlflow.log_figure(figure, "candidates.png")
        info = _log_model(folder, training.model, own_study, register)
    return _tracked(run.info.run_id, info)


def log_folder(
    folder: Path,
    model: ResponseModel,
    *,
    register: str | None,
    own_study: Path | None,
    store: str | None,
    tags: Mapping[str, str],
    pages: Mapping[str, str] = MappingProxyType({}),
) -> Tracked:
    """One run for a model that was written before, with its card, its pages and its registration.

    folder, model: the artefact and what is in it. tags: of the run. pages: files of the run, by name.
    """
    uri = ready(model.study.key, store)
    manifest, identity, card = artefact.described(folder)
    about = {
        "study": model.study.key,
        "endpoint": model.study.endpoint.title,
        "training_data": identity.training_data,
        "data_fingerprint": manifest.data_fingerprint,
        "code_revision": manifest.code_revision,
        "model_digest": identity.digest,
        "ships": str(model.study.key in shipped_studies()).lower(),
    }
    with (
        asking(uri),
        mlflow.start_run(run_name=f"{model.study.key}: {model.candidate}", tags=about | dict(tags)) as run,
    ):
        mlflow.log_dict(card, "card.json")
        for name, text in pages.items():
            mlflow.log_text(text, name)
        info = _log_model(folder, model, own_study, register)
    return _tracked(run.info.run_id, info)


def _log_model(folder: Path, model: ResponseModel, own_study: Path | None, register: str | None) -> ModelInfo:
    """The artefact as a model of the run that is open."""
    return mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).parent.with_name("pyfunc_model.py")),
        artifacts={"model": str(folder)} | ({"study": str(own_study)} if own_study else {}),
        signature=signature(model.study),
        pip_requirements=["acrcast[training]"],
        registered_model_name=register,
        metadata={"digest": model.identity.digest, "training_data": model.identity.training_data},
    )


def _tracked(run_id: str, info: ModelInfo) -> Tracked:
    version = info.registered_model_version
    return Tracked(run_id, info.model_uri, None if version is None else int(version))


def signature(study: Study) -> ModelSignature:
    """Explicit input and output columns. A yes or no is 1 or 0; numbers may be null; text names a category or an assay."""
    inputs = []
    for field in study.contract:
        data_type = DataType.double if field.kind in NUMBERS else DataType.string
        inputs.append(ColSpec(data_type, field.name, required=field.required))
        if field.may_be_undetectable:
            inputs.append(ColSpec(DataType.string, field.name + COMPARATOR, required=False))
    outputs = [
        ColSpec(DataType.double if is_number else DataType.string, name)
        for name, is_number in column_names(study.has_control)
    ]
    return ModelSignature(Schema(inputs), Schema(outputs), ParamSchema([ParamSpec("level", DataType.double, 0.95)]))


def _log_cohort(training: Training) -> None:
    cohort, comparison = training.cohort, training.comparison
    mlflow.set_tags(
        {
            "study": cohort.study.key,
            "endpoint": cohort.study.endpoint.title,
            "training_data": cohort.data_kind,
            "data_fingerprint": cohort.fingerprint,
            **({"data_mapping": cohort.mapping} if cohort.mapping is not None else {}),
            "code_revision": code_revision(),
            "model_digest": training.model.identity.digest,
            "verdict": comparison.verdict,
            "ships": str(cohort.study.key in shipped_studies()).lower(),
        }
    )
    mlflow.log_params(
        {
            "patients": len(cohort),
            "seed": training.seed,
            "folds": comparison.folds,
            "repeats": comparison.repeats,
            "chosen": comparison.chosen,
        }
    )
    for arm in flow(cohort):
        prefix = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in arm.arm)
        mlflow.log_metrics(
            {
                f"{prefix}_randomised": arm.randomised,
                f"{prefix}_assessed": arm.assessed,
                f"{prefix}_responders": arm.responders,
                f"{prefix}_responders_per_protocol": arm.responders_per_protocol,
            }
        )
    mlflow.log_dict(dict(training.model.card), "card.json")


def _metrics(result: CandidateResult) -> dict[str, float]:
    figures = {
        "log_loss": result.log_loss.value,
        "gain_over_prevalence": result.gain.value,
        "gain_over_prevalence_low": result.gain.low,
        "gain_over_prevalence_high": result.gain.high,
        "brier": result.brier,
        "c_statistic": result.c_statistic.value,
        "calibration_slope": result.calibration_slope.value,
        "calibration_intercept": result.calibration_intercept.value,
    }
    # a slope of constant risks does not exist, and is not logged as a number
    return {name: value for name, value in figures.items() if value == value}  # noqa: PLR0124  NaN differs from itself
