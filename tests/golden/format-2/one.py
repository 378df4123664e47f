"""The study of the models beside it: one arm, two measures. Neither it nor they are ever changed or made anew."""

from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study


class OnePatient(Patient):
    """Baseline of a trial of one arm."""

    marker: Annotated[float, Field(ge=-9, le=9), Measure(label="Marker")]
    stage: Annotated[Literal["I", "II"] | None, Measure(label="Stage")] = None


STUDY = Study(
    key="one",
    title="One arm",
    patient=OnePatient,
    arms=(Arm("drug", "Drug"),),
    intended_use="Research use only.",
    endpoint=OutcomeColumn("Response", "response", frozenset({"yes"}), frozenset({"no"})),
    prespecified=("marker",),
)
