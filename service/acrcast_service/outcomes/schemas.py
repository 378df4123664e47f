"""An outcome as it comes in."""

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
    correction: Annotated[bool, Field(description="Replaces the outcome that was sent before; it stays recorded")] = (
        False
    )


EXPECTED = {
    "prediction_id": "the prediction_id of a prediction, a UUID",
    "responded": "true or false",
    "observed_on": "a day that is not in the future, as YYYY-MM-DD",
    "source": "a text of 1 to 200 characters",
    "correction": "true or false",
}
