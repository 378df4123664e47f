"""Excel workbooks: what is stored is read, and what Excel may have changed is told."""

import datetime as dt

import pytest
from openpyxl import Workbook

from acrcast_training.data.readers import read_table

from .conftest import cells


@pytest.fixture
def workbook(tmp_path):
    """Writes sheets of rows; `change` may do more to the workbook before it is saved."""

    def write(change=None, name="trial.xlsx", **sheets):
        book = Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        if change:
            change(book)
        book.save(tmp_path / name)
        return tmp_path / name

    return write


ROWS = [["patient_id", "age_years", "sick", "day"], ["P1", 54, True, dt.date(2026, 1, 31)], ["P2", 0.1, None, None]]
READ = {"patient_id": ["P1", "P2"], "age_years": ["54", "0.1"], "sick": ["true", ""], "day": ["2026-01-31", ""]}


def test_the_only_sheet_is_read_with_the_rows_that_excel_shows(workbook):
    table = read_table(workbook(Patients=[[None], ROWS[0], ROWS[1], [None], ROWS[2]]))
    assert cells(table) == READ
    assert table.rows.tolist() == [3, 5]


def test_a_note_says_that_excel_changes_what_is_typed_and_where_to_look(workbook):
    def zeros(book):
        book["Patients"]["B2"].number_format = "0000"

    (note,) = read_table(workbook(zeros, Patients=[*ROWS, ["P3", "x", None, None]])).notes
    assert note.code == "DATA107"
    assert "dates in day" in note.message
    assert "numbers with zeros at the front, which are not stored in age_years" in note.message
    assert "numbers beside text in age_years" in note.message


def test_of_several_sheets_one_must_be_named(workbook, refused):
    path = workbook(Read_me=[["hello"]], Patients=ROWS)
    assert refused(path) == [("DATA001", None, "")]
    assert refused(path.with_name("trial.xlsx#Other")) == [("DATA001", None, "")]
    table = read_table(path.with_name("trial.xlsx#Patients"))
    assert cells(table) == READ
    assert table.file == "trial.xlsx#Patients"


def test_a_hidden_sheet_is_none_to_choose_from(workbook):
    def hide(book):
        book["Codes"].sheet_state = "hidden"

    assert cells(read_table(workbook(hide, Codes=[["x"]], Patients=ROWS))) == READ


def test_a_formula_whose_result_is_not_stored_is_told_with_row_and_column(workbook, refused):
    assert refused(workbook(P=[["patient_id", "age_years"], ["P1", 54], ["P2", "=B2+1"]])) == [
        ("DATA011", 3, "age_years")
    ]


def test_an_error_of_excel_is_told_with_row_and_column(workbook, refused):
    assert refused(workbook(P=[["patient_id", "age_years"], ["P1", "#DIV/0!"]])) == [("DATA011", 2, "age_years")]


def test_merged_cells_are_refused(workbook, refused):
    def merge(book):
        book["P"].merge_cells("A2:A3")

    assert refused(workbook(merge, P=[["patient_id"], ["P1"], ["P2"]])) == [("DATA001", None, "")]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x,y\n"])
def test_what_is_no_workbook_is_refused(tmp_path, refused, content):
    (tmp_path / "t.xlsx").write_bytes(content)
    assert refused(tmp_path / "t.xlsx") == [("DATA001", None, "")]


def test_a_workbook_that_was_cut_off_is_refused(workbook, refused):
    path = workbook(P=ROWS)
    path.write_bytes(path.read_bytes()[:-100])
    assert refused(path) == [("DATA001", None, "")]


def test_an_empty_sheet_is_refused(workbook, refused):
    assert refused(workbook(P=[])) == [("DATA001", None, "")]
