"""An own study: anti-TNF in rheumatoid arthritis, one arm, 46 patients (GEO GSE198520).

As a study: `acrcast train --study docs/own_study/anti_tnf_ra.py --table anti_tnf_ra.csv`.
As a script, it makes that table of the deposited one: `python docs/own_study/anti_tnf_ra.py IN.csv OUT.csv [--put-back]`.
"""

import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import Measure, Patient, loinc, snomed
from acrcast.studies import AcrResponse, Arm, Study

SOURCE = "GEO GSE198520"

# The deposit says before and after, not when. Twelve weeks is the usual time to judge an anti-TNF: an assumption, and
# no more than a label, since nothing is computed from it.
FOLLOW_UP_WEEK = 12


class AntiTnfRaPatient(Patient):
    """Baseline of a patient about to start etanercept or certolizumab."""

    age_years: Annotated[
        float, Field(ge=18, le=100, examples=[54]), Measure(label="Age", unit="years", ucum="a", source=SOURCE)
    ]
    sex: Annotated[Literal["female", "male"], Field(examples=["female"]), Measure(label="Sex", source=SOURCE)]
    disease_duration_years: Annotated[
        float | None,
        Field(ge=0, le=80, examples=[4]),
        Measure(label="Disease duration", unit="years", ucum="a", scale="log", source=SOURCE),
    ] = None
    tender_joint_count_28: Annotated[
        int,
        Field(ge=0, le=28, examples=[14]),
        Measure(
            label="Tender joint count (28)",
            unit="joints",
            ucum="{#}",
            codes=loinc("88981-6") + snomed("442736000"),
            scale="sqrt",
            source=SOURCE,
        ),
    ]
    swollen_joint_count_28: Annotated[
        int,
        Field(ge=0, le=28, examples=[9]),
        Measure(
            label="Swollen joint count (28)",
            unit="joints",
            ucum="{#}",
            codes=loinc("88980-8") + snomed("442687006"),
            scale="sqrt",
            source=SOURCE,
        ),
    ]
    pain_mm: Annotated[
        float | None,
        Field(ge=0, le=100, examples=[68]),
        Measure(label="Pain", unit="mm", ucum="mm", codes=loinc("38214-3"), source=SOURCE),
    ] = None
    patient_global_mm: Annotated[
        float | None,
        Field(ge=0, le=100, examples=[65]),
        Measure(label="Patient global assessment", unit="mm", ucum="mm", codes=loinc("75844-1"), source=SOURCE),
    ] = None
    physician_global_mm: Annotated[
        float | None,
        Field(ge=0, le=100, examples=[60]),
        Measure(label="Physician global assessment", unit="mm", ucum="mm", codes=loinc("75846-6"), source=SOURCE),
    ] = None
    haq_di: Annotated[
        float | None,
        Field(ge=0, le=3, examples=[1.5]),
        Measure(label="HAQ disability index", ucum="{score}", codes=loinc("75874-8"), source=SOURCE),
    ] = None
    esr_mm_per_h: Annotated[
        float | None,
        Field(ge=0, le=200, examples=[27]),
        Measure(label="ESR", unit="mm/h", ucum="mm/h", codes=loinc("4537-7"), scale="log", source=SOURCE),
    ] = None
    crp_mg_per_l: Annotated[
        float | None,
        Field(ge=0, le=500, examples=[8]),
        Measure(label="CRP", unit="mg/L", ucum="mg/L", codes=loinc("1988-5"), scale="log", source=SOURCE),
    ] = None
    # Titres as measured, rather than positive or not: the threshold belongs to an assay that the deposit does not name.
    rf_iu_per_ml: Annotated[
        float | None,
        Field(ge=0, le=5000, examples=[53]),
        Measure(
            label="Rheumatoid factor", unit="IU/mL", ucum="[IU]/mL", codes=loinc("11572-5"), scale="log", source=SOURCE
        ),
    ] = None
    anti_ccp_u_per_ml: Annotated[
        float | None,
        Field(ge=0, le=5000, examples=[99]),
        Measure(label="Anti-CCP", unit="U/mL", ucum="U/mL", codes=loinc("33935-8"), scale="log", source=SOURCE),
    ] = None
    on_steroids: Annotated[bool | None, Field(examples=[False]), Measure(label="On steroids", source=SOURCE)] = None
    current_smoker: Annotated[bool | None, Field(examples=[False]), Measure(label="Current smoker", source=SOURCE)] = (
        None
    )


