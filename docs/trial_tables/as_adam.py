"""A simulated trial as a sponsor would deliver it: ADaM data sets in SAS transport files, version 5.

    python as_adam.py TRIAL FOLDER

TRIAL is what `acrcast simulate --out TRIAL` wrote. FOLDER gets adsl.xpt (a row a subject), adqs.xpt (joint counts, scales and
HAQ) and adlb.xpt (laboratory), with names and labels of the CDISC ADaM Implementation Guide 1.3. What makes real deliveries
awkward is in them: other names, other units, codes, a screening failure, visits that the study does not need, and records that
were carried forward.
"""

import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyreadstat

STUDY = "ZHANG2022"
ARMS = {"placebo+mtx": "Placebo + MTX", "ld-il2+mtx": "Ld-IL2 + MTX"}
SEXES = {"female": "F", "male": "M"}
YES_NO = {"true": "Y", "false": "N", "": ""}

# Parameter, what it is, unit, how many of it are one of ours, and ours.
QUESTIONNAIRES = (
    ("TJC28", "Tender Joint Count (28)", "", 1, "tender_joint_count_28"),
    ("SJC28", "Swollen Joint Count (28)", "", 1, "swollen_joint_count_28"),
    ("PAINVAS", "Patient's Assessment of Pain, VAS (cm)", "cm", 10, "pain_mm"),
    ("PTGLVAS", "Patient Global Assessment, VAS (cm)", "cm", 10, "patient_global_mm"),
    ("PHGLVAS", "Physician Global Assessment, VAS (cm)", "cm", 10, "physician_global_mm"),
    ("HAQDI", "HAQ Disability Index", "", 1, "haq_di"),
)
LABORATORY = (
    ("ESR", "Erythrocyte Sedimentation Rate (mm/h)", "mm/h", 1, "esr_mm_per_h"),
    ("CRP", "C-Reactive Protein (mg/dL)", "mg/dL", 10, "crp_mg_per_l"),
    ("TREG", "Regulatory T Cells/CD4+ T Cells (%)", "%", 1, "treg_percent_of_cd4"),
    ("IL21", "Interleukin 21, Serum (ng/L)", "ng/L", 1, "il21_pg_per_ml"),
)
OF_SUBJECTS = {
    "STUDYID": "Study Identifier",
    "USUBJID": "Unique Subject Identifier",
    "SUBJID": "Subject Identifier for the Study",
    "AGE": "Age",
    "AGEU": "Age Units",
    "SEX": "Sex",
    "ARM": "Description of Planned Arm",
    "TRT01P": "Planned Treatment for Period 01",
    "ITTFL": "Intent-To-Treat Population Flag",
    "EOSSTT": "End of Study Status",
    "DURDIS": "Duration of Disease (years)",
    "RFPOS": "Rheumatoid Factor Positive",
    "CCPPOS": "Anti-CCP Positive",
    "MTXDOSE": "Methotrexate Dose (mg/week)",
    "SMOKER": "Current Smoker",
    "TREGGATE": "Treg Gating",
    "IL21ASSY": "IL-21 Assay",
    "DATAKIND": "Kind of Data",
}
OF_RECORDS = {
    "STUDYID": "Study Identifier",
    "USUBJID": "Unique Subject Identifier",
    "PARAMCD": "Parameter Code",
    "PARAM": "Parameter",
    "AVISIT": "Analysis Visit",
    "AVISITN": "Analysis Visit (N)",
    "AVAL": "Analysis Value",
    "AVALC": "Analysis Value (C)",
    "BASE": "Baseline Value",
    "ABLFL": "Baseline Record Flag",
    "ANL01FL": "Analysis Flag 01",
    "DTYPE": "Derivation Type",
}


