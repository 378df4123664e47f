"""Models of another format or another study: refused, with what to do."""

from dataclasses import replace

import pytest

from acrcast import artefact
from acrcast.errors import (
    ArtefactError,
    NewerFormatError,
    OtherContractError,
    UsageError,
)
from acrcast.studies import Arm


def test_a_newer_format_asks_for_an_upgrade(copied, with_manifest):
    with pytest.raises(NewerFormatError, match=r"written in format 3.* reads format 2: upgrade acrcast"):
        artefact.load(with_manifest(copied(), format=3, whatever="is new"))


def test_an_older_format_asks_for_another_training(copied, with_manifest):
    with pytest.raises(ArtefactError, match=r"written in format 1.* reads format 2: train the model anew"):
        artefact.load(with_manifest(copied(), format=1, booster_factor=None))


def test_other_fields_than_the_models_are_refused(copied, with_manifest):
    with pytest.raises(OtherContractError, match=r"the fields of study 'ld-il2-ra' have changed .* train it anew"):
        artefact.load(with_manifest(copied(), contract="0" * 64))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"control": "ld-il2+mtx"}, "control"),
        ({"arms": (Arm("a", "A"), Arm("placebo+mtx", "P"))}, "arms"),
        ({"effect_modifiers": ("il21_pg_per_ml", "haq_di")}, "effect modifiers"),
        ({"assays": {"treg_gating": "CD25+CD127low", "il21_assay": "ELISA"}}, "assays"),
    ],
)
def test_a_study_whose_meaning_has_changed_is_refused(saved, ld_il2, changes, words):
    with pytest.raises(OtherContractError, match=f"the {words} of study 'ld-il2-ra' have changed"):
        artefact.load(saved(), replace(ld_il2, **changes))


def test_another_endpoint_is_refused(saved, ld_il2):
    with pytest.raises(OtherContractError, match="the endpoint of study"):
        artefact.load(saved(), replace(ld_il2, endpoint=replace(ld_il2.endpoint, week=12)))


def test_new_labels_do_not_matter(saved, ld_il2):
    renamed = replace(ld_il2, title="Another title", arms=(replace(ld_il2.arms[0], title="MTX"), ld_il2.arms[1]))
    assert artefact.load(saved(), renamed).study.title == "Another title"


def test_a_model_of_another_study_is_refused(saved, auranofin):
    with pytest.raises(UsageError, match="the model is of the study 'ld-il2-ra', not of 'auranofin-ra'"):
        artefact.load(saved(), auranofin)


def test_a_study_that_does_not_ship_must_be_named(a_model, one_arm, tmp_path, provenance):
    artefact.save(a_model("hierarchical", one_arm), provenance, tmp_path / "model")
    with pytest.raises(UsageError, match="the study 'one-arm', which does not ship: name its file by --study"):
        artefact.load(tmp_path / "model")


def test_a_study_that_is_the_path_of_a_file_is_never_run(copied, tmp_path, with_manifest):
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UsageError, match="does not ship"):
        artefact.load(with_manifest(copied(), study=str(tmp_path / "evil.py")))
    assert not (tmp_path / "ran").exists()
