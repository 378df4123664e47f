"""A model on disk: the way there and back, and everything that must be refused."""

import hashlib
import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acrcast import artefact
from acrcast.answer import predict_patients
from acrcast.artefact import Provenance
from acrcast.errors import (
    ArtefactError,
    NewerFormatError,
    OtherContractError,
    TamperedError,
    UsageError,
)
from acrcast.studies import Arm

PROVENANCE = Provenance(
    name="made-up",
    version="1",
    training_data="simulated",
    data_fingerprint="none",
    code_revision="none",
    created="2026-01-01T00:00:00Z",
    library_versions={"numpy": "2"},
)


@pytest.fixture(scope="module")
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


def rewrite(folder, **files):
    """Puts other content in files, and the right digests of it in the manifest: `arrays_npz=...` for arrays.npz."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, content in files.items():
        path = name.replace("_npz", ".npz").replace("_json", ".json")
        (folder / path).write_bytes(content)
        manifest["files"][path] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def with_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def npz(arrays, compression=zipfile.ZIP_STORED, *, allow_pickle=False):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=allow_pickle)
            archive.writestr(f"{name}.npy", content.getvalue())
    return buffer.getvalue()


def arrays_of(folder, name="arrays.npz"):
    with np.load(folder / name) as archive:
        return dict(archive)


# the way there and back


@pytest.mark.parametrize("candidate", ["prevalence", "hierarchical", "xgboost"])
def test_a_saved_model_gives_exactly_the_same_answers(a_model, a_trial, ld_il2, saved, candidate):
    covariates = a_trial(ld_il2, 10, seed=4, missing=0.2, below=0.1).covariates
    before = predict_patients(a_model(candidate), covariates)
    after = predict_patients(artefact.load(saved(candidate)), covariates)
    for one, other in zip(before, after, strict=True):
        assert replace(one, model=other.model) == other


def test_a_model_of_a_study_of_ones_own_is_loaded_with_it(a_model, a_trial, one_arm, tmp_path):
    artefact.save(a_model("hierarchical", one_arm), PROVENANCE, tmp_path / "model")
    model = artefact.load(tmp_path / "model", one_arm)
    covariates = a_trial(one_arm, 5).covariates
    np.testing.assert_array_equal(
        model.risks(covariates).treated.high, a_model("hierarchical", one_arm).risks(covariates).treated.high
    )


@pytest.mark.parametrize("candidate", ["hierarchical", "xgboost"])
def test_the_same_model_saved_twice_has_the_same_digest(a_model, saved, tmp_path, candidate):
    first = artefact.load(saved(candidate)).identity
    second = artefact.save(a_model(candidate), PROVENANCE, tmp_path / "again")
    assert first == second
    assert first.digest.startswith("sha256:")
    other = artefact.save(a_model(candidate), replace(PROVENANCE, version="2"), tmp_path / "other")
    assert other.digest != first.digest


def test_a_loaded_model_saved_again_has_the_same_bytes(saved, tmp_path):
    artefact.save(artefact.load(saved()), PROVENANCE, tmp_path / "again")
    for path in saved().rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(saved())).read_bytes() == path.read_bytes()


def test_the_identity_says_who_answers(saved):
    identity = artefact.load(saved()).identity
    digest = hashlib.sha256((saved() / "manifest.json").read_bytes()).hexdigest()
    assert (identity.name, identity.version, identity.training_data) == ("made-up", "1", "simulated")
    assert identity.digest == f"sha256:{digest}"


def test_the_card_comes_back_as_it_was(a_model, tmp_path):
    card = {"title": "Ld-IL2 é", "cautions": ["Not externally validated."], "n": 120, "share": 0.1}
    artefact.save(replace(a_model(), card=card), PROVENANCE, tmp_path / "model")
    assert artefact.load(tmp_path / "model").card == card


def test_a_folder_that_holds_something_is_not_written_to(a_model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty: give a new folder"):
        artefact.save(a_model(), PROVENANCE, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_card_with_what_json_has_not_is_not_written(a_model, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        artefact.save(replace(a_model(), card={"c": float("nan")}), PROVENANCE, tmp_path / "model")


def test_loading_imports_no_server_and_no_boosted_trees(saved):
    import subprocess

    code = (
        "import sys; from acrcast import artefact; from pathlib import Path; artefact.load(Path(sys.argv[1]));"
        "print([m for m in ('xgboost', 'scipy', 'pandas', 'sklearn', 'fastapi', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(saved())], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# what is not there


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ArtefactError, match=r"no manifest\.json here; give a folder that `acrcast train` wrote"):
            artefact.load(folder)


@pytest.mark.parametrize("name", ["arrays.npz", "card.json", "evidence.json", "self_test.npz"])
def test_a_missing_file_is_named(copied, name):
    folder = copied()
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match=f"{name} is missing"):
        artefact.load(folder)


def test_a_missing_booster_is_named(copied):
    folder = copied("xgboost")
    (folder / "boosters" / "member_007.ubj").unlink()
    with pytest.raises(ArtefactError, match=r"boosters/member_007\.ubj is missing"):
        artefact.load(folder)


# what was changed


@pytest.mark.parametrize("name", ["arrays.npz", "card.json", "evidence.json", "self_test.npz", "boosters/point.ubj"])
def test_a_changed_byte_in_any_file_is_noticed(copied, name):
    folder = copied("xgboost")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(TamperedError, match=f"{name}: its content differs from the digest in manifest.json"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["extra.txt", "evil.pkl", "boosters/more.ubj", ".hidden", "deep/er/file.npz"])
def test_a_file_that_is_not_listed_is_refused(copied, name):
    folder = copied()
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    with pytest.raises(TamperedError, match=f"{name} does not belong to the model"):
        artefact.load(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b'{"format": "1"}'],
)
def test_a_manifest_that_is_none_is_refused(copied, content):
    folder = copied()
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(TamperedError, match="not a manifest of format 1"):
        artefact.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"contract": "abc"},
        {"training_data": "real"},
        {"files": []},
        {"format": 0},
        {"booster_factor": "wide"},
    ],
)
def test_a_manifest_with_what_it_should_not_hold_is_refused(copied, changes):
    with pytest.raises(TamperedError, match="not a manifest of format 1"):
        artefact.load(with_manifest(copied(), **changes))


@pytest.mark.parametrize(
    "name",
    [
        "../outside.npz",
        "/etc/passwd",
        "a/../../outside.npz",
        "boosters/../../outside.npz",
        "..\\outside.npz",
        "arrays.npz\n",
        "arrays.pkl",
        "a/b/c.npz",
        "~/x.npz",
        "C:/x.npz",
    ],
)
def test_a_name_that_leaves_the_folder_is_refused(copied, tmp_path, name):
    folder = copied()
    (tmp_path / "outside.npz").write_bytes(b"x")
    files = json.loads((folder / "manifest.json").read_text())["files"]
    with_manifest(folder, files=files | {name: hashlib.sha256(b"x").hexdigest()})
    with pytest.raises(TamperedError, match="not a manifest of format 1"):
        artefact.load(folder)


def test_a_manifest_that_does_not_list_what_a_model_needs_is_refused(copied):
    folder = copied()
    files = json.loads((folder / "manifest.json").read_text())["files"]
    del files["self_test.npz"]
    with_manifest(folder, files=files)
    (folder / "self_test.npz").unlink()
    with pytest.raises(ArtefactError, match=r"does not list arrays\.npz, .* and self_test\.npz"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["arrays.npz", "manifest.json"])
def test_a_link_out_of_the_folder_is_refused_though_its_content_is_right(copied, tmp_path, name):
    folder = copied()
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TamperedError, match="a link that leaves the model's folder"):
        artefact.load(folder)


def test_a_linked_folder_of_boosters_is_refused(copied, tmp_path):
    folder = copied("xgboost")
    (folder / "boosters").rename(tmp_path / "elsewhere")
    (folder / "boosters").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(ArtefactError):
        artefact.load(folder)


def test_the_folder_itself_may_be_a_link(saved, tmp_path):
    (tmp_path / "current").symlink_to(saved(), target_is_directory=True)
    assert artefact.load(tmp_path / "current").identity.name == "made-up"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(copied):
    folder = copied()
    (folder / "arrays.npz").unlink()
    os.mkfifo(folder / "arrays.npz")
    with pytest.raises(TamperedError, match="not a plain file"):
        artefact.load(folder)


def test_a_file_too_large_is_refused_before_it_is_read(copied, monkeypatch):
    monkeypatch.setattr(artefact, "LARGEST_FILE", 10_000)
    with pytest.raises(ArtefactError, match="larger than"):
        artefact.load(copied())


# another format, another study


def test_a_newer_format_asks_for_an_upgrade(copied):
    with pytest.raises(NewerFormatError, match=r"written in format 2.* reads format 1: upgrade acrcast"):
        artefact.load(with_manifest(copied(), format=2, whatever="is new"))


def test_other_fields_than_the_models_are_refused(copied):
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


def test_a_study_that_does_not_ship_must_be_named(a_model, one_arm, tmp_path):
    artefact.save(a_model("hierarchical", one_arm), PROVENANCE, tmp_path / "model")
    with pytest.raises(UsageError, match="the study 'one-arm', which does not ship: name its file by --study"):
        artefact.load(tmp_path / "model")


def test_a_study_that_is_the_path_of_a_file_is_never_run(copied, tmp_path):
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UsageError, match="does not ship"):
        artefact.load(with_manifest(copied(), study=str(tmp_path / "evil.py")))
    assert not (tmp_path / "ran").exists()


# poison with digests that are right


class Poison:
    """Leaves a file where it was asked to, if anything ever unpickles it."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickled_object_among_the_arrays_is_never_loaded(copied, tmp_path):
    folder = copied()
    objects = np.empty(1, dtype=object)
    objects[0] = Poison(tmp_path / "ran")
    content = npz(arrays_of(folder) | {"mean": objects}, allow_pickle=True)
    rewrite(folder, arrays_npz=content)
    with pytest.raises(ArtefactError, match=r"arrays\.npz: not plain arrays of numbers; pickled objects"):
        artefact.load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["arrays_npz", "self_test_npz", "card_json"])
