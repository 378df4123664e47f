"""What happened to the patient of one prediction: as a client says it, and as the audit keeps it."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Outcome(BaseModel):
    """What happened to the patient of one prediction."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    prediction_id: Annotated[UUID, Field(description="The prediction_id of the prediction")]
    responded: Annotated[bool, Field(description="Whether the patient met the study's endpoint")]
    observed_on: Annotated[date, Field(description="Day of the visit that decided it, as YYYY-MM-DD")]
    source: Annotated[str, Field(min_length=1, max_length=200, description="Where it was taken from: registry, chart")]
    arm: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description="Key of the arm that the patient was treated in, as answers name it. A study of two arms needs it to "
            "judge the prediction by this outcome",
        ),
    ] = None
    correction: Annotated[bool, Field(description="Replaces the outcome that was sent before; it stays recorded")] = (
        False
    )
