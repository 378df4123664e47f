"""Bytes that XGBoost is given, and those that it is not."""

import json

import numpy as np
import pytest
import xgboost as xgb

from acrcast.estimators.booster_file import read_booster
from acrcast.estimators.trees import Trees

FEATURES = 4


@pytest.fixture(scope="module")
def booster():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, FEATURES))
    data = xgb.DMatrix(X, label=(X[:, 0] > 0).astype(float), nthread=1)
    return xgb.train({"max_depth": 2, "objective": "binary:logistic", "nthread": 1}, data, 5)


@pytest.fixture(scope="module")
def content(booster):
    return bytes(booster.save_raw("ubj"))


@pytest.fixture
def changed(booster):
    """The booster's bytes after its document was changed; XGBoost itself refuses what makes no sense to it."""

    def change(edit):
        document = json.loads(booster.save_raw("json"))
        edit(document["learner"]["gradient_booster"]["model"])
        return as_ubjson(document)

    return change


def as_ubjson(value):
    """The same document in Universal Binary JSON, by its plainest forms."""
    if isinstance(value, dict):
        inside = b"".join(length(name.encode()) + as_ubjson(item) for name, item in value.items())
        return b"{" + inside + b"}"
    if isinstance(value, list):
        return b"[" + b"".join(map(as_ubjson, value)) + b"]"
    if isinstance(value, str):
        return b"S" + length(value.encode())
    if isinstance(value, int):
        return b"L" + value.to_bytes(8, "big", signed=True)
    return b"D" + np.array(value, dtype=">f8").tobytes()


def length(text):
    return b"L" + len(text).to_bytes(8, "big") + text


def refused(content, features=FEATURES):
    try:
        read_booster(content, features)
    except ValueError as error:
        assert str(error).startswith("not a booster of the form that XGBoost writes")  # noqa: PT017
        return True
    return False


def test_what_xgboost_writes_is_accepted(content, changed):
    assert not refused(content)
    assert not refused(changed(lambda _: None))


@pytest.mark.parametrize("features", [3, 5])
def test_trees_on_another_number_of_features_are_refused(content, features):
    assert refused(content, features)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"x",
        b"{",
        b"{}",
        b"[]",
        b"Z",
        b"{L",
        b"{" + b"x" * 1000,
        b"[" * 5000,
        b"{i\x01a" * 5000,
        b"[$d#L\x7f" + b"\xff" * 7,
    ],
)
def test_what_is_no_document_of_trees_is_refused(junk):
    assert refused(junk)


def test_a_document_cut_short_or_with_more_after_it_is_refused(content):
    assert all(refused(content[:kept]) for kept in range(0, len(content), 97))
    assert refused(content + b"\x00")


def set_in_tree(name, position, value):
    def edit(model):
        model["trees"][1][name][position] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        set_in_tree("left_children", 0, 10**6),
        set_in_tree("left_children", 0, -7),
        set_in_tree("left_children", 0, 0),  # round and round
        set_in_tree("right_children", 0, 1),  # the same child twice
        set_in_tree("right_children", 0, -1),
        set_in_tree("left_children", 0, 1.0),
        set_in_tree("parents", 1, 2),
        set_in_tree("split_indices", 0, FEATURES),
        set_in_tree("split_indices", 0, -1),
        set_in_tree("split_type", 0, 1),
        set_in_tree("split_conditions", 0, float("nan")),
        set_in_tree("base_weights", 0, float("inf")),
        lambda model: model["trees"][1].update(id=3),
        lambda model: model["trees"][1]["default_left"].pop(),
        lambda model: model["trees"][1]["categories"].append(1),
        lambda model: model["trees"][1]["tree_param"].update(num_nodes="100"),
        lambda model: model["trees"].pop(),
        lambda model: model.update(trees=[]),
        lambda model: model["tree_info"].__setitem__(0, 5),
        lambda model: model["iteration_indptr"].__setitem__(1, 10**9),
        lambda model: model["gbtree_model_param"].update(num_trees="-1"),
    ],
)
def test_trees_that_would_lead_out_of_their_arrays_are_refused(changed, edit):
    assert refused(changed(edit))


@pytest.mark.slow
def test_whatever_bit_is_changed_what_is_let_through_predicts_numbers(content):
    rng = np.random.default_rng(0)
    X, through = rng.standard_normal((3, FEATURES)), 0
    for _ in range(300):
        flipped = bytearray(content)
        flipped[rng.integers(len(flipped))] ^= 1 << int(rng.integers(8))
        if not refused(bytes(flipped)):
            try:
                trees = Trees.of(bytes(flipped), FEATURES)
            except ValueError:
                continue
            assert trees.log_odds(X).shape == (3,)
            assert trees.contributions(X).shape == (3, FEATURES + 1)
            through += 1
    assert through
