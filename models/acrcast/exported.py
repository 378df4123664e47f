"""A line of `acrcast audit export`: what the service writes and whoever reads it goes by. docs/audit.md describes it."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

# Of an outcome, `about` is the prediction that it is of; of a shadow, the prediction that was answered instead.
PREDICTION, OUTCOME, SHADOW = "prediction", "outcome", "shadow"


class ExportedRecord(BaseModel):
    """One record of the audit, opened. subject: keyed name of the patient, the same in all records of the patient.

    model: digest. inputs, answer: absent where there were none, or where they were erased. Members that a later version adds
    are not read.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    sequence: int
    record_id: str
    kind: str
    time: AwareDatetime
    tenant: str
    subject: str
    model: str = ""
    study: str = ""
    about: str = ""
    erased: bool = False
    inputs: Any = None
    answer: Any = None
