"""Data files as text: what a cell says and where it stands."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from acrcast.errors import DataError
from acrcast_training.data.readers import read_table


@pytest.fixture
def csv_file(tmp_path):
    def write(content: str | bytes, name: str = "trial.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def parquet_file(tmp_path):
    def write(**columns):
        path = tmp_path / "trial.parquet"
        pq.write_table(pa.table(columns), path)
        return path

    return write


def cells(table):
    return {name: column.tolist() for name, column in table.columns.items()}


def problems_of(path):
    with pytest.raises(DataError) as refused:
        read_table(path)
    return [(problem.code, problem.file, problem.row) for problem in refused.value.problems]


def test_cells_are_text_in_the_order_of_the_file(csv_file):
    table = read_table(csv_file("patient_id,age_years\nP1,54\nP2,5.40\n"))
    assert table.file == "trial.csv"
    assert cells(table) == {"patient_id": ["P1", "P2"], "age_years": ["54", "5.40"]}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_row_is_the_line_that_an_editor_shows_whatever_ends_it(csv_file, line_end):
    table = read_table(csv_file(line_end.join(["patient_id", "P1", "", "P2"])))
    assert table.rows.tolist() == [2, 4]


def test_a_row_with_a_line_break_in_a_cell_stands_where_it_begins(csv_file):
    table = read_table(csv_file('patient_id,note\nP1,"two\nlines"\nP2,\n'))
    assert table.rows.tolist() == [2, 4]


def test_lines_before_the_header_count(csv_file):
    assert read_table(csv_file("\n,\npatient_id,age\nP1,5\n")).rows.tolist() == [4]


def test_a_byte_order_mark_is_no_part_of_the_first_name(csv_file):
    assert list(read_table(csv_file("\ufeffpatient_id\nP1\n".encode())).columns) == ["patient_id"]


def test_empty_and_na_are_missing_and_no_other_word_is(csv_file):
    table = read_table(csv_file("x,y\n,1\nNA,2\nna,3\nN/A,4\n.,5\nNULL,6\nnan,7\n"))
    assert cells(table)["x"] == ["", "", "na", "N/A", ".", "NULL", "nan"]


def test_spaces_around_a_cell_do_not_count(csv_file):
    assert cells(read_table(csv_file("x , y\n 1 ,\tNA\n"))) == {"x": ["1"], "y": [""]}


def test_a_quoted_cell_may_hold_a_comma(csv_file):
    assert cells(read_table(csv_file('x,y\n"3,5",1\n')))["x"] == ["3,5"]


def test_the_ending_may_be_in_capitals(csv_file):
    assert len(read_table(csv_file("x\n1\n", "TRIAL.CSV"))) == 1


def test_a_header_alone_is_a_table_without_rows(csv_file):
    table = read_table(csv_file("patient_id,age_years\n"))
    assert len(table) == 0
    assert cells(table) == {"patient_id": [], "age_years": []}


def test_a_column_without_a_name_is_left_out_and_counted_if_it_holds_something(csv_file):
    table = read_table(csv_file(",x,\n1,a,\n2,b,\n"))
    assert list(table.columns) == ["x"]
    assert table.unnamed == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        "patient_id\nM\u00fcller\n".encode("latin-1"),
        "patient_id\nP1\n".encode("utf-16"),
        b"patient_id\nP\x001\n",
        b"x;y\n1;2\n",
        b"x\ty\n1\t2\n",
    ],
    ids=["empty", "blank", "latin-1", "utf-16", "nul", "semicolons", "tabs"],
)
def test_what_is_no_csv_in_utf8_with_commas_is_refused(csv_file, content):
    ((code, file, _),) = problems_of(csv_file(content))
    assert (code, file) == ("DATA001", "trial.csv")


def test_an_open_quote_is_refused_with_the_line_where_the_row_begins(csv_file):
    assert problems_of(csv_file('x,y\n1,2\n"3,4\n5,6\n')) == [("DATA001", "trial.csv", 3)]


def test_every_row_with_too_many_or_too_few_cells_is_named(csv_file):
    assert problems_of(csv_file("x,y\n1,2\n3,5,1\n4\n5,6\n")) == [
        ("DATA002", "trial.csv", 3),
        ("DATA002", "trial.csv", 4),
    ]


def test_two_columns_of_one_name_are_refused(csv_file):
    assert problems_of(csv_file("x,y, x\n1,2,3\n")) == [("DATA003", "trial.csv", None)]


@pytest.mark.parametrize("name", ["trial.xlsx", "trial", "trial.csv.gz"])
def test_other_endings_are_refused(csv_file, name):
    assert problems_of(csv_file("x\n1\n", name)) == [("DATA001", name, None)]


def test_an_absent_file_is_a_problem_of_the_data(tmp_path):
    assert problems_of(tmp_path / "absent.csv") == [("DATA001", "absent.csv", None)]


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    assert problems_of(tmp_path / "folder.csv") == [("DATA001", "folder.csv", None)]


def test_parquet_values_become_the_text_of_a_csv_file(parquet_file):
    path = parquet_file(
        whole=pa.array([14, None], pa.int64()),
        real=pa.array([14.0, 0.1], pa.float64()),
        single=pa.array([0.1, None], pa.float32()),
        truth=pa.array([True, None], pa.bool_()),
        text=pa.array([" P1 ", "NA"], pa.string()),
        category=pa.array(["female", None]).dictionary_encode(),
        decimal=pa.array([Decimal("1.50"), None]),
        missing=pa.array([float("nan"), float("nan")]),
    )
    assert cells(read_table(path)) == {
        "whole": ["14", ""],
        "real": ["14", "0.1"],
        "single": ["0.1", ""],
        "truth": ["true", ""],
        "text": ["P1", ""],
        "category": ["female", ""],
        "decimal": ["1.50", ""],
        "missing": ["", ""],
    }


def test_rows_of_parquet_are_numbered_from_one(parquet_file):
    assert read_table(parquet_file(x=[5, 6, 7])).rows.tolist() == [1, 2, 3]


def test_names_of_folders_do_not_become_columns(tmp_path):
    folder = tmp_path / "arm=treated"
    folder.mkdir()
    pq.write_table(pa.table({"x": [1]}), folder / "trial.parquet")
    assert list(read_table(folder / "trial.parquet").columns) == ["x"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"x,y\n1,2\n"])
def test_what_is_no_parquet_is_refused(csv_file, content):
    assert problems_of(csv_file(content, "trial.parquet")) == [("DATA001", "trial.parquet", None)]


def test_a_table_of_many_rows_keeps_their_order_and_lines(csv_file):
    table = read_table(csv_file("x\n" + "".join(f"{i}\n" for i in range(1000))))
    assert table.rows.tolist() == list(range(2, 1002))
    assert np.array_equal(table.columns["x"].astype(int), np.arange(1000))
