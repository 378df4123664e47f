"""CDISC Dataset-JSON: 1.1, its form with a line a row, and 1.0."""

import json

import pytest

from acrcast.errors import DataError
from acrcast_training.data.readers import read_table

from .conftest import cells

COLUMNS = [
    {"itemOID": "IT.ADSL.USUBJID", "name": "USUBJID", "label": "Unique Subject Identifier", "dataType": "string"},
    {"itemOID": "IT.ADSL.AGE", "name": "AGE", "label": "Age", "dataType": "integer"},
    {"itemOID": "IT.ADSL.BMI", "name": "BMI", "label": "", "dataType": "decimal", "targetDataType": "decimal"},
    {"itemOID": "IT.ADSL.AVAL", "name": "AVAL", "label": "Value", "dataType": "float"},
    {"itemOID": "IT.ADSL.DT", "name": "TRTSDT", "label": "Start", "dataType": "date", "targetDataType": "integer"},
]
ROWS = [["01-001", 56, "30.8983333332059", 14.0, "2014-01-02"], ["01-002", None, None, 0.1, None], ["", 0, "1", 3, ""]]
READ = {
    "USUBJID": ["01-001", "01-002", ""],
    "AGE": ["56", "", "0"],
    "BMI": ["30.8983333332059", "", "1"],
    "AVAL": ["14", "0.1", "3"],
    "TRTSDT": ["2014-01-02", "", ""],
}


def a_dataset(**changes):
    return {
        "datasetJSONCreationDateTime": "2024-12-05T11:53:27",
        "datasetJSONVersion": "1.1.0",
        "itemGroupOID": "IG.ADSL",
        "records": 3,
        "name": "ADSL",
        "label": "Subject-Level Analysis",
        "columns": COLUMNS,
        "rows": ROWS,
    } | changes


@pytest.fixture
def dataset(tmp_path):
    def write(content=None, name="adsl.json", **changes):
        text = content if isinstance(content, str) else json.dumps(content or a_dataset(**changes))
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_version_1_1_is_read_with_null_as_missing(dataset):
    table = read_table(dataset())
    assert cells(table) == READ
    assert table.rows.tolist() == [1, 2, 3]
    assert table.labels["USUBJID"] == "Unique Subject Identifier"


def test_a_line_a_row_is_read_with_the_lines_of_an_editor(dataset):
    lines = [json.dumps({k: v for k, v in a_dataset().items() if k != "rows"}), *map(json.dumps, ROWS)]
    table = read_table(dataset("\r\n".join(lines) + "\r\n", "adsl.ndjson"))
    assert cells(table) == READ
    assert table.rows.tolist() == [2, 3, 4]


def test_version_1_0_is_read_with_its_number_of_each_row(dataset):
    items = [{"OID": "ITEMGROUPDATASEQ", "name": "ITEMGROUPDATASEQ", "label": "Record", "type": "integer"}]
    items += [{"OID": c["itemOID"], "name": c["name"], "label": c["label"], "type": c["dataType"]} for c in COLUMNS[:2]]
    rows = [[1, "01-001", 56], [2, "01-002", None]]
    group = {"records": 2, "name": "ADSL", "label": "", "items": items, "itemData": rows}
    old = {"datasetJSONVersion": "1.0.0", "clinicalData": {"studyOID": "S", "itemGroupData": {"IG.ADSL": group}}}
    assert cells(read_table(dataset(old))) == {
        "ITEMGROUPDATASEQ": ["1", "2"],
        "USUBJID": ["01-001", "01-002"],
        "AGE": ["56", ""],
    }


def test_version_1_0_with_several_data_sets_is_refused(dataset, refused):
    old = {"clinicalData": {"itemGroupData": {"A": {"items": []}, "B": {"items": []}}}}
    assert refused(dataset(old)) == [("DATA001", None, "")]


def test_text_of_other_languages_is_text(dataset):
    rows = [["東京-001", 56, "1", 1, None]]
    assert cells(read_table(dataset(rows=rows, records=1)))["USUBJID"] == ["東京-001"]


def test_fewer_rows_than_it_says_are_refused(dataset, refused):
    assert refused(dataset(rows=ROWS[:2])) == [("DATA001", None, "")]


def test_records_without_rows_are_a_header_alone(dataset):
    assert len(read_table(dataset({k: v for k, v in a_dataset(records=0).items() if k != "rows"}))) == 0


@pytest.mark.parametrize("kept", [0, 1, 200, -1, -40])
def test_a_file_that_was_cut_off_is_refused(dataset, refused, kept):
    path = dataset()
    path.write_bytes(path.read_bytes()[:kept])
    assert refused(path) == [("DATA001", None, "")]


def test_a_line_that_was_cut_off_is_told(dataset, refused):
    lines = [json.dumps({k: v for k, v in a_dataset().items() if k != "rows"}), *map(json.dumps, ROWS)]
    assert refused(dataset("\n".join(lines)[:-5], "adsl.ndjson")) == [("DATA001", 4, "")]


def test_a_row_with_another_number_of_values_is_told(dataset, refused):
    assert refused(dataset(rows=[ROWS[0], ROWS[1][:4], [*ROWS[2], 1]])) == [("DATA002", 2, ""), ("DATA002", 3, "")]


@pytest.mark.parametrize(
    ("column", "value"),
    [(0, 12), (1, "56"), (1, 56.5), (1, True), (2, 30.8), (2, "30,8"), (3, "14"), (4, 19725), (0, ["a"])],
)
def test_a_value_of_another_type_than_its_column_is_told_with_row_and_column(dataset, refused, column, value):
    row = [*ROWS[1][:column], value, *ROWS[1][column + 1 :]]
    assert refused(dataset(rows=[ROWS[0], row, ROWS[2]])) == [("DATA011", 2, COLUMNS[column]["name"])]


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"columns": []}', '{"columns": [1]}', '{"rows": [[1]]}', "null", "NaN"]
)
def test_json_of_another_form_is_refused(dataset, refused, content):
    assert refused(dataset(content)) == [("DATA001", None, "")]


def test_nan_is_no_value(dataset, refused):
    text = json.dumps(a_dataset(rows=[["a", 1, "1", float("nan"), None]], records=1))
    assert refused(dataset(text)) == [("DATA001", None, "")]


def test_another_encoding_is_refused(dataset, refused):
    path = dataset()
    path.write_bytes(json.dumps(a_dataset(label="é"), ensure_ascii=False).encode("latin-1"))
    assert refused(path) == [("DATA001", None, "")]


def test_no_value_is_in_a_message(dataset):
    with pytest.raises(DataError) as error:
        read_table(dataset(rows=[["a", "4711", None, None, None]], records=1))
    assert "4711" not in str(error.value)
