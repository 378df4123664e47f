"""What a model says of itself, where it comes from, and whether the study at hand is still the one that it was trained for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

import acrcast
from acrcast.artefact.files import MANIFEST, content_of
from acrcast.errors import ArtefactError, NewerFormatError, OtherContractError, TamperedError, UsageError
from acrcast.prediction import ModelIdentity, TrainingData
from acrcast.studies import load_study, shipped_studies
from acrcast.studies.study import Study

FORMAT: Literal[2] = 2

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a model says of itself. Every file of the folder is listed with its SHA-256; an unlisted file is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[2] = FORMAT
    name: str
    version: str
    study: str
    contract: Digest
    endpoint: str
    arms: list[str]
    control: str | None
    effect_modifiers: list[str]
    assays: dict[str, str]
    candidate: str
    estimate_conditions_on: str
    training_data: TrainingData
    data_fingerprint: str
    data_mapping: Digest | None = None
    code_revision: str
    created: str
    library_versions: dict[str, str]
    files: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+\.(npz|json|ubj)$")], Digest]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model comes from; recorded in the manifest.

    data_mapping: SHA-256 of the mapping by which the data were read, None without one.
    """

    name: str
    version: str
    training_data: TrainingData
    data_fingerprint: str
    code_revision: str
    created: str
    library_versions: Mapping[str, str]
    data_mapping: str | None = None


def read_manifest(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest of a folder, and its bytes. Raises ArtefactError, NewerFormatError, TamperedError."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtefactError(f"{folder}: no {MANIFEST} here; give a folder that `acrcast train` wrote")
    written = content_of(path, folder)
    try:
        found = json.loads(written)
        if isinstance(found, dict):
            _check_format(found.get("format"), folder)
        return Manifest.model_validate(found), written
    except (ValueError, RecursionError) as error:
        raise TamperedError(f"{path}: not a manifest of format {FORMAT}") from error


def _check_format(found: object, folder: Path) -> None:
    """What is no format at all is left to the manifest's own check."""
    if not isinstance(found, int) or found < 1 or found == FORMAT:
        return
    written = f"{folder}: written in format {found}, this is acrcast {acrcast.__version__} which reads format {FORMAT}"
    if found > FORMAT:
        raise NewerFormatError(f"{written}: upgrade acrcast")
    raise ArtefactError(f"{written}: train the model anew")


def digest_of(written: bytes) -> str:
    """The model's digest. written: its manifest."""
    return f"sha256:{hashlib.sha256(written).hexdigest()}"


def identity_of(manifest: Manifest, written: bytes) -> ModelIdentity:
    """Who answers. written: the manifest's bytes, whose digest is the model's."""
    digest = digest_of(written)
    return ModelIdentity(manifest.name, manifest.version, digest, manifest.training_data)


def study_of(manifest: Manifest, study: Study | None) -> Study:
    """The manifest's study, shipped or given. Raises UsageError (another or none), OtherContractError (it has changed)."""
    if study is None:
        if manifest.study not in shipped_studies():
            raise UsageError(
                f"the model is of the study {manifest.study!r}, which does not ship: name its file by --study"
            )
        study = load_study(manifest.study)
    if study.key != manifest.study:
        raise UsageError(f"the model is of the study {manifest.study!r}, not of {study.key!r}")
    changed = ["fields"] if study.contract.digest != manifest.contract else []
    changed += [name.replace("_", " ") for name, value in declared(study).items() if getattr(manifest, name) != value]
    if changed:
        raise OtherContractError(
            f"the {' and '.join(changed)} of study {study.key!r} have changed since the model was trained: train it anew"
        )
    return study


def declared(study: Study) -> dict[str, Any]:
    """What of a study its model depends on besides the fields: with other arms it would answer for the wrong one."""
    return {
        "endpoint": study.endpoint.title,
        "arms": [arm.key for arm in study.arms],
        "control": study.control,
        "effect_modifiers": list(study.effect_modifiers),
        "assays": dict(study.assays),
    }
