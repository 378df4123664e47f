"""`acrcast check-data` as a user meets it."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from acrcast.errors import UsageError
from acrcast_training.commands.check_data import check_data
from acrcast_training.data.examples import example_table

HEADER = "patient_id,arm,age_years,sex_code,self_assessment,self_assessment_month_5\n"
RIGHT = HEADER + "1,placebo,54,1,2,4\n2,auranofin,41,2,3,\n3,auranofin,60,2,3,5\n"
WRONG = HEADER + "1,placebo,540,1,2,4\n2,auranofin,41,3,3,\n3,drug,,2,3,9\n"


@pytest.fixture
def run(tmp_path):
    """Checks a table of the auranofin study."""

    def invoke(content, *options):
        (tmp_path / "trial.csv").write_text(content)
        arguments = ["--study", "auranofin-ra", "--table", str(tmp_path / "trial.csv"), *options]
        return CliRunner().invoke(check_data, arguments)

    return invoke


def test_right_data_exit_0_with_the_patients_of_each_arm(run):
    result = run(RIGHT)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "auranofin-ra: Self-assessment good or very good at month 5, 3 patients"
    assert lines[2:5] == [
        "arm                    patients  assessed     responders   per protocol",
        "Placebo (placebo)             1         1  1/1 (100.0 %)  1/1 (100.0 %)",
        "Auranofin (auranofin)         2         1   1/2 (50.0 %)  1/1 (100.0 %)",
    ]
    assert lines[-1] == "No problems."


def test_wrong_data_exit_3_with_every_problem_by_code(run):
    result = run(WRONG)
    assert result.exit_code == 3
    assert result.output == (
        "auranofin-ra: Self-assessment good or very good at month 5, 3 patients\n"
        "\n"
        "Problems: 5\n"
        "DATA010 A required value is missing\n"
        "  trial.csv, row 4, age_years: expected a number from 18 to 100 years\n"
        "DATA012 A value is out of the measure's range\n"
        "  trial.csv, row 2, age_years: expected a number from 18 to 100 years\n"
        "DATA013 A value is none of the categories\n"
        "  trial.csv, row 3, sex_code: expected one of 1, 2\n"
        "DATA021 An arm is none of the study's\n"
        "  trial.csv, row 4, arm: expected one of placebo, auranofin\n"
        "DATA042 An outcome is none of the values that the study names\n"
        "  trial.csv, row 4, self_assessment_month_5: expected one of 1, 2, 3, 4, 5; empty where not assessed\n"
        "\n"
        "Correct the files and check again.\n"
    )


def test_the_limit_says_how_many_more_there_are(run):
    result = run(WRONG, "--limit", "2")
    assert "and 3 more; --limit 5 lists all" in result.output.splitlines()
    assert result.exit_code == 3


def test_many_rows_of_one_cause_are_one_line(run):
    result = run(HEADER + "1,placebo,54,1,2,4\n" + "".join(f"{i},auranofin,17,1,2,4\n" for i in range(2, 22)))
    assert (
        "  trial.csv, rows 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 and 8 more, age_years: "
        "expected a number from 18 to 100 years"
    ) in result.output.splitlines()


def test_json_has_each_problem_with_its_place(run):
    result = run(WRONG, "--json")
    report = json.loads(result.output)
    assert result.exit_code == 3
    assert (report["valid"], report["problem_count"], report["flow"], report["fingerprint"]) == (False, 5, [], None)
    assert report["problems"][0] == {
        "code": "DATA010",
        "file": "trial.csv",
        "row": 4,
        "field": "age_years",
        "message": "expected a number from 18 to 100 years",
    }


def test_json_of_right_data_has_the_flow_and_the_fingerprint(run):
    report = json.loads(run(RIGHT, "--json").output)
    assert report["valid"]
    assert report["data_kind"] == "trial"
    assert len(report["fingerprint"]) == 64
    assert report["flow"][1] == {
        "arm": "auranofin",
        "title": "Auranofin",
        "randomised": 2,
        "assessed": 1,
        "responders": 1,
        "responders_per_protocol": 1,
    }


def test_what_was_accepted_is_shown(tmp_path):
    baseline, visits = tmp_path / "b.csv", tmp_path / "v.csv"
    items = (
        "tender_joint_count_28,swollen_joint_count_28,pain_mm,patient_global_mm,physician_global_mm,haq_di,esr_mm_per_h"
    )
    baseline.write_text(
        f"patient_id,arm,age_years,sex,{items}\n1,placebo+mtx,54,male,9,5,50,50,50,1,40\n2,ld-il2+mtx,54,male,9,5,50,50,50,1,40\n"
    )
    visits.write_text(f"patient_id,week,{items}\n1,24,9,5,50,50,50,1,40\n1,25,9,5,50,50,50,1,40\n")
    arguments = ["--study", "ld-il2-ra", "--baseline", str(baseline), "--visits", str(visits)]
    refused = CliRunner().invoke(check_data, arguments)
    assert refused.exit_code == 3
    assert refused.output.splitlines()[-1] == "Looked into and right as they are? --accept DATA032"
    accepted = CliRunner().invoke(check_data, [*arguments, "--accept", "DATA032"])
    assert accepted.exit_code == 0
    assert "Accepted: DATA032 (1)" in accepted.output.splitlines()


def test_an_absent_file_is_a_problem_of_the_data(tmp_path):
    result = CliRunner().invoke(check_data, ["--study", "auranofin-ra", "--table", str(tmp_path / "absent.csv")])
    assert result.exit_code == 3
    assert "  absent.csv: there is no such file" in result.output.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--study", "no-such-study", "--table", "t.csv"],
        ["--study", "auranofin-ra"],
        ["--study", "auranofin-ra", "--table", "t.csv", "--baseline", "b.csv"],
        ["--study", "auranofin-ra", "--table", "t.csv", "--accept", "DATA012"],
    ],
)
def test_wrong_usage_is_no_problem_of_the_data(arguments):
    result = CliRunner().invoke(check_data, arguments)
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == 2


def test_help_names_every_option_and_an_example():
    text = CliRunner().invoke(check_data, ["--help"]).output
    for option in ("--study", "--baseline", "--visits", "--table", "--accept", "--limit", "--json"):
        assert option in text
    assert "acrcast check-data --study ld-il2-ra --baseline baseline.csv --visits visits.csv" in text


def test_help_needs_neither_numpy_nor_pandas_nor_pydantic():
    code = (
        "import sys; import acrcast_training.commands.check_data; "
        "print(sorted({'numpy', 'pandas', 'pydantic', 'pyarrow', 'rich'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_the_program_ends_with_the_code_of_the_report(tmp_path):
    (tmp_path / "trial.csv").write_text(WRONG)
    program = [
        sys.executable,
        "-c",
        "from acrcast.cli import main; main()",
        "check-data",
        "--study",
        "auranofin-ra",
        "--table",
    ]
    wrong = subprocess.run([*program, str(tmp_path / "trial.csv")], capture_output=True, text=True, check=False)
    right = subprocess.run([*program, str(example_table("auranofin-ra"))], capture_output=True, text=True, check=False)
    assert (wrong.returncode, right.returncode) == (3, 0)
    assert (wrong.stderr, right.stderr) == ("", "")
