"""Files that a mapping reads: which of its tables each is, in which encoding, on which sheet; and the commands that take one."""

import pandas as pd
import pytest
from click.testing import CliRunner

from acrcast.cli import root
from acrcast.errors import AcrcastError
from acrcast.studies import load_study
from acrcast_training.data.cohort import check
from acrcast_training.data.examples import example_table

from .conftest import check_adam, told

AURANOFIN = load_study("auranofin-ra")
COLUMNS = ("patient_id", "arm", "age_years", "sex_code", "self_assessment", "self_assessment_month_5")


def mapping(file, extra=""):
    lines = ["format = 1", f'study = "{AURANOFIN.key}"', f'contract = "{AURANOFIN.contract.digest}"']
    lines += ["[[tables]]", f'file = "{file}"', 'a_row_is = "patient"', "columns_seen = []", extra]
    return "\n".join([*lines, *(f'[tables.columns.{name}]\nfrom = "{name}"' for name in COLUMNS)])


@pytest.fixture
def auranofin(tmp_path):
    def run(table, file, extra=""):
        (tmp_path / "map.toml").write_text(mapping(file, extra), encoding="utf-8")
        return check(AURANOFIN, table=table, mapping=tmp_path / "map.toml")

    return run


def test_the_only_table_of_its_kind_is_any_file(auranofin):
    assert len(auranofin(example_table(AURANOFIN.key), "quite_another.xpt").require_cohort()) == 302


def test_text_of_another_encoding_is_read_when_the_mapping_names_it(auranofin, tmp_path):
    frame = pd.read_csv(example_table(AURANOFIN.key), dtype=str, keep_default_na=False)
    frame["site"] = "Köln"
    frame.to_csv(tmp_path / "t.csv", index=False, encoding="latin-1")
    assert told(auranofin(tmp_path / "t.csv", "t.csv").problems) == [("DATA001", "t.csv", None, "")]
    assert len(auranofin(tmp_path / "t.csv", "t.csv", 'encoding = "latin-1"').require_cohort()) == 302


def test_a_sheet_of_a_workbook_is_a_table_of_its_own(auranofin, tmp_path):
    frame = pd.read_csv(example_table(AURANOFIN.key), dtype=str, keep_default_na=False)
    with pd.ExcelWriter(tmp_path / "trial.xlsx") as book:
        pd.DataFrame({"about": ["this trial"]}).to_excel(book, sheet_name="Read me", index=False)
        frame.to_excel(book, sheet_name="Patients", index=False)
    report = auranofin(tmp_path / "trial.xlsx#Patients", "trial.xlsx#Patients")
    assert len(report.require_cohort()) == 302
    assert {note.file for note in report.notes if note.code == "DATA107"} == {"trial.xlsx#Patients"}


def test_simulated_patients_cannot_lose_their_mark(auranofin, tmp_path):
    frame = pd.read_csv(example_table(AURANOFIN.key), dtype=str, keep_default_na=False)
    frame.assign(Data_Kind="simulated").to_csv(tmp_path / "t.csv", index=False)
    assert auranofin(tmp_path / "t.csv", "t.csv").require_cohort().data_kind == "simulated"


def test_the_baseline_alone_is_checked_without_the_tables_of_visits(delivery):
    report = check_adam(delivery, visits=())
    # the joint counts of this delivery are records, and were not given
    assert told(report.problems) == [
        ("DATA004", "adsl.xpt", None, "swollen_joint_count_28"),
        ("DATA004", "adsl.xpt", None, "tender_joint_count_28"),
    ]
    assert "DATA105" in {note.code for note in report.notes}


def options_of(delivery, *more):
    files = [("--baseline", "adsl"), ("--visits", "adqs"), ("--visits", "adlb")]
    return [x for option, name in files for x in (option, str(delivery / f"{name}.xpt"))] + [*more]


@pytest.mark.parametrize("command", ["train", "evaluate", "check-data"])
def test_each_command_of_trial_data_takes_a_mapping(command, delivery, tmp_path):
    text = (delivery / "map.toml").read_text("utf-8")
    (tmp_path / "map.toml").write_text(text.replace('"F" = "female"', '"F" = "?"'), encoding="utf-8")
    options = options_of(delivery, "--map", str(tmp_path / "map.toml"))
    options += ["--out", str(tmp_path / "model")] if command == "train" else []
    result = CliRunner().invoke(root, [command, "--study", "ld-il2-ra", *options])
    said = result.output + str(result.exception)
    assert "DATA061" in said
    assert "map.toml, row " in said
    code = result.exception.exit_code if isinstance(result.exception, AcrcastError) else result.exit_code
    assert code == 3


def test_check_data_shows_the_mapping_and_a_hint_where_names_are_others(delivery):
    mapped = CliRunner().invoke(
        root, ["check-data", "--study", "ld-il2-ra", *options_of(delivery, "--map", str(delivery / "map.toml"))]
    )
    assert "\nMapping: " in mapped.output
    assert mapped.exit_code == 0
    plain = CliRunner().invoke(root, ["check-data", "--study", "ld-il2-ra", "--baseline", str(delivery / "adsl.xpt")])
    assert "acrcast map proposes how these tables become the study's" in plain.output


def test_predictions_of_the_delivery_are_those_of_the_own_file(delivery, tmp_path):
    sources = [x for name in ("adsl", "adqs", "adlb") for x in ("--in", str(delivery / f"{name}.xpt"))]
    for options in ([*sources, "--map", str(delivery / "map.toml")], ["--in", str(delivery / "baseline.csv")]):
        target = tmp_path / f"{len(options)}.csv"
        result = CliRunner().invoke(root, ["predict", *options, "--out", str(target)])
        assert result.exit_code == 0, result.exception
    assert (tmp_path / "8.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
