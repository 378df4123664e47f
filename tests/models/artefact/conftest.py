"""Saved models, and the means to tamper with them."""

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from acrcast import artefact
from acrcast.artefact import Provenance

PROVENANCE = Provenance(
    name="made-up",
    version="1",
    training_data="simulated",
    data_fingerprint="none",
    code_revision="none",
    created="2026-01-01T00:00:00Z",
    library_versions={"numpy": "2"},
)


@pytest.fixture(scope="session")
def provenance():
    return PROVENANCE


@pytest.fixture(scope="session")
def saved(a_model, tmp_path_factory):
    """Folder of a saved model of ld-il2-ra, by candidate; not to be changed."""
    folders = {}

    def folder(candidate="hierarchical"):
        if candidate not in folders:
            folders[candidate] = tmp_path_factory.mktemp("saved") / candidate
            artefact.save(a_model(candidate), PROVENANCE, folders[candidate])
        return folders[candidate]

    return folder


@pytest.fixture
def copied(saved, tmp_path):
    """A copy to tamper with."""

    def copy(candidate="hierarchical"):
        return Path(shutil.copytree(saved(candidate), tmp_path / "model"))

    return copy


@pytest.fixture
def rewrite():
    def write(folder, **files):
        """Puts other content in files, and the right digests of it in the manifest: `arrays_npz=...` for arrays.npz."""
        manifest = json.loads((folder / "manifest.json").read_text())
        for name, content in files.items():
            path = name.replace("_npz", ".npz").replace("_json", ".json")
            (folder / path).write_bytes(content)
            manifest["files"][path] = hashlib.sha256(content).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return write


@pytest.fixture
def with_manifest():
    def change(folder, **changes):
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return folder

    return change


@pytest.fixture
def npz():
    def write(arrays, compression=zipfile.ZIP_STORED, *, allow_pickle=False):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name, array in arrays.items():
                content = io.BytesIO()
                np.lib.format.write_array(content, np.asarray(array), allow_pickle=allow_pickle)
                archive.writestr(f"{name}.npy", content.getvalue())
        return buffer.getvalue()

    return write


@pytest.fixture
def arrays_of():
    def read(folder, name="arrays.npz"):
        with np.load(folder / name) as archive:
            return dict(archive)

    return read
