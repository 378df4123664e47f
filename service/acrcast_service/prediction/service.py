"""From a patient to a prediction that has a name of its own."""

from uuid import uuid4

from acrcast.answer import Bedside
from acrcast.contract import OnePatient, Patient
from acrcast.prediction import Prediction


def predict_patient(bedside: Bedside, patient: Patient, name: str | None = None) -> Prediction:
    """The model's answer for one validated patient. name: its prediction_id; None makes one."""
    return bedside.predict(OnePatient.of(bedside.contract, patient), name or str(uuid4()))
