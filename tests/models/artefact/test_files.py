"""Files of a model that are not there, or not as they were: all must be refused."""

import hashlib
import json
import os
import sys

import pytest

from acrcast import artefact
from acrcast.artefact import files
from acrcast.errors import (
    ArtefactError,
    TamperedError,
)


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
    (folder / "booster.ubj").unlink()
    with pytest.raises(ArtefactError, match=r"booster\.ubj is missing"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["arrays.npz", "card.json", "evidence.json", "self_test.npz", "booster.ubj"])
def test_a_changed_byte_in_any_file_is_noticed(copied, name):
    folder = copied("xgboost")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(TamperedError, match=f"{name}: its content differs from the digest in manifest.json"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["extra.txt", "evil.pkl", "more.ubj", ".hidden", "deep/er/file.npz"])
def test_a_file_that_is_not_listed_is_refused(copied, name):
    folder = copied()
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    with pytest.raises(TamperedError, match=f"{name} does not belong to the model"):
        artefact.load(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 2}', b'{"format": "2"}'],
)
def test_a_manifest_that_is_none_is_refused(copied, content):
    folder = copied()
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(TamperedError, match="not a manifest of format 2"):
        artefact.load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"contract": "abc"},
        {"training_data": "real"},
        {"files": []},
        {"format": 0},
        {"booster_factor": 2.0},
    ],
)
def test_a_manifest_with_what_it_should_not_hold_is_refused(copied, changes, with_manifest):
    with pytest.raises(TamperedError, match="not a manifest of format 2"):
        artefact.load(with_manifest(copied(), **changes))


@pytest.mark.parametrize(
    "name",
    [
        "../outside.npz",
        "/etc/passwd",
        "a/../../outside.npz",
        "a/b.npz",
        "..\\outside.npz",
        "arrays.npz\n",
        "arrays.pkl",
        "a/b/c.npz",
        "~/x.npz",
        "C:/x.npz",
    ],
)
def test_a_name_that_leaves_the_folder_is_refused(copied, tmp_path, name, with_manifest):
    folder = copied()
    (tmp_path / "outside.npz").write_bytes(b"x")
    files = json.loads((folder / "manifest.json").read_text())["files"]
    with_manifest(folder, files=files | {name: hashlib.sha256(b"x").hexdigest()})
    with pytest.raises(TamperedError, match="not a manifest of format 2"):
        artefact.load(folder)


def test_a_manifest_that_does_not_list_what_a_model_needs_is_refused(copied, with_manifest):
    folder = copied()
    files = json.loads((folder / "manifest.json").read_text())["files"]
    del files["self_test.npz"]
    with_manifest(folder, files=files)
    (folder / "self_test.npz").unlink()
    with pytest.raises(ArtefactError, match=r"does not list arrays\.npz, .* and self_test\.npz"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["arrays.npz", "booster.ubj", "manifest.json"])
def test_a_link_out_of_the_folder_is_refused_though_its_content_is_right(copied, tmp_path, name):
    folder = copied("xgboost")
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TamperedError, match="a link that leaves the model's folder"):
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
    monkeypatch.setattr(files, "LARGEST_FILE", 10_000)
    with pytest.raises(ArtefactError, match="larger than"):
        artefact.load(copied())