STUDY = Study(
    key="anti-tnf-ra",
    title="Anti-TNF in rheumatoid arthritis, one arm",
    patient=AntiTnfRaPatient,
    arms=(Arm("anti-tnf", "Etanercept or certolizumab"),),
    endpoint=AcrResponse(week=FOLLOW_UP_WEEK, level=20, acute_phase="esr"),
    weeks=(0, FOLLOW_UP_WEEK),
    # 46 patients carry few predictors; these two are named before the outcome is looked at.
    prespecified=("haq_di", "current_smoker"),
    expected_directions={"haq_di": -1, "current_smoker": -1},
    intended_use=(
        "Research use only: not a medical device, not for diagnosis or treatment decisions. "
        "46 patients and no control arm: it cannot tell response to the drug from what would have happened anyway."
    ),
)

# Names in the study and in the deposit, whose columns end in 0 before and 1 after.
AT_VISITS = {
    "tender_joint_count_28": "tjc",
    "swollen_joint_count_28": "sjc",
    "pain_mm": "pain",
    "patient_global_mm": "ptga",
    "physician_global_mm": "phga",
    "haq_di": "haq",
    "esr_mm_per_h": "esr",
    "crp_mg_per_l": "crp",
    "das28_esr": "das28_",
}

# Patients whose deposited DAS28 fits only with tender and swollen counts exchanged, before (0) and after (1).
EXCHANGED = {
    "0": {"nr_002", "nr_013", "mr_002", "mr_012"},
    "1": {"r_003", "r_013", "nr_002", "nr_011", "nr_013", "nr_015", "mr_002"},
}


def with_counts_put_back(deposited: Mapping[str, str]) -> dict[str, str]:
    """The patient with tender and swollen counts exchanged where `EXCHANGED` says that they are."""
    corrected = dict(deposited)
    for visit, patients in EXCHANGED.items():
        if deposited["patient"] in patients:
            corrected[f"tjc{visit}"], corrected[f"sjc{visit}"] = deposited[f"sjc{visit}"], deposited[f"tjc{visit}"]
    return corrected


def analysis_row(deposited: Mapping[str, str]) -> dict[str, str]:
    """One patient as acrcast reads it. Codes get their names; numbers and NA, for missing, stay as they are."""
    return {
        "patient_id": deposited["patient"],
        "age_years": deposited["age"],
        "sex": {"F": "female", "M": "male"}[deposited["sex"]],
        "disease_duration_years": deposited["dis_years"],
        **{name: deposited[f"{source}0"] for name, source in AT_VISITS.items()},
        "rf_iu_per_ml": deposited["rf"],
        "anti_ccp_u_per_ml": deposited["ccp"],
        "on_steroids": deposited["steroids"],
        "current_smoker": deposited["smoke_curr"],
        **{f"{name}_week_{FOLLOW_UP_WEEK}": deposited[f"{source}1"] for name, source in AT_VISITS.items()},
    }


def write_analysis_table(deposited: Path, table: Path, *, put_back: bool = False) -> None:
    """The deposited table, one row a patient, as the table of this study."""
    with deposited.open(encoding="utf-8-sig", newline="") as file:
        patients = list(csv.DictReader(file))
    rows = [analysis_row(with_counts_put_back(patient) if put_back else patient) for patient in patients]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [source, target]:
            write_analysis_table(Path(source), Path(target))
        case [source, target, "--put-back"]:
            write_analysis_table(Path(source), Path(target), put_back=True)
        case _:
            sys.exit("usage: python anti_tnf_ra.py IN.csv OUT.csv [--put-back]")
