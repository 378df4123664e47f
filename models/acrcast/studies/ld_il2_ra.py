"""Low-dose interleukin-2 with methotrexate in active rheumatoid arthritis, against placebo with methotrexate.

The trial's patient-level data are not public; models that ship for this study are trained on simulated trials.
"""

from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import (
    FEMALE_OR_MALE,
    POSITIVE_OR_NEGATIVE,
    SMOKES,
    Measure,
    Patient,
    Undetectable,
    atc,
    icd10,
    loinc,
    own,
    rxnorm,
    snomed,
)
from acrcast.studies.study import AcrResponse, Arm, Diagnosis, Study

GLOBAL_SCALE = {"cm": 10.0, "{score}": 10.0}
COUNTED = {"{joints}": 1.0, "1": 1.0}


class LdIl2RaPatient(Patient):
    """Baseline of a patient with active rheumatoid arthritis (DAS28-ESR above 3.2), before the first dose."""

    age_years: Annotated[
        float,
        Field(ge=18, le=100, examples=[54]),
        Measure(
            label="Age",
            unit="years",
            ucum="a",
            codes=loinc("30525-0"),
            held_in="Patient.birthDate",
            source="Zhang 2022: 18 to 70 were enrolled",
        ),
    ]
    sex: Annotated[
        Literal["female", "male"],
        Field(examples=["female"]),
        Measure(
            label="Sex",
            codes=loinc("76689-9"),
            answers=FEMALE_OR_MALE,
            held_in="Patient.gender",
            source="Zhang 2022",
        ),
    ]
    disease_duration_years: Annotated[
        float | None,
        Field(ge=0, le=80, examples=[4.5]),
        Measure(
            label="Disease duration",
            unit="years",
            ucum="a",
            held_in="Condition.onset",
            scale="log",
            help="Since the diagnosis of rheumatoid arthritis",
            source="Lv 2015",
        ),
    ] = None
    treg_percent_of_cd4: Annotated[
        float | None,
        Field(ge=0.2, le=100, examples=[5.2]),
        Measure(
            label="Treg frequency",
            unit="%",
            ucum="%",
            codes=own("treg-percent-of-cd4"),
            scale="log",
            below_range="a value below 0.2 is most likely a fraction: give the percentage of CD4+ T cells",
            help="CD25+FoxP3+ regulatory T cells as a percentage of CD4+ T cells",
            source="PMID 22699077: 5.4 (1.6) in active disease",
        ),
    ] = None
    il21_pg_per_ml: Annotated[
        Annotated[float, Field(ge=0, le=20000)] | Undetectable | None,
        Field(examples=[85.0]),
        Measure(
            label="Serum IL-21",
            unit="pg/mL",
            ucum="pg/mL",
            codes=own("il21-serum"),
            other_units={"ng/L": 1.0, "ng/mL": 1000.0},
            scale="log",
            source="log-normal; absolute levels differ between assays",
        ),
    ] = None
    tender_joint_count_28: Annotated[
        int,
        Field(ge=0, le=28, examples=[14]),
        Measure(
            label="Tender joint count (28)",
            unit="joints",
            ucum="{#}",
            other_units=COUNTED,
            codes=loinc("88981-6") + snomed("442736000"),
            scale="sqrt",
            source="Prevoo 1995;38:44",
        ),
    ]
    swollen_joint_count_28: Annotated[
        int,
        Field(ge=0, le=28, examples=[9]),
        Measure(
            label="Swollen joint count (28)",
            unit="joints",
            ucum="{#}",
            other_units=COUNTED,
            codes=loinc("88980-8") + snomed("442687006"),
            scale="sqrt",
            source="Prevoo 1995;38:44",
        ),
    ]
    patient_global_mm: Annotated[
        float | None,
        Field(ge=0, le=100, examples=[65]),
        Measure(
            label="Patient global assessment",
            unit="mm",
            ucum="mm",
            codes=loinc("75844-1", "75894-6"),
            other_units=GLOBAL_SCALE,
            help="Visual analogue scale",
            source="Felson 1993;36:729",
        ),
    ] = None
    physician_global_mm: Annotated[
        float | None,
        Field(ge=0, le=100, examples=[60]),
        Measure(
            label="Physician global assessment",
            unit="mm",
            ucum="mm",
            codes=loinc("75846-6"),
            other_units=GLOBAL_SCALE,
            help="Visual analogue scale",
            source="Felson 1993;36:729",
        ),
    ] = None
    pain_mm: Annotated[
        float | None,
        Field(ge=0, le=100, examples=[68]),
        Measure(
            label="Pain",
            unit="mm",
            ucum="mm",
            codes=loinc("38214-3"),
            other_units=GLOBAL_SCALE,
            help="Visual analogue scale",
            source="Felson 1993;36:729",
        ),
    ] = None
    haq_di: Annotated[
        float | None,
        Field(ge=0, le=3, examples=[1.5]),
        Measure(
            label="HAQ disability index",
            ucum="{score}",
            other_units={"1": 1.0},
            codes=loinc("75874-8"),
            help="0 is no difficulty, 3 is unable to do",
            source="Felson 1993;36:729",
        ),
    ] = None
    esr_mm_per_h: Annotated[
        float | None,
        Field(ge=0, le=200, examples=[48]),
        Measure(
            label="ESR",
            unit="mm/h",
            ucum="mm/h",
            codes=loinc("4537-7", "30341-2", "82477-1"),
            scale="log",
            source="Prevoo 1995;38:44",
        ),
    ] = None
    crp_mg_per_l: Annotated[
        float | None,
        Field(ge=0, le=500, examples=[22.0]),
        Measure(
            label="CRP",
            unit="mg/L",
            ucum="mg/L",
            codes=loinc("1988-5"),
            other_units={"mg/dL": 10.0, "ug/mL": 1.0},
            scale="log",
            help="Not high-sensitivity CRP (LOINC 30522-7), which is another test",
            source="PMC2678269",
        ),
    ] = None
    rf_positive: Annotated[
        bool | None,
        Field(examples=[True]),
        Measure(
            label="Rheumatoid factor positive",
            codes=loinc("11572-5"),
            answers=POSITIVE_OR_NEGATIVE,
            help="By the laboratory's own threshold",
            source="Lv 2015: 77 %",
        ),
    ] = None
    anti_ccp_positive: Annotated[
        bool | None,
        Field(examples=[True]),
        Measure(
            label="Anti-CCP positive",
            codes=loinc("33935-8", "32218-0", "53027-9"),
            answers=POSITIVE_OR_NEGATIVE,
            help="By the assay's own threshold",
            source="Lv 2015: 80 %",
        ),
    ] = None
    methotrexate_mg_per_week: Annotated[
        float | None,
        Field(ge=0, le=50, examples=[12.5]),
        Measure(
            label="Methotrexate dose",
            unit="mg/week",
            ucum="mg/wk",
            # the ingredient, and the products as a substance: a hospital's own codes are mapped to it by the record system
            dose_of=rxnorm("6851") + snomed("387381009", "68887009") + atc("L04AX03", "L01BA01"),
            source="Lv 2015: 7.5 rising to 12.5",
        ),
    ] = None
    current_smoker: Annotated[
        bool | None,
        Field(examples=[False]),
        Measure(label="Current smoker", codes=loinc("72166-2"), answers=SMOKES, source="Lv 2015"),
    ] = None
    treg_gating: Annotated[
        str | None,
        Field(max_length=80, examples=["CD25+FoxP3+"]),
        Measure(
            label="Treg gating",
            assay_of="treg_percent_of_cd4",
            help="How regulatory T cells were gated: the scale shifts threefold with it",
            source="PMID 22699077",
        ),
    ] = None
    il21_assay: Annotated[
        str | None,
        Field(max_length=80, examples=["ELISA"]),
        Measure(
            label="IL-21 assay",
            assay_of="il21_pg_per_ml",
            help="No absolute level on which assays agree",
            source="see Serum IL-21",
        ),
    ] = None


