"""An ADaM delivery: the same patients as acrcast's own files; and everything that may be wrong with one, with row and column."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from acrcast.artefact import save
from acrcast.artefact.manifest import read_manifest
from acrcast.errors import DataError, UsageError
from acrcast_training.card import mapping_of
from acrcast_training.data.cohort import check
from acrcast_training.data.patients import read_patients
from acrcast_training.fit import fit_model
from acrcast_training.provenance import provenance

from .conftest import LD_IL2, check_adam, told


def rows_of(frame, **where):
    """Numbers of the rows that have these texts, the first being 1."""
    mask = np.logical_and.reduce([frame[name] == text for name, text in where.items()])
    return [int(i) + 1 for i in np.flatnonzero(mask)]


def setting(column, value, **where):
    """A change that sets a column where others have these texts."""

    def change(frame):
        for row in rows_of(frame, **where):
            frame.loc[row - 1, column] = value
        return frame

    return change


def test_an_adam_delivery_is_the_same_trial_as_the_files_that_it_was_made_from(delivery, of_csv):
    report = check_adam(delivery)
    cohort = report.require_cohort()
    assert cohort.fingerprint == of_csv.fingerprint
    assert cohort.data_kind == "simulated"
    assert np.array_equal(cohort.covariates.values, of_csv.covariates.values, equal_nan=True)
    assert cohort.patient_ids.tolist() == of_csv.patient_ids.tolist()
    assert report.flow[0].assessed < report.flow[0].randomised + report.flow[1].randomised


def test_what_the_mapping_leaves_out_is_counted_in_notes(delivery):
    notes = {(p.file, p.field): p.message for p in check_adam(delivery).notes if p.code == "DATA108"}
    assert notes[("adsl.xpt", "")] == "rows that the mapping does not keep: 1"
    assert notes.keys() == {("adsl.xpt", ""), ("adqs.xpt", "DTYPE"), ("adlb.xpt", "DTYPE")}


def test_values_carried_forward_count_as_assessed_only_when_the_mapping_keeps_them(changed, of_csv):
    report = changed(mapping=lambda text: text.replace('DTYPE = [""]', 'DTYPE = ["", "LOCF"]'))
    assert report.require_cohort().assessed.sum() > of_csv.assessed.sum()


def test_simulated_patients_stay_marked_although_no_line_of_the_mapping_says_so(delivery):
    assert "data_kind" not in (delivery / "map.toml").read_text("utf-8")
    assert check_adam(delivery).require_cohort().data_kind == "simulated"


def test_a_result_below_the_limit_of_detection_is_known_by_its_text(delivery, of_csv):
    at = [field.name for field in LD_IL2.contract.covariates].index("il21_pg_per_ml")
    assert of_csv.covariates.below[:, at].sum() > 0
    assert np.array_equal(check_adam(delivery).require_cohort().covariates.below, of_csv.covariates.below)


def test_a_subject_who_occurs_twice_is_told(changed):
    report = changed(adsl=lambda frame: pd.concat([frame, frame[frame["USUBJID"] == "P00007"]]))
    assert told(report.problems) == [("DATA020", "adsl.xpt", 62, "USUBJID")]


def test_two_records_of_one_measure_at_one_visit_are_told(changed):
    def twice(frame):
        again = frame[(frame["USUBJID"] == "P00001") & (frame["PARAMCD"] == "PAINVAS") & (frame["AVISIT"] == "Week 4")]
        return pd.concat([frame, again.assign(AVAL=9.9)], ignore_index=True)

    report = changed(adqs=twice)
    ((code, file, row, field),) = told(report.problems)
    assert (code, file, field) == ("DATA034", "adqs.xpt", "AVAL of PAINVAS")
    assert row > 1000


def test_two_records_marked_as_the_baseline_are_told(changed):
    report = changed(adqs=setting("ABLFL", "Y", USUBJID="P00001", PARAMCD="PAINVAS", AVISIT="Week 4"))
    assert {p.code for p in report.problems} == {"DATA034"}


def test_a_baseline_that_no_record_is_marked_as_is_told_with_the_record_of_the_baseline_visit(changed):
    unmarked = setting("ABLFL", "", USUBJID="P00002", PARAMCD="ESR")
    report = changed(adlb=unmarked)
    assert ("DATA035", "adlb.xpt", "AVAL of ESR") in {(p.code, p.file, p.field) for p in report.problems}


def test_a_repeated_baseline_that_is_another_is_told(changed):
    report = changed(adqs=setting("BASE", 1.5, USUBJID="P00001", PARAMCD="PAINVAS", AVISIT="Week 4"))
    assert [(p.code, p.file, p.field) for p in report.problems] == [("DATA037", "adqs.xpt", "BASE")]


def test_an_arm_that_the_mapping_does_not_know_is_told(changed):
    report = changed(adsl=setting("TRT01P", "Placebo", USUBJID="P00003"))
    assert told(report.problems) == [("DATA017", "adsl.xpt", 3, "TRT01P")]
    assert "Ld-IL2 + MTX" in report.problems[0].message


def test_a_code_that_the_mapping_does_not_know_is_told_and_not_shown(changed):
    report = changed(adsl=setting("SEX", "U", USUBJID="P00003"))
    assert ("DATA017", "adsl.xpt", 3, "SEX") in told(report.problems)


def test_a_visit_that_the_mapping_does_not_know_is_told(changed):
    report = changed(adqs=setting("AVISIT", "Unscheduled 1.1", USUBJID="P00001", PARAMCD="PAINVAS", AVISIT="Week 4"))
    assert [(p.code, p.file, p.field) for p in report.problems] == [("DATA017", "adqs.xpt", "AVISIT")]


def test_dates_where_visits_were_expected_are_told(changed):
    report = changed(adqs=setting("AVISIT", "2014-01-03", USUBJID="P00001", PARAMCD="PAINVAS", AVISIT="Week 4"))
    assert [(p.code, p.field) for p in report.problems] == [("DATA036", "AVISIT")]
    assert "dates are not turned into weeks" in report.problems[0].message


def test_a_unit_that_the_measure_does_not_take_is_told_with_row_and_column(changed):
    report = changed(adsl=setting("AGEU", "MONTHS", USUBJID="P00004"))
    assert ("DATA016", "adsl.xpt", 4, "AGEU") in told(report.problems)


def test_a_value_out_of_range_is_told_where_it_stands_in_the_delivery(changed):
    change = setting("AVAL", 11.0, USUBJID="P00001", PARAMCD="PAINVAS", AVISIT="Week 4")
    report = changed(adqs=change)
    ((code, file, row, field),) = told(report.problems)
    assert (code, file, field) == ("DATA012", "adqs.xpt", "AVAL of PAINVAS")
    assert row is not None


def test_a_required_value_that_is_missing_is_told_with_the_row_of_the_patient(changed):
    report = changed(adqs=lambda frame: frame[~((frame["USUBJID"] == "P00002") & (frame["PARAMCD"] == "TJC28"))])
    assert ("DATA010", "adsl.xpt", 2, "tender_joint_count_28") in told(report.problems)


def test_records_of_a_patient_whom_the_subjects_do_not_have_are_told(changed):
    report = changed(adsl=lambda frame: frame[frame["USUBJID"] != "P00005"])
    assert {(p.code, p.file, p.field) for p in report.problems} == {
        ("DATA030", "adqs.xpt", "USUBJID"),
        ("DATA030", "adlb.xpt", "USUBJID"),
    }


def test_records_of_a_patient_whom_the_mapping_leaves_out_are_none_of_the_trials(changed):
    report = changed(adsl=setting("ITTFL", "N", USUBJID="P00005"))
    assert report.problems == ()
    assert len(report.require_cohort()) == 59


def test_a_record_of_nobody_is_told(changed):
    report = changed(adqs=setting("USUBJID", "", USUBJID="P00001", PARAMCD="PAINVAS", AVISIT="Week 4"))
    assert [(p.code, p.file, p.field) for p in report.problems] == [("DATA010", "adqs.xpt", "USUBJID")]


def test_several_files_of_visits_need_a_mapping(delivery):
    with pytest.raises(UsageError, match="several --visits need a --map"):
        check(LD_IL2, baseline=delivery / "adsl.xpt", visits=(delivery / "adqs.xpt", delivery / "adlb.xpt"))


def test_no_message_holds_a_value_of_a_patient(changed):
    def secret(frame):
        frame.loc[0, ["SEX", "AGEU", "TRT01P"]] = "canary"
        return frame

    report = changed(adsl=secret)
    assert report.problem_count == 3
    assert "canary" not in " ".join(map(str, (*report.problems, *report.notes)))


WIDE = """
[[tables]]
file = "{file}"
a_row_is = "visit"
columns_seen = ["patient", "visit", "esr"]
[tables.columns.patient_id]
from = "patient"
[tables.columns.week]
from = "visit"
[tables.columns.esr_mm_per_h]
from = "esr"
unit = "mm/h"
"""


@pytest.fixture
def with_tables(delivery, tmp_path):
    """Checks the delivery with tables of a row a visit beside it, each with rows of patient, visit and sedimentation rate."""

    def run(**tables):
        mapping = (delivery / "map.toml").read_text("utf-8")
        for name, rows in tables.items():
            mapping += WIDE.format(file=f"{name}.csv")
            (tmp_path / f"{name}.csv").write_text("\n".join(["patient,visit,esr", *rows]))
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        visits = [delivery / "adqs.xpt", delivery / "adlb.xpt", *(tmp_path / f"{name}.csv" for name in tables)]
        return check_adam(delivery, visits=visits, mapping=tmp_path / "map.toml")

    return run


def test_a_value_that_two_tables_have_is_told(with_tables):
    again = with_tables(extra=["P00001,4,12"])
    assert told(again.problems) == [("DATA034", "extra.csv", 2, "esr")]


def test_a_visit_that_no_week_of_the_study_is_is_told_where_it_stands(with_tables):
    assert told(with_tables(extra=["P00001,8,12"]).problems) == [("DATA032", "extra.csv", 2, "visit")]


def test_two_visits_of_one_week_in_one_table_are_told_where_they_stand(with_tables):
    assert told(with_tables(extra=["P00001,8,12", "P00001,8,13"]).problems) == [
        ("DATA032", "extra.csv", 2, "visit"),
        ("DATA032", "extra.csv", 3, "visit"),
    ]


def test_a_visit_of_nobody_is_told_where_it_stands(with_tables):
    assert told(with_tables(extra=["P99999,4,12"]).problems) == [("DATA030", "extra.csv", 2, "patient")]


def test_visits_in_two_tables_are_put_together(delivery, of_csv, tmp_path):
    lines = (delivery / "visits.csv").read_text().splitlines()
    head = 'format = 1\nstudy = "ld-il2-ra"\ncontract = "' + LD_IL2.contract.digest + '"\n'
    own = ["patient_id", "arm", *(field.name for field in LD_IL2.contract)]
    columns = {"baseline": own}
    for name, week in (("early", ("4", "12")), ("late", ("24",))):
        columns[name] = lines[0].split(",")
        (tmp_path / f"{name}.csv").write_text("\n".join([lines[0], *(x for x in lines if x.split(",")[1] in week)]))
    for name, names in columns.items():
        layout = "patient" if name == "baseline" else "visit"
        head += f'[[tables]]\nfile = "{name}"\na_row_is = "{layout}"\ncolumns_seen = []\n'
        head += "".join(f'[tables.columns.{column}]\nfrom = "{column}"\n' for column in names)
    (tmp_path / "map.toml").write_text(head)
    cohort = check(
        LD_IL2,
        baseline=delivery / "baseline.csv",
        visits=[tmp_path / "early.csv", tmp_path / "late.csv"],
        mapping=tmp_path / "map.toml",
    ).require_cohort()
    assert cohort.fingerprint == of_csv.fingerprint


def test_a_model_records_the_mapping_that_its_data_were_read_by(delivery, of_csv, tmp_path):
    digest = hashlib.sha256((delivery / "map.toml").read_bytes()).hexdigest()
    cohort = check_adam(delivery).require_cohort()
    model = fit_model(cohort, "prevalence", seed=1, card={"training_data": mapping_of(cohort)})
    save(model, provenance(cohort, "m", 1), tmp_path / "model")
    manifest, _ = read_manifest(tmp_path / "model")
    assert manifest.data_mapping == digest
    assert mapping_of(cohort) == {"mapping": digest}
    assert mapping_of(of_csv) == {}


def adam_files(folder):
    return [folder / f"{name}.xpt" for name in ("adsl", "adqs", "adlb")]


def test_patients_to_predict_for_are_those_of_the_own_file(delivery):
    ids, covariates = read_patients(LD_IL2, adam_files(delivery), delivery / "map.toml")
    own_ids, own = read_patients(LD_IL2, [delivery / "baseline.csv"])
    assert ids.tolist() == own_ids.tolist()
    assert np.array_equal(covariates.values, own.values, equal_nan=True)
    assert np.array_equal(covariates.below, own.below)


def test_what_is_wrong_with_patients_to_predict_for_is_told_all_the_same(delivery, tmp_path):
    mapping = (delivery / "map.toml").read_text("utf-8")
    (tmp_path / "map.toml").write_text(mapping.replace('"F" = "female"', '"F" = "?"'), encoding="utf-8")
    with pytest.raises(DataError, match=r"map.toml, row \d+, tables.1.columns.sex.codes.F: not answered"):
        read_patients(LD_IL2, adam_files(delivery), tmp_path / "map.toml")
    with pytest.raises(DataError, match=r"map.toml, row \d+, tables.2.file: this table of the mapping was not given"):
        read_patients(LD_IL2, adam_files(delivery)[:1], delivery / "map.toml")
    with pytest.raises(UsageError, match="several --in need a --map"):
        read_patients(LD_IL2, adam_files(delivery))
