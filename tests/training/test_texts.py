"""Columns of text as what is said in them, each once."""

import numpy as np
import pytest

from acrcast_training.data import table
from acrcast_training.data.table import Collected, Texts, table_of


def collected(cells, at_once=3):
    column = Collected()
    for first in range(0, len(cells), at_once):
        column.extend(cells[first : first + at_once])
    return column.texts()


def test_cells_come_back_as_they_were():
    cells = ["a", "b", "", "a", "a", "c"]
    found = collected(cells)
    assert found.cells().tolist() == cells
    assert sorted(found.texts.tolist()) == ["", "a", "b", "c"]


def test_na_is_missing():
    assert collected(["NA", "", "1"]).cells().tolist() == ["", "", "1"]


def test_a_million_cells_that_say_few_things_take_a_byte_each():
    assert collected(["yes", "no"] * 500, at_once=1000).which.dtype == np.uint8


@pytest.mark.parametrize("cells", [[f"P{i}" for i in range(20)] + ["P3", "NA", ""], [f"P{'x' * i}" for i in range(30)]])
def test_identifiers_of_which_hardly_two_are_the_same_are_each_there_once(monkeypatch, cells):
    monkeypatch.setattr(table, "MANY", 4)
    found = collected(cells)
    assert found.cells().tolist() == ["" if cell == "NA" else cell for cell in cells]
    assert len(set(found.texts.tolist())) == len(found.texts)


def test_which_cells_repeat_an_earlier_one():
    assert collected(["a", "b", "a", "c", "b"]).repeated().tolist() == [False, False, True, False, True]


def test_where_another_column_says_the_same_first():
    patients = Texts.of(np.array(["P2", "P1", "P2", "P9"], dtype=object))
    visits = Texts.of(np.array(["P1", "P7", "P2"], dtype=object))
    assert dict(zip(visits.texts, visits.first_in(patients), strict=True)) == {"P1": 1, "P7": -1, "P2": 0}


def test_a_column_without_cells_says_nothing():
    empty = Texts.of(np.array([], dtype=object))
    assert Texts.of(np.array(["P1"], dtype=object)).first_in(empty).tolist() == [-1]
    assert table_of("a.csv", ["x"], [[]], []).columns["x"].tolist() == []


def test_asking_for_a_name_makes_no_cells(monkeypatch):
    made = table_of("a.csv", ["x"], [["1"]], [2])
    monkeypatch.setattr(Texts, "cells", lambda _: pytest.fail("cells were made"))
    assert "x" in made.columns
    assert list(made.columns) == ["x"]
