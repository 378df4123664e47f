"""The one place that meets MLflow: runs, the registry, and models by `models:/NAME@alias`.

The server calls it as a program, so that its own process never imports MLflow. `python -m acrcast_training.tracking`

    point URI             prints which version an alias of a registered model points to now, as JSON
    download URI FOLDER   prints the local folder of an artefact; the record of its promotion, if any, is written beside it

and exits with 2 when nothing of that name is there, 3 when what is there is no model of acrcast, 1 when the store fails.
"""

import io
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from acrcast import artefact
from acrcast.contract.columns import COMPARATOR
from acrcast.errors import AcrcastError, ArtefactError, UsageError
from acrcast.promotion import Promotion, Rollback, place_of
from acrcast.response_model import ResponseModel
from acrcast.studies import Study, shipped_studies
from acrcast.table import column_names
from acrcast_training import plots
from acrcast_training.data.cohort import flow
from acrcast_training.provenance import code_revision
from acrcast_training.report import report_on
from acrcast_training.select import CandidateResult
from acrcast_training.state import state_folder
from acrcast_training.train import Training

TRACKING = "MLFLOW_TRACKING_URI"
CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a model version: the record of its promotion to champion, and of its being taken back, as JSON.
PROMOTION, ROLLBACK = "promotion", "rollback"
REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>\d+|latest))")
# Exit code for whoever calls this module as a program: what was fetched is no model of acrcast.
NO_MODEL = 3
# A yes or no is 1 or 0: MLflow's server would turn an unknown boolean into false.
NUMBERS = ("number", "count", "yes_no")


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where a training was logged. version: of the registered model, None when it was not registered."""

    run_id: str
    model_uri: str
    version: int | None


@dataclass(frozen=True, slots=True)
class Champions:
    """now: the version that the alias points to, None when there is none. What is recorded of versions, the latest of each."""

    now: int | None
    promotions: tuple[Promotion, ...]
    rollbacks: tuple[Rollback, ...]


def default_store() -> str:
    """Tracking URI: MLFLOW_TRACKING_URI, else SQLite in the state folder."""
    return os.environ.get(TRACKING) or f"sqlite:///{state_folder() / 'mlflow.db'}"


def use_store(uri: str | None = None) -> str:
    """Point MLflow to a tracking store, making the default one when needed; returns its URI."""
    chosen = uri or default_store()
    if chosen.startswith("sqlite:///"):
        Path(chosen.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(chosen)
    return chosen


def log(
    training: Training, folder: Path, *, register: str | None, own_study: Path | None, store: str | None
) -> Tracked:
    """One parent run for the training, a child for each candidate, the artefact as a model, and its registration.

    folder: the artefact. own_study: the study's file, when it does not ship. register: the registered model's name.
    """
    uri = use_store(store)
    _experiment(training.cohort.study, uri)
    with _quiet(), mlflow.start_run(run_name=f"{training.cohort.study.key}: {training.comparison.chosen}") as run:
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
    uri = use_store(store)
    _experiment(model.study, uri)
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
    with _quiet(), mlflow.start_run(run_name=f"{model.study.key}: {model.candidate}", tags=about | dict(tags)) as run:
        mlflow.log_dict(card, "card.json")
        for name, text in pages.items():
            mlflow.log_text(text, name)
        info = _log_model(folder, model, own_study, register)
    return _tracked(run.info.run_id, info)


def _log_model(folder: Path, model: ResponseModel, own_study: Path | None, register: str | None) -> ModelInfo:
    """The artefact as a model of the run that is open."""
    return mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc_model.py")),
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


def set_alias(
    name: str,
    version: int,
    alias: str,
    *,
    reason: str | None,
    store: str | None,
    record: Promotion | None = None,
) -> None:
    """Let an alias of a registered model point to a version. reason, record: kept with the version, as tags."""
    use_store(store)
    client = MlflowClient()
    tags = {f"promoted_to_{alias}": reason or "no reason given"}
    if record is not None:
        tags[PROMOTION] = record.model_dump_json()
        tags["gates_overridden"] = ", ".join(gate.code for gate in record.overridden) or "none"
    try:
        # the tags first: nobody meets a champion without its record
        for tag, value in tags.items():
            client.set_model_version_tag(name, str(version), tag, value)
        client.set_registered_model_alias(name, alias, str(version))
    except MlflowException as error:
        raise UsageError(f"{name} version {version}: {_first_line(error)}") from error


def take_back(rollback: Rollback, store: str | None = None) -> None:
    """Let the champion be the version before, and keep with both why."""
    use_store(store)
    client = MlflowClient()
    try:
        client.set_model_version_tag(rollback.name, str(rollback.version), ROLLBACK, rollback.model_dump_json())
        said = f"back from version {rollback.version}: {rollback.reason}"
        client.set_model_version_tag(rollback.name, str(rollback.to), f"promoted_to_{CHAMPION}", said)
        client.set_registered_model_alias(rollback.name, CHAMPION, str(rollback.to))
    except MlflowException as error:
        raise UsageError(f"{rollback.name} version {rollback.to}: {_first_line(error)}") from error


def champions(name: str, store: str | None = None) -> Champions:
    """Which version is the champion, and what is recorded of those that were. Raises UsageError when nothing has the name."""
    use_store(store)
    with _quiet():
        client = MlflowClient()
        versions = client.search_model_versions(f"name = '{name}'")
        if not versions:
            raise UsageError(f"no model is registered as {name}")
        try:
            now = int(client.get_model_version_by_alias(name, CHAMPION).version)
        except MlflowException:
            now = None
    return Champions(
        now,
        tuple(Promotion.model_validate_json(v.tags[PROMOTION]) for v in versions if PROMOTION in v.tags),
        tuple(Rollback.model_validate_json(v.tags[ROLLBACK]) for v in versions if ROLLBACK in v.tags),
    )


def version_of_run(name: str, tag: str, value: str, store: str | None = None) -> int | None:
    """The version of a registered model that a run with this tag made; None when there is none.

    A run with the tag that never ended was interrupted: it is marked as finished when its version is there, else as killed.
    """
    use_store(store)
    client = MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.{tag} = '{value}'")
    versions = client.search_model_versions(f"name = '{name}'")
    made = {run.info.run_id: [int(v.version) for v in versions if v.run_id == run.info.run_id] for run in runs}
    for run in runs:
        if run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, "FINISHED" if made[run.info.run_id] else "KILLED")
    return max((version for found in made.values() for version in found), default=None)


def latest_version(name: str, store: str | None = None) -> int:
    """The newest version of a registered model. Raises UsageError when there is none."""
    use_store(store)
    versions = [int(found.version) for found in MlflowClient().search_model_versions(f"name = '{name}'")]
    if not versions:
        raise UsageError(f"no model is registered as {name}")
    return max(versions)


def download(uri: str, folder: Path, store: str | None = None) -> Path:
    """The artefact of a model in the registry or of a run, copied below `folder`, with the record of its promotion beside it."""
    use_store(store)
    try:
        with _quiet():
            registered = _registered(uri)
            # an alias may move meanwhile: artefact and record are of one version
            source = f"models:/{registered.name}/{registered.version}" if registered else uri
            local = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder))
    except (MlflowException, OSError) as error:
        raise _not_delivered(uri, error) from error
    found = sorted(Path(local).glob("artifacts/*/manifest.json"))
    if len(found) != 1:
        raise ArtefactError(f"{uri}: this is no model of acrcast")
    model = found[0].parent
    if registered is not None and PROMOTION in registered.tags:
        place_of(model).write_text(registered.tags[PROMOTION], encoding="utf-8")
    return model


def point(uri: str, store: str | None = None) -> dict[str, str | int]:
    """Which version of a registered model a `models:/` URI names now, when it was made, and the record of its promotion."""
    use_store(store)
    try:
        with _quiet():
            found = _registered(uri)
    except (MlflowException, OSError) as error:
        raise _not_delivered(uri, error) from error
    if found is None:
        raise UsageError(f"{uri}: expected models:/NAME@ALIAS, models:/NAME/VERSION or models:/NAME/latest")
    return {
        "name": found.name,
        "version": str(found.version),
        "created": found.creation_timestamp,
        "promotion": found.tags.get(PROMOTION, ""),
    }


def _not_delivered(uri: str, error: Exception) -> AcrcastError:
    """UsageError when the store says that there is no such thing; else it is the store that fails."""
    absent = [ErrorCode.Name(code) for code in (RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE)]
    said = f"{uri}: {_first_line(error)}"
    return UsageError(said) if getattr(error, "error_code", None) in absent else AcrcastError(said)


def _registered(uri: str) -> ModelVersion | None:
    """The version that a `models:/` URI names; None for other URIs."""
    named = REGISTERED.fullmatch(uri)
    if named is None:
        return None
    client = MlflowClient()
    if named["alias"]:
        return client.get_model_version_by_alias(named["name"], named["alias"])
    version = latest_version(named["name"]) if named["version"] == "latest" else named["version"]
    return client.get_model_version(named["name"], str(version))


def _experiment(study: Study, uri: str) -> None:
    """The study's experiment; on the default store its artefacts lie beside the database."""
    with _quiet():
        if mlflow.get_experiment_by_name(study.key) is None:
            beside = uri.startswith("sqlite:///")
            location = (Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts").as_uri() if beside else None
            mlflow.create_experiment(study.key, artifact_location=location)
        mlflow.set_experiment(study.key)


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


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow's own hints and announcements are not news to whoever trains a model."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # the registry announces its versions on standard error, whatever the level of its log
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["point", uri]:
                sys.stdout.write(f"{json.dumps(point(uri))}\n")
            case ["download", uri, folder]:
                sys.stdout.write(f"{download(uri, Path(folder))}\n")
            case _:
                raise UsageError("usage: python -m acrcast_training.tracking (point URI | download URI FOLDER)")
    except AcrcastError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NO_MODEL if isinstance(error, ArtefactError) else error.exit_code)
