"""The guide to an own study: its study file, its script, and every output that it shows."""

import csv
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from acrcast.studies import load_study
from acrcast_training.commands.check_data import check_data
from acrcast_training.data.cohort import check

COUNTS = "tender_joint_count_28, swollen_joint_count_28"
COUNTS_WEEK_12 = "tender_joint_count_28_week_12, swollen_joint_count_28_week_12"

# The first patient of GSE198520, as deposited.
R_006 = {
    "patient": "r_006",
    "age": "55",
    "sex": "M",
    "smoke_curr": "No",
    "dis_years": "22",
    "steroids": "Yes",
    "rf": "0",
    "ccp": "120",
    "sjc0": "7",
    "tjc0": "9",
    "das28_0": "5.1",
    "pain0": "68",
    "ptga0": "76",
    "phga0": "70",
    "haq0": "1.875",
    "crp0": "5",
    "esr0": "10",
    "sjc1": "0",
    "tjc1": "2",
    "das28_1": "2.8",
    "pain1": "4",
    "ptga1": "3",
    "phga1": "3",
    "haq1": "0.375",
    "crp1": "5",
    "esr1": "17",
}


@pytest.fixture
def study_file(project):
    return project / "docs" / "own_study" / "anti_tnf_ra.py"


def test_the_shortest_study_reads_the_shortest_table(project, tmp_path, monkeypatch):
    page = (project / "docs" / "own-study.md").read_text()
    monkeypatch.chdir(tmp_path)
    for name, file in (("study", "my_study.py"), ("table", "trial.csv")):
        block = re.search(rf"<!-- shortest-{name} -->\n```\w+\n(.*?)```", page, re.DOTALL)[1]
        (tmp_path / file).write_text(block)
    done = CliRunner().invoke(check_data, ["--study", "my_study.py", "--table", "trial.csv"])
    assert done.exit_code == 0
    assert "my-study: Improved at week 12, 4 patients" in done.output
    assert "No problems." in done.output


@pytest.fixture
def analysis_table(study_file, tmp_path):
    """Runs the script on a deposited table; path of what it wrote."""

    def run(deposited, *options):
        table = tmp_path / "anti_tnf_ra.csv"
        subprocess.run([sys.executable, str(study_file), str(deposited), str(table), *options], check=True)
        return table

    return run


@pytest.fixture
def deposited(shared_data):
    return shared_data / "gse198520_anti_tnf_ra.csv"


@pytest.fixture
def guide(project):
    return (project / "docs" / "own-study.md").read_text(encoding="utf-8")


def shown(guide, marker):
    """The output that the guide shows after `marker`."""
    return re.search(rf"<!-- {marker} -->\n```text\n(.*?)```", guide, re.DOTALL)[1]


def patients_at(deposited, rows):
    with deposited.open(newline="") as file:
        names = [row["patient"] for row in csv.DictReader(file)]
    return [names[row - 2] for row in rows]


def test_the_script_makes_a_table_that_the_study_takes(study_file, analysis_table, tmp_path):
    source = tmp_path / "deposited.csv"
    with source.open("w", newline="") as file:
        writer = csv.DictWriter(file, R_006)
        writer.writeheader()
        writer.writerow(R_006)
    patients = check(load_study(str(study_file)), table=analysis_table(source)).require_cohort()
    values = dict(zip([field.name for field in patients.study.contract], patients.covariates.values[0], strict=True))
    assert values == {
        "age_years": 55,
        "sex": 1,
        "disease_duration_years": 22,
        "tender_joint_count_28": 9,
        "swollen_joint_count_28": 7,
        "pain_mm": 68,
        "patient_global_mm": 76,
        "physician_global_mm": 70,
        "haq_di": 1.875,
        "esr_mm_per_h": 10,
        "crp_mg_per_l": 5,
        "rf_iu_per_ml": 0,
        "anti_ccp_u_per_ml": 120,
        "on_steroids": 1,
        "current_smoker": 0,
    }
    assert patients.responded.tolist() == [True]


def test_the_script_says_how_it_is_used(study_file):
    result = subprocess.run([sys.executable, str(study_file)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "usage: python anti_tnf_ra.py IN.csv OUT.csv [--put-back]\n"


def test_exactly_four_patients_have_exchanged_counts_at_baseline(study_file, analysis_table, deposited):
    report = check(load_study(str(study_file)), table=analysis_table(deposited))
    assert {(p.code, p.field) for p in report.problems} == {("DATA050", COUNTS)}
    rows = [p.row for p in report.problems]
    assert patients_at(deposited, rows) == ["nr_002", "nr_013", "mr_002", "mr_012"]


def test_those_of_follow_up_change_no_response_and_are_notes(study_file, analysis_table, deposited):
    report = check(load_study(str(study_file)), table=analysis_table(deposited))
    rows = [p.row for p in report.notes if p.code == "DATA103" and p.field == COUNTS_WEEK_12]
    seven = ["r_003", "r_013", "nr_002", "nr_011", "nr_013", "nr_015", "mr_002"]
    assert patients_at(deposited, rows) == seven
    (neither,) = [p.row for p in report.notes if p.code == "DATA102"]
    assert patients_at(deposited, [neither]) == ["nr_012"]


@pytest.mark.parametrize(("marker", "options"), [("check-output", []), ("corrected-output", ["--put-back"])])
def test_the_guide_shows_what_check_data_says(study_file, analysis_table, deposited, guide, marker, options):
    table = analysis_table(deposited, *options)
    result = CliRunner().invoke(check_data, ["--study", str(study_file), "--table", str(table)])
    assert result.output == shown(guide, marker)


def test_30_of_46_respond_whether_the_counts_are_accepted_or_put_back(study_file, analysis_table, deposited):
    study = load_study(str(study_file))
    accepted = check(study, table=analysis_table(deposited), accept={"DATA050"})
    assert accepted.accepted == {"DATA050": 4}
    corrected = check(study, table=analysis_table(deposited, "--put-back"))
    for report in (accepted, corrected):
        (arm,) = report.flow
        assert (arm.randomised, arm.assessed, arm.responders, arm.responders_per_protocol) == (46, 46, 30, 30)
    assert accepted.require_cohort().fingerprint != corrected.require_cohort().fingerprint


def test_the_guide_names_columns_that_exist(study_file, guide):
    contract = load_study(str(study_file)).contract
    source = study_file.read_text(encoding="utf-8")
    assert "haq_di: Annotated[\n        float | None,\n        Field(ge=0, le=3, examples=[1.5])," in source
    for column in re.findall(r"`(\w+_week_\d+)`", guide):
        assert column.rsplit("_week_", 1)[0] in contract
    for column in re.findall(r"`([a-z]+(?:_[a-z]+)+_28|\w+_mm|haq_di|\w+_per_\w+)`", guide):
        assert column in contract
