"""The record of a promotion, beside a model's folder."""

import json

import pytest

from acrcast.errors import ArtefactError, TamperedError
from acrcast.promotion import JudgedGate, Promotion, beside, place_of

DIGEST = "sha256:" + 64 * "a"


def a_gate(code="GATE002", status="passed", missed=""):
    return JudgedGate(code=code, title="Slope", status=status, measured="1.6", limit="0.8 to 1.25", missed=missed)


def a_promotion(*gates):
    return Promotion(
        name="acr20", version=3, digest=DIGEST, when="2030-01-01T00:00:00Z", reason="a reason", gates=gates
    )


def test_the_record_lies_beside_the_folder_and_is_read_back(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    assert beside(folder, DIGEST) is None
    written = a_promotion(a_gate())
    assert place_of(folder) == (tmp_path / "model.promotion.json").resolve()
    place_of(folder).write_text(written.model_dump_json())
    assert beside(folder, DIGEST) == written


def test_the_record_of_another_model_is_refused(tmp_path):
    place_of(tmp_path / "model").write_text(a_promotion().model_dump_json())
    with pytest.raises(TamperedError, match="another model's promotion"):
        beside(tmp_path / "model", "sha256:" + 64 * "b")


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"name": "acr20"})])
def test_what_is_no_record_is_refused(tmp_path, content):
    place_of(tmp_path / "model").write_text(content)
    with pytest.raises(ArtefactError, match="not the record of a promotion"):
        beside(tmp_path / "model", DIGEST)


def test_a_failed_gate_was_overridden_and_is_a_caution():
    record = a_promotion(a_gate("GATE001"), a_gate("GATE002", "failed", "0.35 above 1.25"))
    assert [gate.code for gate in record.overridden] == ["GATE002"]
    assert record.caution == (
        "Made champion although gates refused: GATE002 (Slope). The model's card gives the reason."
    )


@pytest.mark.parametrize("status", ["passed", "recorded", "not applicable"])
def test_no_other_result_is_a_caution(status):
    assert a_promotion(a_gate(status=status)).caution is None