def test_a_pickle_in_place_of_a_file_is_never_loaded(copied, tmp_path, name):
    folder = copied()
    rewrite(folder, **{name: pickle.dumps(Poison(tmp_path / "ran"))})
    with pytest.raises(ArtefactError):
        artefact.load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kept", [0, 10, 1000, -1, -30])
def test_truncated_arrays_are_refused(copied, kept):
    folder = copied()
    content = (folder / "arrays.npz").read_bytes()
    rewrite(folder, arrays_npz=content[:kept])
    with pytest.raises(ArtefactError, match=r"arrays\.npz: not plain arrays"):
        artefact.load(folder)


@pytest.mark.parametrize(
    "mean",
    [
        np.array(["a", "b"]),
        np.array([1j, 2j]),
        np.zeros(2, dtype=[("a", "f8"), ("b", "f8")]),
        np.array([1, 2]),
    ],
)
def test_arrays_of_anything_but_numbers_are_refused(copied, mean):
    folder = copied()
    rewrite(folder, arrays_npz=npz(arrays_of(folder) | {"mean": mean}))
    with pytest.raises(ArtefactError, match="not plain arrays of numbers"):
        artefact.load(folder)


def test_compressed_arrays_are_refused_so_that_a_small_file_cannot_fill_the_memory(copied):
    folder = copied()
    rewrite(folder, arrays_npz=npz({"mean": np.zeros(1_000_000)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(ArtefactError, match="not plain arrays"):
        artefact.load(folder)


@pytest.mark.parametrize("shape", ["(9223372036854775807,)", "(1000000000000, 1000)", "(-1,)", "(1.5,)"])
def test_an_array_that_claims_a_size_it_has_not_is_refused(copied, shape):
    folder = copied()
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(16)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mean.npy", content)
    rewrite(folder, arrays_npz=buffer.getvalue())
    with pytest.raises(ArtefactError, match="not plain arrays"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["mean", "members", "nodes", "range_excess", "range_distance", "averages"])
def test_an_array_that_is_not_there_is_refused(copied, name):
    folder = copied()
    arrays = arrays_of(folder)
    del arrays[name]
    rewrite(folder, arrays_npz=npz(arrays))
    with pytest.raises(ArtefactError, match="arrays are not those of format 1"):
        artefact.load(folder)


@pytest.mark.parametrize(
    "name",
    [
        "mean",
        "sd",
        "conditional_mean",
        "conditional_covariance",
        "nodes",
        "point",
        "members",
        "range_low",
        "range_excess",
        "range_distance",
    ],
)
def test_an_array_of_another_shape_is_refused(copied, name):
    folder = copied()
    arrays = arrays_of(folder)
    rewrite(folder, arrays_npz=npz(arrays | {name: arrays[name][..., :-1].copy()}))
    with pytest.raises(ArtefactError):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["mean", "sd", "conditional_covariance", "nodes", "point", "members"])
@pytest.mark.parametrize("value", [1.5, np.nan, np.inf])
def test_a_changed_number_fails_the_self_test_though_the_digests_are_right(copied, name, value):
    folder = copied()
    arrays = arrays_of(folder)
    arrays[name][...] = value
    rewrite(folder, arrays_npz=npz(arrays))
    with pytest.raises(ArtefactError):
        artefact.load(folder)


@pytest.mark.parametrize("change", [1e-6, np.nan])
def test_a_self_test_with_other_answers_is_refused(copied, change):
    folder = copied()
    arrays = arrays_of(folder, "self_test.npz")
    arrays["answers"][3, 1] += change
    rewrite(folder, self_test_npz=npz(arrays))
    with pytest.raises(TamperedError, match=r"no longer gives the answers recorded in self_test\.npz"):
        artefact.load(folder)


def test_a_self_test_of_nothing_is_refused(copied):
    folder = copied()
    arrays = arrays_of(folder, "self_test.npz")
    rewrite(folder, self_test_npz=npz({name: array[:0].copy() for name, array in arrays.items()}))
    with pytest.raises(TamperedError):
        artefact.load(folder)


@pytest.mark.parametrize("arrays", [{}, {"rows": np.zeros((16, 3)), "answers": np.zeros((16, 9))}])
def test_a_self_test_that_cannot_be_run_is_refused(copied, arrays):
    folder = copied()
    rewrite(folder, self_test_npz=npz(arrays))
    with pytest.raises(TamperedError, match="the self-test cannot be run"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["card", "evidence"])
@pytest.mark.parametrize("content", [b"not json", b"[1]", b"3", b"[" * 100_000])
def test_a_card_or_evidence_that_is_no_object_is_refused(copied, name, content):
    folder = copied()
    rewrite(folder, **{f"{name}_json": content})
    with pytest.raises(ArtefactError, match=f"{name}.json: not"):
        artefact.load(folder)


@pytest.mark.parametrize("content", [b"", b"not a booster", b"{" + b"x" * 1000])
def test_a_booster_that_is_none_is_refused(copied, content):
    folder = copied("xgboost")
    name = "boosters/member_003.ubj"
    rewrite(folder, **{name: content})
    with pytest.raises(ArtefactError):
        artefact.load(folder)


def test_another_booster_in_place_of_the_estimate_fails_the_self_test(copied):
    folder = copied("xgboost")
    rewrite(folder, **{"boosters/point.ubj": (folder / "boosters" / "member_000.ubj").read_bytes()})
    with pytest.raises(TamperedError, match="no longer gives the answers"):
        artefact.load(folder)


def test_no_refusal_runs_to_a_traceback_of_another_kind(copied):
    """Whatever single byte of the arrays is changed, with the right digest, the answer is a model or a refusal."""
    folder = copied()
    content = (folder / "arrays.npz").read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(content), 60):
        changed = bytearray(content)
        changed[position] ^= 1 << int(rng.integers(8))
        rewrite(folder, arrays_npz=bytes(changed))
        try:
            artefact.load(folder)
        except ArtefactError:
            continue
