"""The guide to trial tables: its commands run, and print what it shows."""

import hashlib
import json

import pandas as pd
import pytest
from docs import walk_through

LAST = "## 5. Train, and predict"


@pytest.fixture(scope="module")
def guide():
    return walk_through.PAGE.read_text(encoding="utf-8")


def test_the_guide_shows_what_its_commands_print_and_parts_of_the_mapping_that_they_write(guide, tmp_path):
    before, _, _ = guide.partition(LAST)
    assert walk_through.as_run(before, tmp_path) == before
    assert list(walk_through.missing_excerpts(guide, tmp_path)) == []


@pytest.mark.slow
def test_the_model_of_the_guide_records_its_mapping_and_predicts_each_patient_of_the_trial(guide, tmp_path):
    walk_through.as_run(guide, tmp_path)
    digest = hashlib.sha256((tmp_path / "map.toml").read_bytes()).hexdigest()
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["data_mapping"] == digest
    assert json.loads((tmp_path / "model" / "card.json").read_text())["training_data"]["mapping"] == digest
    predicted = pd.read_csv(tmp_path / "predictions.csv")
    assert predicted["patient_id"].tolist() == [f"P{i:05}" for i in range(1, 81)]