STUDY = Study(
    key="ld-il2-ra",
    title="Low-dose interleukin-2 with methotrexate in active rheumatoid arthritis",
    patient=LdIl2RaPatient,
    arms=(
        Arm("placebo+mtx", "Methotrexate alone"),
        # aldesleukin, by its ingredient: a hospital's own product codes are mapped to it by the record system
        Arm("ld-il2+mtx", "Low-dose IL-2 with methotrexate", drug=rxnorm("70223") + atc("L03AC01")),
    ),
    control="placebo+mtx",
    endpoint=AcrResponse(week=24, level=20, acute_phase="esr"),
    weeks=(0, 4, 12, 24),
    effect_modifiers=("treg_percent_of_cd4", "il21_pg_per_ml"),
    expected_directions={"haq_di": -1, "current_smoker": -1, "disease_duration_years": -1},
    reference="Zhang et al. 2022, Signal Transduct Target Ther 7:67, doi 10.1038/s41392-022-00887-2, NCT02467504",
    # below M06 stand adult-onset Still's disease (M06.1) and inflammatory polyarthropathy (M06.4), which are not it
    diagnosis=Diagnosis(
        title="rheumatoid arthritis",
        codes=snomed("69896004") + icd10("M05", "M06"),
        except_for=icd10("M06.1", "M06.4"),
    ),
    assays={"treg_gating": "CD25+FoxP3+", "il21_assay": "ELISA"},
    intended_use=(
        "Research use only: not a medical device, not for diagnosis or treatment decisions. "
        "Low-dose interleukin-2 is investigational in rheumatoid arthritis."
    ),
)
