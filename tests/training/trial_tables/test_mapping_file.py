"""The mapping file itself: what is wrong with it is told by its lines."""

import re

import pytest

from acrcast_training.data.mapping.lines import line_of, lines_of

from .conftest import LD_IL2, check_adam, told


def line_of_text(folder, text):
    lines = (folder / "map.toml").read_text("utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("format",), 1),
        (("tables", 0), 3),
        (("tables", 0, "file"), 4),
        (("tables", 0, "columns", "age_years", "from"), 6),
        (("tables", 0, "columns", "age_years", "unit"), 7),
        (("tables", 1, "file"), 10),
        (("tables", 1, "columns", "arm", "codes", "Placebo = 0"), 12),
        (("tables", 1, "columns", "arm", "codes", 'it\'s "so"'), 13),
        (("tables", 1, "keep", "DTYPE"), 15),
        (("tables", 1, "keep", "DTYPE", 0), 15),
        (("tables", 1, "keep"), 14),
        (("tables", 1, "nothing", "of", "it"), 9),
        (("nowhere",), 1),
    ],
)
def test_every_key_has_its_line(path, line):
    text = """format = 1

[[tables]]
file = "a.csv"
[tables.columns.age_years]
from = "AGE" # format = 1
unit = 'years'

[[tables]]
file = "b.csv"
[tables.columns.arm.codes]
"Placebo = 0" = "placebo"
"it's \\"so\\"" = "placebo"
  [ tables.keep ]
DTYPE = [""]
"""
    assert line_of(lines_of(text), path) == line


def test_an_open_question_is_told_by_its_line_and_nothing_runs(changed, tmp_path):
    report = changed(
        mapping=lambda text: text.replace('"F" = "female"', '"F" = "?"').replace('"TRT01P"', '"?TRT01P"', 1)
    )
    # the column is named a second time, among those that were seen
    assert {(p.code, p.row) for p in report.problems} == {
        ("DATA061", line_of_text(tmp_path, '"F" = "?"')),
        ("DATA061", line_of_text(tmp_path, '"?TRT01P"')),
    }
    assert report.cohort is None


def test_a_mapping_that_is_no_toml_is_told_by_its_line(changed):
    report = changed(mapping=lambda text: "format = 1\nstudy ld-il2-ra\n" + text)
    assert told(report.problems) == [("DATA060", "map.toml", 2, "")]


@pytest.mark.parametrize(
    "content", ["", "format = 1\n", "tables = 3\n", 'format = 1\nstudy = "ld-il2-ra"\ntables = []\n']
)
def test_a_mapping_without_its_parts_is_told(changed, content):
    assert {p.code for p in changed(mapping=lambda _: content).problems} == {"DATA060"}


def test_a_mapping_that_is_absent_or_no_text_is_told(delivery, tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name in ("absent.toml", "bytes.toml"):
        report = check_adam(delivery, mapping=tmp_path / name)
        assert told(report.problems) == [("DATA060", name, None, "")]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("format = 1", "format = 2", "DATA060"),
        ('unit = "mg/dL"', 'units = "mg/dL"', "DATA060"),
        ('unit = "mg/dL"', 'unit_is = "mg/dL"', "DATA060"),
        ('a_row_is = "patient"', 'a_row_is = "subject"', "DATA060"),
        ('study = "ld-il2-ra"', 'study = "auranofin-ra"', "DATA062"),
        ('contract = "', 'contract = "0', "DATA062"),
        ("[tables.columns.haq_di]", "[tables.columns.haq]", "DATA064"),
        ('"F" = "female"', '"F" = "woman"', "DATA064"),
        ('"Y" = true', '"Y" = "positive"', "DATA064"),
        ('"Week 24" = 24', '"Week 24" = "W24"', "DATA064"),
        ('"Placebo + MTX" = "placebo+mtx"', '"Placebo + MTX" = "placebo"', "DATA064"),
        ('unit = "mg/dL"', 'unit = "g/L"', "DATA016"),
        ('unit = "mg/dL"', "", "DATA064"),
        ('"YEARS" = "years"', '"YEARS" = "months"', "DATA016"),
        ('parameter = "CRP"', 'from = "CRP"', "DATA064"),
        ('parameter = "CRP"', 'parameter = "CRP"\nweek = 24', "DATA064"),
        ('a_row_is = "patient"', 'a_row_is = "patient"\nbaseline_flag = "ABLFL"', "DATA064"),
        ('value = "AVAL"  # the value', "", "DATA064"),
        ("[tables.columns.rf_positive]", "[tables.columns.haq_di]", "DATA064"),
    ],
)
def test_what_does_not_fit_is_told_by_its_line(changed, old, new, code):
    report = changed(mapping=lambda text: text.replace(old, new, 1))
    assert [p.code for p in report.problems] == [code] * len(report.problems)
    assert report.problems
    assert all(p.file == "map.toml" and p.row for p in report.problems)


