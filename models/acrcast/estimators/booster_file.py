"""Boosted trees read from XGBoost's own file, and checked before they are believed.

Universal Binary JSON (ubjson.org, draft 12) as XGBoost writes it. The trees' arrays are then checked against each other:
every index stays within its array and every child comes after its parent, so that each row of data ends in a leaf.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

DEEPEST = 16
LONGEST = 1_000_000
_FORMS = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_NUMBERS = {marker: struct.Struct(f">{form}") for marker, form in _FORMS.items()}
_ARRAYS = {marker: np.dtype(f">{form}") for marker, form in _FORMS.items()}
_WHOLE = (b"i", b"U", b"I", b"l", b"L")
_CONSTANTS: Mapping[bytes, Any] = {b"T": True, b"F": False, b"Z": None}
_OF_NODES = (
    "base_weights",
    "default_left",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def read_booster(content: bytes, features: int) -> Mapping[str, Any]:
    """XGBoost's `learner`, from its UBJSON. Raises ValueError unless it is trees on so many features for one probability."""
    try:
        learner: Mapping[str, Any] = _Reader(content).document()["learner"]
        model = learner["gradient_booster"]["model"]
        _require(learner["gradient_booster"]["name"] == "gbtree", "not trees")
        _require(learner["objective"]["name"] == "binary:logistic", "not for a probability")
        _require(learner["learner_model_param"]["num_feature"] == str(features), "on another number of features")
        _require(learner["learner_model_param"]["num_class"] in ("0", "1"), "for more than two classes")
        _require(learner["learner_model_param"]["num_target"] == "1", "for more than one outcome")
        _require(not model["cats"]["enc"], "with categories")
        trees = model["trees"]
        _require(0 < len(trees) <= LONGEST, "without trees")
        _require(model["gbtree_model_param"] == {"num_parallel_tree": "1", "num_trees": str(len(trees))}, "miscounted")
        _require(list(model["iteration_indptr"]) == list(range(len(trees) + 1)), "one tree a round is expected")
        _require(list(model["tree_info"]) == [0] * len(trees), "one group is expected")
        for number, tree in enumerate(trees):
            _require(tree["id"] == number, "trees in another order")
            _check_tree(tree, features)
        _require(isinstance(learner["learner_model_param"]["base_score"], str), "a base score that is no text")
    except (KeyError, TypeError, AttributeError, OverflowError, UnicodeDecodeError, struct.error) as error:
        raise ValueError("not a booster of the form that XGBoost writes") from error
    return learner


def _check_tree(tree: Mapping[str, Any], features: int) -> None:
    nodes = len(tree["left_children"])
    expected = {"num_deleted": "0", "num_feature": str(features), "num_nodes": str(nodes), "size_leaf_vector": "1"}
    _require(nodes > 0 and tree["tree_param"] == expected, "miscounted nodes")
    _require(all(len(tree[name]) == nodes for name in _OF_NODES), "arrays of unequal length")
    _require(all(len(tree[name]) == 0 for name in _CATEGORIES), "splits by category")
    left, right, parents, feature, kind = (
        np.asarray(tree[name]) for name in ("left_children", "right_children", "parents", "split_indices", "split_type")
    )
    _require(all(array.dtype.kind in "iu" for array in (left, right, parents, feature, kind)), "fractional indices")
    number = np.arange(nodes)
    leaf = left == -1
    _require(bool(np.all((right == -1) == leaf)), "a node with one child")
    _require(bool(np.all(feature >= 0) and np.all(feature < features) and np.all(kind == 0)), "an unknown feature")
    inner = number[~leaf]
    for child in (left[inner], right[inner]):
        _require(bool(np.all(child > inner) and np.all(child < nodes)), "a child before its parent")
        _require(bool(np.all(parents[child] == inner)), "a child of another")
    children = np.sort(np.concatenate([left[inner], right[inner]]))
    _require(bool(np.array_equal(children, number[1:])), "a node without a parent")
    for name in ("base_weights", "split_conditions", "sum_hessian", "loss_changes"):
        _require(bool(np.isfinite(np.asarray(tree[name], dtype=np.float64)).all()), "a number that is none")


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001  reads as a sentence
    if not holds:
        raise ValueError(f"not a booster of the form that XGBoost writes: {otherwise}")


class _Reader:
    """Reads one document, and nothing after it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def document(self) -> Any:  # noqa: ANN401  whatever the document holds
        value = self._value(self._take(1), 0)
        _require(self._at == len(self._content), "more after its end")
        return value

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._content):
            raise ValueError("not a booster of the form that XGBoost writes: cut short")
        taken = self._content[self._at : end]
        self._at = end
        return taken

    def _value(self, marker: bytes, depth: int) -> Any:  # noqa: ANN401  any kind of value
        if marker in _NUMBERS:
            return self._number(marker)
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker == b"S":
            return self._text()
        _require(depth < DEEPEST, "too deep")
        if marker == b"[":
            return self._array(depth + 1)
        _require(marker == b"{", "an unknown kind of value")
        return self._object(depth + 1)

    def _number(self, marker: bytes) -> float:
        form = _NUMBERS[marker]
        number: float = form.unpack(self._take(form.size))[0]
        return number

    def _length(self) -> int:
        marker = self._take(1)
        if marker not in _WHOLE:
            raise ValueError("not a booster of the form that XGBoost writes: a length that is no whole number")
        length = int(self._number(marker))
        if not 0 <= length <= len(self._content):
            raise ValueError("not a booster of the form that XGBoost writes: a length beyond its end")
        return length

    def _text(self) -> str:
        return self._take(self._length()).decode("utf-8")

    def _array(self, depth: int) -> Sequence[Any] | npt.NDArray[Any]:
        marker = self._take(1)
        if marker == b"$":
            kind = self._take(1)
            _require(kind in _NUMBERS and self._take(1) == b"#", "an array of an unknown kind")
            form = _ARRAYS[kind]
            return np.frombuffer(self._take(self._length() * form.itemsize), dtype=form)
        if marker == b"#":
            return [self._value(self._take(1), depth) for _ in range(self._length())]
        values = []
        while marker != b"]":
            values.append(self._value(marker, depth))
            marker = self._take(1)
        return values

    def _object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while self._take(1) != b"}":
            self._at -= 1
            name = self._text()
            _require(name not in members, "a name given twice")
            members[name] = self._value(self._take(1), depth)
        return members
