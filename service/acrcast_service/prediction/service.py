"""From a patient to an answer that has a name of its own."""

from typing import Any
from uuid import uuid4

from acrcast.answer import Bedside
from acrcast.contract import OnePatient, Patient
from acrcast.prediction import Prediction


def answer_for(bedside: Bedside, patient: Patient, name: str | None = None) -> dict[str, Any]:
    """The model's complete answer for one validated patient, to be written as JSON. name: its prediction_id; None makes one."""
    return bedside.answer(OnePatient.of(bedside.contract, patient), name or str(uuid4()))


def predict_patient(bedside: Bedside, patient: Patient, name: str | None = None) -> Prediction:
    """The same answer, to be worked with."""
    return Prediction.of(answer_for(bedside, patient, name))
