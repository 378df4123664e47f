"""SAS files: transport files of version 5 and 8, and sas7bdat."""

import datetime as dt

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from acrcast_training.data.readers import read_table

from .conftest import cells


@pytest.fixture
def xpt(tmp_path):
    """Writes columns as a transport file."""

    def write(version=5, name="t.xpt", labels=None, formats=None, **columns):
        path = tmp_path / name
        pyreadstat.write_xport(
            pd.DataFrame(columns),
            path,
            file_format_version=version,
            table_name="ADSL",
            column_labels=labels,
            variable_format=formats,
        )
        return path

    return write


@pytest.mark.parametrize("version", [5, 8])
def test_text_and_numbers_are_those_of_a_csv_file(xpt, version):
    table = read_table(xpt(version, USUBJID=["01-001  ", "02"], AGE=[54.0, 0.1], AVAL=[1 / 3, -2.5e-7]))
    assert cells(table) == {
        "USUBJID": ["01-001", "02"],
        "AGE": ["54", "0.1"],
        "AVAL": ["0.3333333333333333", "-2.5e-07"],
    }
    assert table.rows.tolist() == [1, 2]


def test_labels_are_kept(xpt):
    table = read_table(xpt(labels=["Unique Subject Identifier", "Age"], USUBJID=["1"], AGE=[54.0]))
    assert table.labels == {"USUBJID": "Unique Subject Identifier", "AGE": "Age"}


def test_zeros_at_the_front_of_a_text_stay(xpt):
    assert cells(read_table(xpt(SUBJID=["0012"]))) == {"SUBJID": ["0012"]}


def test_long_names_of_version_8_are_read(xpt):
    assert list(read_table(xpt(8, name="t.XPT", tender_joint_count_28=[3.0])).columns) == ["tender_joint_count_28"]


def test_each_of_the_28_missing_values_is_missing(xpt):
    path = xpt(USUBJID=["P000", "P001", "P002", "P003", "P004"], AGE=[1.5, 1.5, 1.5, 1.5, 9.0])
    content = bytearray(path.read_bytes())
    # TS-140: a missing number is its sign in the first byte, ".", "_" or a capital, and zeros behind it
    for i, sign in enumerate(b"._AZ"):
        at = content.index(b"P00%d" % i) + 4
        content[at : at + 8] = bytes([sign]) + bytes(7)
    path.write_bytes(content)
    assert cells(read_table(path))["AGE"] == ["", "", "", "", "9"]


def test_dates_and_times_become_iso_text(xpt):
    table = read_table(xpt(ADT=[dt.date(2014, 1, 3), None], ADTM=[pd.Timestamp("2014-01-03 10:05"), None]))
    assert cells(table) == {"ADT": ["2014-01-03", ""], "ADTM": ["2014-01-03 10:05:00", ""]}


def test_a_day_without_a_format_stays_the_number_that_it_is(xpt):
    assert cells(read_table(xpt(ADT=[19726.0]))) == {"ADT": ["19726"]}


def test_a_date_that_is_none_is_told_with_its_row_and_column(xpt, refused):
    path = xpt(formats={"ADT": "DATE9."}, AGE=[1.0, 2.0, 3.0, 4.0, 5.0], ADT=[1.0, 2.0, 3.0, 1e9, 4.0])
    assert refused(path) == [("DATA011", 4, "ADT")]


def test_text_in_another_encoding_is_told_with_its_row_and_column_and_read_when_it_is_named(xpt, refused):
    path = xpt(USUBJID=["P1", "P2", "P3"], SITE=["abcd", "efgh", "ijkl"])
    path.write_bytes(path.read_bytes().replace(b"ijkl", "Köln".encode("latin-1")))
    assert refused(path) == [("DATA011", 3, "SITE")]
    assert cells(read_table(path, encoding="latin-1"))["SITE"] == ["abcd", "efgh", "Köln"]


def test_an_encoding_that_does_not_exist_is_told(xpt, refused):
    assert refused(xpt(A=["b"]), encoding="klingon") == [("DATA001", None, "")]


@pytest.mark.parametrize("version", [5, 8])
@pytest.mark.parametrize("away", [80, 7, 560, 1200])
def test_a_file_that_was_cut_off_is_refused(xpt, refused, version, away):
    path = xpt(version, USUBJID=[f"P{i:03}" for i in range(50)], AGE=np.arange(50) + 0.5)
    path.write_bytes(path.read_bytes()[:-away])
    assert refused(path) == [("DATA001", None, "")]


def test_version_5_does_not_tell_that_it_was_cut_off_between_two_rows(xpt):
    path = xpt(5, USUBJID=[f"P{i:015}" for i in range(50)])
    path.write_bytes(path.read_bytes()[:-80])
    assert len(read_table(path)) == 45


def test_version_8_that_was_cut_off_between_two_rows_is_refused_by_the_number_of_rows_that_it_says(xpt, refused):
    path = xpt(8, USUBJID=[f"P{i:015}" for i in range(50)])
    # 16 bytes a row: five rows are one card of 80
    path.write_bytes(path.read_bytes()[:-80])
    assert refused(path) == [("DATA001", None, "")]


def test_a_file_of_several_data_sets_is_refused(xpt, refused):
    one = xpt(A=[1.0]).read_bytes()
    path = xpt(name="two.xpt", A=[1.0])
    path.write_bytes(one + one[one.index(b"HEADER RECORD*******MEMBER") :])
    assert refused(path) == [("DATA001", None, "")]


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"HEADER RECORD*******" + bytes(60)])
@pytest.mark.parametrize("name", ["t.xpt", "t.sas7bdat"])
def test_what_is_no_sas_file_is_refused(tmp_path, refused, content, name):
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path / name) == [("DATA001", None, "")]


def test_a_data_set_that_sas_wrote_is_read(of_sas):
    table = read_table(of_sas)
    assert len(table) == 150
    # Fisher 1936, the first and the last flower; the data set keeps six letters of a species
    assert [column[0] for column in table.columns.values()] == ["5.1", "3.5", "1.4", "0.2", "setosa"]
    assert [column[-1] for column in table.columns.values()] == ["5.9", "3", "5.1", "1.8", "virgin"]
    assert list(table.columns) == ["Sepal_Length", "Sepal_Width", "Petal_Length", "Petal_Width", "Species"]


@pytest.mark.parametrize("kept", [100, 65_536, 100_000, 131_071])
def test_a_sas7bdat_that_was_cut_off_is_refused(of_sas, tmp_path, refused, kept):
    (tmp_path / "cut.sas7bdat").write_bytes(of_sas.read_bytes()[:kept])
    assert refused(tmp_path / "cut.sas7bdat") == [("DATA001", None, "")]


def test_a_transport_file_that_sas_wrote_is_read_as_the_same_data_set_in_another_form(project, pilot):
    path = project / "tests" / "node" / "node_modules" / "xport-js" / "test" / "adtte.xpt"
    if not path.exists():
        pytest.skip("needs what `npm ci --prefix tests/node` installs, which this machine does not have")
    table, known = read_table(path), pilot("adtte").set_index("USUBJID")
    assert len(table) == 254
    assert table.labels["TRTDUR"] == "Duration of treatment (days)"
    for i, subject in enumerate(table.columns["USUBJID"]):
        assert float(table.columns["AGE"][i]) == known["AGE"][subject]
        assert table.columns["SEX"][i] == known["SEX"][subject]
        assert table.columns["ADT"][i] == str(known["ADT"][subject])
