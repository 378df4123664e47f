"""Reading a model from a folder, and believing nothing of it that was not checked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from acrcast import promotion
from acrcast.artefact.files import CARD, SELF_TEST, checked_files, from_json
from acrcast.artefact.manifest import FORMAT, Manifest, identity_of, read_manifest, study_of
from acrcast.artefact.model_arrays import model_of
from acrcast.artefact.npz import from_npz
from acrcast.artefact.self_test import check_self_test
from acrcast.errors import ArtefactError
from acrcast.prediction import ModelIdentity
from acrcast.response_model import ResponseModel
from acrcast.studies.study import Study


def load(folder: Path, study: Study | None = None) -> ResponseModel:
    """The model of a folder, after its digests, its contract and its self-test have been checked.

    study: needed for a study of your own, which the model names but does not contain.
    Raises ArtefactError (incomplete or unreadable), TamperedError, NewerFormatError, OtherContractError, UsageError.
    """
    manifest, written = read_manifest(folder)
    study = study_of(manifest, study)
    contents = checked_files(folder, manifest.files)
    try:
        model = model_of(study, manifest, identity_of(manifest, written), contents)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ArtefactError(f"{folder}: the model's arrays are not those of format {FORMAT}: {error}") from error
    check_self_test(model, from_npz(contents[SELF_TEST], SELF_TEST), folder)
    return replace(model, promotion=promotion.beside(folder, model.identity.digest))


def described(folder: Path) -> tuple[Manifest, ModelIdentity, dict[str, Any]]:
    """What the model of a folder says of itself, and its card, every digest checked; its study is not needed.

    Raises what `load` raises for an artefact that is incomplete, unreadable, tampered with or too new.
    """
    manifest, written = read_manifest(folder)
    card = from_json(checked_files(folder, manifest.files)[CARD], CARD)
    return manifest, identity_of(manifest, written), card