def subjects(baseline: pd.DataFrame, completed: set[str]) -> pd.DataFrame:
    """ADSL: every patient, and one who was screened and not randomised."""
    rows = [
        {
            "STUDYID": STUDY,
            "USUBJID": patient["patient_id"],
            "SUBJID": patient["patient_id"].removeprefix("P"),
            "AGE": number(patient["age_years"]),
            "AGEU": "YEARS",
            "SEX": SEXES[patient["sex"]],
            "ARM": ARMS[patient["arm"]],
            "TRT01P": ARMS[patient["arm"]],
            "ITTFL": "Y",
            "EOSSTT": "COMPLETED" if patient["patient_id"] in completed else "DISCONTINUED",
            "DURDIS": number(patient["disease_duration_years"]),
            "RFPOS": YES_NO[patient["rf_positive"]],
            "CCPPOS": YES_NO[patient["anti_ccp_positive"]],
            "MTXDOSE": number(patient["methotrexate_mg_per_week"]),
            "SMOKER": YES_NO[patient["current_smoker"]],
            "TREGGATE": patient["treg_gating"],
            "IL21ASSY": patient["il21_assay"],
            "DATAKIND": patient["data_kind"],
        }
        for _, patient in baseline.iterrows()
    ]
    rows.append(
        rows[0] | {"USUBJID": "S00001", "SUBJID": "S00001", "ARM": "Screen Failure", "TRT01P": "", "ITTFL": "N"}
    )
    return pd.DataFrame(rows, columns=list(OF_SUBJECTS))


def records(
    parameters: tuple[tuple[str, str, str, int, str], ...], trial: pd.DataFrame, weeks: list[int]
) -> pd.DataFrame:
    """A Basic Data Structure: baseline and visits, with the last visit carried forward to those that are missing."""
    rows = []
    for _, of_patient in trial.groupby("patient_id", sort=False):
        visits = {int(visit["week"]): visit for _, visit in of_patient.iterrows()}
        for code, described, _, factor, name in parameters:
            at_baseline = value(visits[0].get(name, ""), factor)
            last = ("", None)
            for week in weeks:
                text = visits[week].get(name, "") if week in visits else ""
                carried = week in visits or week == 0
                found = (text if text.startswith("<") else "", value(text, factor)) if text else last
                last = found
                if found[1] is None:
                    continue
                rows.append(
                    {
                        "STUDYID": STUDY,
                        "USUBJID": of_patient["patient_id"].iloc[0],
                        "PARAMCD": code,
                        "PARAM": described,
                        "AVISIT": f"Week {week}" if week else "Baseline",
                        "AVISITN": float(week),
                        "AVAL": found[1],
                        "AVALC": found[0] or f"{found[1]:g}",
                        "BASE": at_baseline,
                        "ABLFL": "" if week else "Y",
                        "ANL01FL": "Y",
                        "DTYPE": "" if text and carried else "LOCF",
                    }
                )
    return pd.DataFrame(rows, columns=list(OF_RECORDS))


def number(text: str) -> float | None:
    """A cell as a number; None where it is empty."""
    return float(text) if text else None


def value(text: str, factor: int) -> float | None:
    """A cell in the delivered unit, worked in decimals; for "<3.9" the limit."""
    return float(Decimal(text.removeprefix("<")) / factor) if text else None


def write(trial: Path, folder: Path) -> None:
    """The three files."""
    baseline = pd.read_csv(trial / "baseline.csv", dtype=str, keep_default_na=False)
    later = pd.read_csv(trial / "visits.csv", dtype=str, keep_default_na=False)
    both = pd.concat([baseline.assign(week="0"), later], ignore_index=True).fillna("")
    weeks = sorted({int(week) for week in both["week"]})
    completed = set(later.loc[later["week"] == str(weeks[-1]), "patient_id"])
    of_baseline = both[both["week"] == "0"]
    questionnaires = records(QUESTIONNAIRES, both, weeks)
    laboratory = pd.concat([records(LABORATORY[:2], both, weeks), records(LABORATORY[2:], of_baseline, [0])])
    folder.mkdir(parents=True, exist_ok=True)
    tables = (
        ("adsl", subjects(baseline, completed), OF_SUBJECTS, "Subject-Level Analysis Dataset"),
        ("adqs", questionnaires, OF_RECORDS, "Questionnaires Analysis Dataset"),
        ("adlb", laboratory, OF_RECORDS, "Laboratory Analysis Dataset"),
    )
    for name, table, labels, label in tables:
        pyreadstat.write_xport(
            table,
            folder / f"{name}.xpt",
            file_label=label,
            column_labels=list(labels.values()),
            table_name=name.upper(),
            file_format_version=5,
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case [source, target]:
            write(Path(source), Path(target))
        case _:
            sys.exit("usage: python as_adam.py TRIAL FOLDER")
