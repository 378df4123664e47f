"""Registered models: versions and their aliases, the records of promotions, and the artefact of a version."""

import re
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from acrcast.errors import ArtefactError, UsageError
from acrcast.promotion import Promotion, Rollback, place_of
from acrcast_training.tracking.store import asking, use_store

CHAMPION, CHALLENGER = "champion", "challenger"
# Tags of a model version: the record of its promotion to champion, and of its being taken back, as JSON.
PROMOTION, ROLLBACK = "promotion", "rollback"
REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>\d+|latest))")


@dataclass(frozen=True, slots=True)
class Champions:
    """now: the version that the alias points to, None when there is none. What is recorded of versions, the latest of each."""

    now: int | None
    promotions: tuple[Promotion, ...]
    rollbacks: tuple[Rollback, ...]


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
    with asking(f"{name} version {version}"):
        # the tags first: nobody meets a champion without its record
        for tag, value in tags.items():
            client.set_model_version_tag(name, str(version), tag, value)
        client.set_registered_model_alias(name, alias, str(version))


def take_back(rollback: Rollback, store: str | None = None) -> None:
    """Let the champion be the version before, and keep with both why."""
    use_store(store)
    client = MlflowClient()
    said = f"back from version {rollback.version}: {rollback.reason}"
    with asking(f"{rollback.name} version {rollback.to}"):
        client.set_model_version_tag(rollback.name, str(rollback.version), ROLLBACK, rollback.model_dump_json())
        client.set_model_version_tag(rollback.name, str(rollback.to), f"promoted_to_{CHAMPION}", said)
        client.set_registered_model_alias(rollback.name, CHAMPION, str(rollback.to))


def champions(name: str, store: str | None = None) -> Champions:
    """Which version is the champion, and what is recorded of those that were. Raises UsageError when nothing has the name."""
    use_store(store)
    with asking(name):
        client = MlflowClient()
        versions = client.search_model_versions(f"name = '{name}'")
        if not versions:
            raise UsageError(f"no model is registered as {name}")
        aliases = client.get_registered_model(name).aliases
    now = int(aliases[CHAMPION]) if CHAMPION in aliases else None
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
    with asking(name):
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
    with asking(name):
        versions = [int(found.version) for found in MlflowClient().search_model_versions(f"name = '{name}'")]
    if not versions:
        raise UsageError(f"no model is registered as {name}")
    return max(versions)


def download(uri: str, folder: Path, store: str | None = None) -> Path:
    """The artefact of a model in the registry or of a run, copied below `folder`, with the record of its promotion beside it."""
    use_store(store)
    with asking(uri):
        registered = _registered(uri)
        # an alias may move meanwhile: artefact and record are of one version
        source = f"models:/{registered.name}/{registered.version}" if registered else uri
        local = mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=str(folder))
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
    with asking(uri):
        found = _registered(uri)
    if found is None:
        raise UsageError(f"{uri}: expected models:/NAME@ALIAS, models:/NAME/VERSION or models:/NAME/latest")
    return {
        "name": found.name,
        "version": str(found.version),
        "created": found.creation_timestamp,
        "promotion": found.tags.get(PROMOTION, ""),
    }


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
