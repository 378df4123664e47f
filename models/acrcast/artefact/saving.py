"""Writing a model into a folder."""

import hashlib
from pathlib import Path

from acrcast.artefact.files import ARRAYS, CARD, EVIDENCE, MANIFEST, SELF_TEST, to_json
from acrcast.artefact.manifest import Manifest, Provenance, declared, identity_of
from acrcast.artefact.model_arrays import arrays_of, booster_of
from acrcast.artefact.npz import to_npz
from acrcast.artefact.self_test import self_test
from acrcast.errors import UsageError
from acrcast.prediction import ModelIdentity
from acrcast.response_model import ResponseModel


def save(model: ResponseModel, provenance: Provenance, folder: Path) -> ModelIdentity:
    """Write the model into an empty or new folder and return its identity.

    Raises UsageError when the folder already holds something.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: give a new folder for the model")
    contents = {
        ARRAYS: to_npz(arrays_of(model)),
        CARD: to_json(model.card),
        EVIDENCE: to_json(model.evidence),
        SELF_TEST: to_npz(self_test(model)),
    }
    contents |= booster_of(model)
    manifest = Manifest(
        name=provenance.name,
        version=provenance.version,
        study=model.study.key,
        contract=model.study.contract.digest,
        **declared(model.study),
        candidate=model.candidate,
        estimate_conditions_on=model.estimate_conditions_on,
        training_data=provenance.training_data,
        data_fingerprint=provenance.data_fingerprint,
        data_mapping=provenance.data_mapping,
        code_revision=provenance.code_revision,
        created=provenance.created,
        library_versions=dict(provenance.library_versions),
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    written = to_json(manifest.model_dump(mode="json"))
    (folder / MANIFEST).write_bytes(written)
    return identity_of(manifest, written)
