"""The model that ships is what its documented commands make."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from acrcast import artefact
from acrcast.contract import Covariates

COMMANDS = (
    ("simulate", "--patients", "600", "--seed", "1", "--out", "trial"),
    (
        "train",
        "--study",
        "ld-il2-ra",
        "--baseline",
        "trial/baseline.csv",
        "--visits",
        "trial/visits.csv",
        "--repeats",
        "2",
        "--seed",
        "1",
        "--out",
        "model",
    ),
)


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    for command in COMMANDS:
        subprocess.run(
            [sys.executable, "-m", "acrcast.cli", *command],
            cwd=folder,
            env=os.environ | {"ACRCAST_STATE": str(folder / "state")},
            check=True,
            capture_output=True,
        )
    return folder / "model"


def test_the_makefile_names_these_commands(project):
    makefile = (project / "Makefile").read_text().replace("\\\n\t", "").replace("\\\n", "")
    words = " ".join(makefile.split())
    assert "acrcast simulate --patients 600 --seed 1 --out" in words
    assert "--repeats 2 --seed 1 --out models/acrcast/released/ld-il2-ra" in words


def test_every_number_of_the_released_model_is_reproduced(made_anew):
    with np.load(artefact.RELEASED / "arrays.npz") as released, np.load(made_anew / "arrays.npz") as anew:
        assert released.files == anew.files
        for name in released.files:
            np.testing.assert_allclose(anew[name], released[name], rtol=0, atol=1e-9, err_msg=name)


def test_every_figure_of_its_card_is_reproduced(made_anew):
    released, anew = (json.loads((folder / "card.json").read_text()) for folder in (artefact.RELEASED, made_anew))
    assert anew == released


def test_it_predicts_the_same_to_nine_decimals(made_anew):
    released, anew = artefact.load(artefact.RELEASED), artefact.load(made_anew)
    rng = np.random.default_rng(4)
    ranges = [
        (f.low or 0, f.high or 1) if f.kind in ("number", "count") else (0, 1)
        for f in released.study.contract.covariates
    ]
    values = np.round(np.column_stack([rng.uniform(low, high, 50) for low, high in ranges]))
    patients = Covariates(
        released.study.contract,
        values,
        np.zeros(values.shape, dtype=bool),
        {"treg_gating": np.full(50, ""), "il21_assay": np.full(50, "")},
    )
    for arm in ("treated", "control", "benefit"):
        one, other = getattr(released.risks(patients), arm), getattr(anew.risks(patients), arm)
        np.testing.assert_allclose(one.probability, other.probability, rtol=0, atol=1e-9)
        np.testing.assert_allclose(one.low, other.low, rtol=0, atol=1e-9)


def test_it_says_everywhere_that_its_patients_were_simulated():
    model = artefact.load(artefact.RELEASED)
    assert model.identity.training_data == "simulated"
    assert model.card["training_data"]["kind"] == "simulated"
    assert json.loads((artefact.RELEASED / "manifest.json").read_text())["training_data"] == "simulated"