def test_an_older_contract_is_told_with_the_new_digest_to_write_once_each_column_was_looked_at(changed, tmp_path):
    report = changed(mapping=lambda text: re.sub(r'contract = "\w+"', f'contract = "{"0" * 64}"', text))
    (problem,) = report.problems
    assert problem.row == line_of_text(tmp_path, "contract =")
    assert LD_IL2.contract.digest in problem.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('from = "DURDIS"', 'from = "DISDUR"'),
        ('ITTFL = ["Y"]', 'FASFL = ["Y"]'),
        ('parameter = "PARAMCD"', 'parameter = "PARCD"'),
        ('unit_from = "AGEU"', 'unit_from = "AGEUNIT"'),
        ('DTYPE = [""]', 'DTYP = [""]'),
    ],
)
def test_a_column_that_the_file_does_not_have_is_told_by_the_line_that_names_it(changed, tmp_path, old, new):
    (problem,) = changed(mapping=lambda text: text.replace(old, new, 1)).problems
    assert (problem.code, problem.file, problem.row) == ("DATA063", "map.toml", line_of_text(tmp_path, new))


def test_columns_that_are_gone_and_new_ones_are_told(changed):
    report = changed(adsl=lambda frame: frame.rename(columns={"MTXDOSE": "MTXMG"}))
    assert [(p.code, p.field) for p in report.problems] == [
        ("DATA063", "tables.1.columns.methotrexate_mg_per_week.from")
    ]
    assert ("DATA109", "adsl.xpt", None, "") in told(report.notes)


def test_a_file_that_the_mapping_does_not_know_and_a_table_that_was_not_given_are_told(delivery, tmp_path):
    (tmp_path / "adqs2.xpt").write_bytes((delivery / "adqs.xpt").read_bytes())
    report = check_adam(delivery, visits=(tmp_path / "adqs2.xpt", delivery / "adlb.xpt"))
    assert [(p.code, p.file, p.field) for p in report.problems] == [
        ("DATA065", "adqs2.xpt", ""),
        ("DATA065", "map.toml", "tables.2.file"),
    ]


def test_one_table_given_twice_is_told(delivery):
    report = check_adam(delivery, visits=(delivery / "adqs.xpt", delivery / "adqs.xpt", delivery / "adlb.xpt"))
    assert told(report.problems) == [("DATA065", "adqs.xpt", None, "")]


def test_what_is_wrong_with_the_files_is_told_in_the_same_run(changed, delivery, tmp_path):
    changed()
    (tmp_path / "adlb.xpt").write_bytes((delivery / "adlb.xpt").read_bytes()[:2000])
    mapping = (tmp_path / "map.toml").read_text("utf-8")
    (tmp_path / "map.toml").write_text(mapping.replace('"F" = "female"', '"F" = "?"'), encoding="utf-8")
    assert {(p.code, p.file) for p in check_adam(tmp_path).problems} == {
        ("DATA061", "map.toml"),
        ("DATA001", "adlb.xpt"),
    }
