"""From a patient to a prediction that has a name of its own."""

from dataclasses import replace
from uuid import uuid4

from acrcast.answer import predict_patients
from acrcast.contract import Covariates, Patient
from acrcast.prediction import Prediction
from acrcast.response_model import ResponseModel


def predict_patient(model: ResponseModel, patient: Patient, level: float, name: str | None = None) -> Prediction:
    """The model's answer for one validated patient. level: of its intervals. name: its prediction_id; None makes one."""
    covariates = Covariates.of_patients(model.study.contract, [patient])
    (prediction,) = predict_patients(model, covariates, level=level)
    return replace(prediction, prediction_id=name or str(uuid4()))
