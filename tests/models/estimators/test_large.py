"""Of many patients no whole array is made: a block at a time gives what the array gives."""

import numpy as np
import pytest

from acrcast.estimators import boosted, rows
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.rows import StandardisedRows, prepare

WEIGHTS = np.random.default_rng(2).integers(0, 3, (2, 90)).astype(float)


@pytest.fixture
def trial(a_trial, ld_il2):
    return a_trial(ld_il2, 90, strength=2.0, missing=0.1, below=0.1)


def prepared(trial):
    return prepare(trial.rows, WEIGHTS, np.random.default_rng(0))


@pytest.fixture
def nothing_is_kept(monkeypatch):
    """As if ninety patients were a million."""
    monkeypatch.setattr(rows, "LARGEST_KEPT", 0)
    monkeypatch.setattr(boosted, "LARGEST_KEPT", 0)


def test_rows_that_are_made_when_they_are_indexed_are_those_of_the_array(trial, monkeypatch):
    whole = prepared(trial).Z
    monkeypatch.setattr(rows, "LARGEST_KEPT", 0)
    made = prepared(trial).Z
    assert isinstance(made, StandardisedRows)
    assert made.shape == whole.shape
    some = np.array([3, 4, 50, 7])
    for key in (0, (1, some), (slice(None), some), (slice(None), slice(10, 20)), slice(None)):
        np.testing.assert_array_equal(made[key], whole[key])


def test_what_is_missing_is_drawn_alike_however_many_patients_at_a_time(trial, monkeypatch):
    together = prepared(trial).Z
    monkeypatch.setattr(rows, "row_blocks", lambda n, _: (slice(i, min(i + 7, n)) for i in range(0, n, 7)))
    np.testing.assert_allclose(prepared(trial).Z, together, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_is_the_same(trial, name, request):
    def risks():
        ready = prepared(trial)
        return CANDIDATES[name].fit(ready, np.random.default_rng(1)).risk(ready.arm, ready.Z)

    expected = risks()
    request.getfixturevalue("nothing_is_kept")
    np.testing.assert_array_equal(risks(), expected)


@pytest.mark.usefixtures("nothing_is_kept")
def test_rows_of_a_booster_come_a_block_at_a_time(trial, monkeypatch):
    ready = prepared(trial)
    taken = np.arange(0, len(ready.patient), 2)
    whole = boosted._matrix(ready, 0, taken)
    monkeypatch.setattr(boosted, "row_blocks", lambda n, _: iter([slice(i, min(i + 7, n)) for i in range(0, n, 7)]))
    parts = boosted._matrix(ready, 0, taken)
    assert parts.num_row() == whole.num_row() == taken.size
    np.testing.assert_array_equal(parts.get_label(), whole.get_label())
    np.testing.assert_array_equal(parts.get_data().toarray(), whole.get_data().toarray())
