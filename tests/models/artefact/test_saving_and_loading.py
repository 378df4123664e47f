"""A model on disk: the way there and back."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from acrcast import artefact
from acrcast.answer import predict_patients
from acrcast.errors import (
    UsageError,
)


@pytest.mark.parametrize("candidate", ["prevalence", "hierarchical", "xgboost"])
def test_a_saved_model_gives_exactly_the_same_answers(a_model, a_trial, ld_il2, saved, candidate):
    covariates = a_trial(ld_il2, 10, seed=4, missing=0.2, below=0.1).covariates
    before = predict_patients(a_model(candidate), covariates)
    after = predict_patients(artefact.load(saved(candidate)), covariates)
    for one, other in zip(before, after, strict=True):
        assert replace(one, model=other.model) == other


def test_a_model_of_a_study_of_ones_own_is_loaded_with_it(a_model, a_trial, one_arm, tmp_path, provenance):
    artefact.save(a_model("hierarchical", one_arm), provenance, tmp_path / "model")
    model = artefact.load(tmp_path / "model", one_arm)
    covariates = a_trial(one_arm, 5).covariates
    np.testing.assert_array_equal(
        model.risks(covariates).treated.high, a_model("hierarchical", one_arm).risks(covariates).treated.high
    )


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_the_same_model_saved_twice_has_the_same_digest(a_model, saved, tmp_path, candidate, provenance):
    first = artefact.load(saved(candidate)).identity
    second = artefact.save(a_model(candidate), provenance, tmp_path / "again")
    assert first == second
    assert first.digest.startswith("sha256:")
    other = artefact.save(a_model(candidate), replace(provenance, version="2"), tmp_path / "other")
    assert other.digest != first.digest


def test_a_loaded_model_saved_again_has_the_same_bytes(saved, tmp_path, provenance):
    artefact.save(artefact.load(saved()), provenance, tmp_path / "again")
    for path in saved().rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(saved())).read_bytes() == path.read_bytes()


def test_the_identity_says_who_answers(saved):
    identity = artefact.load(saved()).identity
    digest = hashlib.sha256((saved() / "manifest.json").read_bytes()).hexdigest()
    assert (identity.name, identity.version, identity.training_data) == ("made-up", "1", "simulated")
    assert identity.digest == f"sha256:{digest}"


def test_the_card_comes_back_as_it_was(a_model, tmp_path, provenance):
    card = {"title": "Ld-IL2 é", "cautions": ["Not externally validated."], "n": 120, "share": 0.1}
    artefact.save(replace(a_model(), card=card), provenance, tmp_path / "model")
    assert artefact.load(tmp_path / "model").card == card


def test_a_folder_that_holds_something_is_not_written_to(a_model, tmp_path, provenance):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty: give a new folder"):
        artefact.save(a_model(), provenance, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_card_with_what_json_has_not_is_not_written(a_model, tmp_path, provenance):
    with pytest.raises(ValueError, match="JSON"):
        artefact.save(replace(a_model(), card={"c": float("nan")}), provenance, tmp_path / "model")


def test_loading_imports_no_server_and_no_boosted_trees(saved):

    code = (
        "import sys; from acrcast import artefact; from pathlib import Path; artefact.load(Path(sys.argv[1]));"
        "print([m for m in ('xgboost', 'scipy', 'pandas', 'sklearn', 'fastapi', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(saved())], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
