"""Auranofin against placebo in rheumatoid arthritis: a real two-arm trial of 302 patients.

Distributed as `arthritis` of the R package multgee. The published table's documentation gives sex 1 as female, but 219 of
302 are coded 2: it is kept as a code here.
"""

from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import Measure, Patient
from acrcast.studies.study import Arm, OutcomeColumn, Study


class AuranofinRaPatient(Patient):
    """Baseline of a patient of the auranofin trial."""

    age_years: Annotated[
        float, Field(ge=18, le=100, examples=[54]), Measure(label="Age", unit="years", ucum="a", source="Lipsitz 1994")
    ]
    sex_code: Annotated[
        Literal["1", "2"],
        Field(examples=["2"]),
        Measure(
            label="Sex, as coded in the published table",
            help="The documentation and the counts disagree about which is which",
            source="multgee, arthritis",
        ),
    ]
    self_assessment: Annotated[
        int,
        Field(ge=1, le=5, examples=[3]),
        Measure(
            label="Self-assessment at baseline",
            help="1 very poor, 2 poor, 3 fair, 4 good, 5 very good",
            source="Lipsitz 1994",
        ),
    ]


STUDY = Study(
    key="auranofin-ra",
    title="Auranofin in rheumatoid arthritis",
    patient=AuranofinRaPatient,
    arms=(Arm("placebo", "Placebo"), Arm("auranofin", "Auranofin")),
    control="placebo",
    endpoint=OutcomeColumn(
        title="Self-assessment good or very good at month 5",
        column="self_assessment_month_5",
        responder=frozenset({"4", "5"}),
        others=frozenset({"1", "2", "3"}),
        week=22,
    ),
    effect_modifiers=("self_assessment",),
    expected_directions={"self_assessment": 1},
    reference="Lipsitz, Kim & Zhao 1994, Stat Med 13:1149",
    intended_use=(
        "Research use only: not a medical device, not for diagnosis or treatment decisions. "
        "Auranofin is hardly used today; this study shows the method on a real trial."
    ),
)
