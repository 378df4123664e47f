"""Several models of one study, a place that points to one of them, and ways to spoil a model."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.service.conftest import save_model

from acrcast import artefact
from acrcast.answer import predict_patients
from acrcast.contract import Covariates
from acrcast.studies import load_study

MODELS = 3


@dataclass(frozen=True)
class Made:
    """A model in a folder. answer: what it says of the patient, without a prediction_id."""

    folder: Path
    digest: str
    answer: dict[str, Any]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, a_patient: Callable[..., dict[str, Any]]) -> list[Made]:
    """Models with other numbers each."""
    study = load_study("ld-il2-ra")
    patients = Covariates.of_patients(study.contract, [study.patient.model_validate(a_patient())])
    models = []
    for seed in range(MODELS):
        folder = save_model(study, tmp_path_factory.mktemp("made") / f"model-{seed}", seed)
        model = artefact.load(folder)
        (prediction,) = predict_patients(model, patients)
        answer = json.loads(json.dumps(prediction.as_answer()))
        answer.pop("prediction_id", None)
        models.append(Made(folder, model.identity.digest, answer))
    assert len({str(model.answer["treated"]) for model in models}) == MODELS
    return models


class Place:
    """A link that is the model's address; what it points to is changed at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def becomes(self, folder: Path) -> None:
        new = self.path.with_suffix(".new")
        new.symlink_to(folder)
        new.replace(self.path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "current")


def _rewritten(folder: Path, manifest: dict[str, Any]) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _tampered(folder: Path) -> None:
    (folder / "card.json").write_text("{}")


def _of_another_contract(folder: Path) -> None:
    _rewritten(folder, json.loads((folder / "manifest.json").read_text()) | {"contract": 64 * "0"})


def _newer(folder: Path) -> None:
    _rewritten(folder, json.loads((folder / "manifest.json").read_text()) | {"format": 99})


def _failing_its_self_test(folder: Path) -> None:
    """Other coefficients, with the right digest of them."""
    with np.load(folder / "arrays.npz") as found:
        arrays = dict(found)
    np.savez(folder / "arrays.npz", **(arrays | {"point": arrays["point"] + 0.1}))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["arrays.npz"] = hashlib.sha256((folder / "arrays.npz").read_bytes()).hexdigest()
    _rewritten(folder, manifest)


def _broken_off(folder: Path) -> None:
    (folder / "arrays.npz").unlink()


SPOILED = {
    "tampered": (_tampered, "its files are not those that were saved, or it fails its self-test"),
    "of another contract": (_of_another_contract, "it was trained for other fields than the study has"),
    "newer": (_newer, "it was written by a later version of acrcast"),
    "failing its self-test": (
        _failing_its_self_test,
        "its files are not those that were saved, or it fails its self-test",
    ),
    "broken off": (_broken_off, "it is incomplete or unreadable"),
}


@pytest.fixture
def spoiled(made: list[Made], tmp_path: Path) -> Callable[[str], tuple[Path, str]]:
    """A model of that kind, and why it is refused."""

    def spoil(kind: str) -> tuple[Path, str]:
        folder = Path(shutil.copytree(made[1].folder, tmp_path / kind))
        how, reason = SPOILED[kind]
        how(folder)
        return folder, reason

    return spoil


def until(url: str, what: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
    """What /health/ready says as soon as it says that."""
    last: dict[str, Any] = {}
    deadline = time.monotonic() + seconds
    with httpx.Client(base_url=url) as client:
        while time.monotonic() < deadline:
            last = client.get("/health/ready").json()
            if what(last):
                return last
    raise AssertionError(last)


class Registry:
    """A model registry in an SQLite file, with a version for each model."""

    def __init__(self, folder: Path, models: list[Made]) -> None:
        from mlflow import MlflowClient

        self.folder = folder
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = MlflowClient(self.uri, self.uri)
        self.client.create_registered_model("acr20")
        for number, model in enumerate(models, start=1):
            source = folder / f"version-{number}"
            shutil.copytree(model.folder, source / "artifacts" / "model")
            self.client.create_model_version("acr20", source.as_uri())
        self.champion(1)

    def champion(self, version: int) -> None:
        self.client.set_registered_model_alias("acr20", "champion", str(version))


@pytest.fixture
def registry(made: list[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """It is the registry of this process's environment, too."""
    (tmp_path / "registry").mkdir()
    store = Registry(tmp_path / "registry", made)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ
    return store
