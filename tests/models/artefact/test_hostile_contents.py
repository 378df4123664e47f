"""Poison with digests that are right: none of it is run, and none of it is believed."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from acrcast import artefact
from acrcast.errors import (
    ArtefactError,
    TamperedError,
)
from acrcast.estimators.boosted import as_bytes


class Poison:
    """Leaves a file where it was asked to, if anything ever unpickles it."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickled_object_among_the_arrays_is_never_loaded(copied, tmp_path, rewrite, npz, arrays_of):
    folder = copied()
    objects = np.empty(1, dtype=object)
    objects[0] = Poison(tmp_path / "ran")
    content = npz(arrays_of(folder) | {"mean": objects}, allow_pickle=True)
    rewrite(folder, arrays_npz=content)
    with pytest.raises(ArtefactError, match=r"arrays\.npz: not plain arrays of numbers; pickled objects"):
        artefact.load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["arrays_npz", "self_test_npz", "card_json"])
def test_a_pickle_in_place_of_a_file_is_never_loaded(copied, tmp_path, name, rewrite):
    folder = copied()
    rewrite(folder, **{name: pickle.dumps(Poison(tmp_path / "ran"))})
    with pytest.raises(ArtefactError):
        artefact.load(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kept", [0, 10, 1000, -1, -30])
def test_truncated_arrays_are_refused(copied, kept, rewrite):
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
def test_arrays_of_anything_but_numbers_are_refused(copied, mean, rewrite, npz, arrays_of):
    folder = copied()
    rewrite(folder, arrays_npz=npz(arrays_of(folder) | {"mean": mean}))
    with pytest.raises(ArtefactError, match="not plain arrays of numbers"):
        artefact.load(folder)


def test_compressed_arrays_are_refused_so_that_a_small_file_cannot_fill_the_memory(copied, rewrite, npz):
    folder = copied()
    rewrite(folder, arrays_npz=npz({"mean": np.zeros(1_000_000)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(ArtefactError, match="not plain arrays"):
        artefact.load(folder)


@pytest.mark.parametrize("shape", ["(9223372036854775807,)", "(1000000000000, 1000)", "(-1,)", "(1.5,)"])
def test_an_array_that_claims_a_size_it_has_not_is_refused(copied, shape, rewrite):
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
def test_an_array_that_is_not_there_is_refused(copied, name, rewrite, npz, arrays_of):
    folder = copied()
    arrays = arrays_of(folder)
    del arrays[name]
    rewrite(folder, arrays_npz=npz(arrays))
    with pytest.raises(ArtefactError, match="arrays are not those of format 2"):
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
def test_an_array_of_another_shape_is_refused(copied, name, rewrite, npz, arrays_of):
    folder = copied()
    arrays = arrays_of(folder)
    rewrite(folder, arrays_npz=npz(arrays | {name: arrays[name][..., :-1].copy()}))
    with pytest.raises(ArtefactError):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["mean", "sd", "conditional_covariance", "nodes", "point", "members"])
@pytest.mark.parametrize("value", [1.5, np.nan, np.inf])
def test_a_changed_number_fails_the_self_test_though_the_digests_are_right(
    copied, name, value, rewrite, npz, arrays_of
):
    folder = copied()
    arrays = arrays_of(folder)
    arrays[name][...] = value
    rewrite(folder, arrays_npz=npz(arrays))
    with pytest.raises(ArtefactError):
        artefact.load(folder)


@pytest.mark.parametrize("change", [1e-6, np.nan])
def test_a_self_test_with_other_answers_is_refused(copied, change, rewrite, npz, arrays_of):
    folder = copied()
    arrays = arrays_of(folder, "self_test.npz")
    arrays["answers"][3, 1] += change
    rewrite(folder, self_test_npz=npz(arrays))
    with pytest.raises(TamperedError, match=r"no longer gives the answers recorded in self_test\.npz"):
        artefact.load(folder)


def test_a_self_test_of_nothing_is_refused(copied, rewrite, npz, arrays_of):
    folder = copied()
    arrays = arrays_of(folder, "self_test.npz")
    rewrite(folder, self_test_npz=npz({name: array[:0].copy() for name, array in arrays.items()}))
    with pytest.raises(TamperedError):
        artefact.load(folder)


@pytest.mark.parametrize("arrays", [{}, {"rows": np.zeros((16, 3)), "answers": np.zeros((16, 9))}])
def test_a_self_test_that_cannot_be_run_is_refused(copied, arrays, rewrite, npz):
    folder = copied()
    rewrite(folder, self_test_npz=npz(arrays))
    with pytest.raises(TamperedError, match="the self-test cannot be run"):
        artefact.load(folder)


@pytest.mark.parametrize("name", ["card", "evidence"])
@pytest.mark.parametrize("content", [b"not json", b"[1]", b"3", b"[" * 100_000])
def test_a_card_or_evidence_that_is_no_object_is_refused(copied, name, content, rewrite):
    folder = copied()
    rewrite(folder, **{f"{name}_json": content})
    with pytest.raises(ArtefactError, match=f"{name}.json: not"):
        artefact.load(folder)


@pytest.mark.parametrize("content", [b"", b"not a booster", b"{" + b"x" * 1000])
def test_a_booster_that_is_none_is_refused(copied, content, rewrite):
    folder = copied("xgboost")
    name = "booster.ubj"
    rewrite(folder, **{name: content})
    with pytest.raises(ArtefactError):
        artefact.load(folder)


def trees_on(features):
    import xgboost as xgb

    rng = np.random.default_rng(0)
    data = xgb.DMatrix(rng.standard_normal((50, features)), label=np.arange(50) % 2, nthread=1)
    return as_bytes(xgb.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 3))


def test_trees_on_another_number_of_features_are_refused(copied, rewrite, arrays_of):
    folder = copied("xgboost")
    rewrite(folder, **{"booster.ubj": trees_on(len(arrays_of(folder)["mean"]))})
    with pytest.raises(ArtefactError, match="another number of features"):
        artefact.load(folder)


def test_other_trees_in_place_of_the_estimate_fail_the_self_test(copied, rewrite, arrays_of):
    folder = copied("xgboost")
    rewrite(folder, **{"booster.ubj": trees_on(1 + len(arrays_of(folder)["mean"]))})
    with pytest.raises(TamperedError, match="no longer gives the answers"):
        artefact.load(folder)


def test_no_refusal_runs_to_a_traceback_of_another_kind(copied, rewrite):
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
