"""From a patient to an answer that has a name of its own."""

from os import urandom
from typing import Any

from acrcast.answer import Bedside
from acrcast.contract import OnePatient, Patient
from acrcast.prediction import Prediction


def answer_for(bedside: Bedside, patient: Patient, name: str | None = None) -> dict[str, Any]:
    """The model's complete answer for one validated patient, to be written as JSON. name: its prediction_id; None makes one."""
    return bedside.answer(OnePatient.of(bedside.contract, patient), name or new_name())


def new_name() -> str:
    """A random UUID (RFC 9562, version 4); the library takes twice as long to write one."""
    digits = urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def predict_patient(bedside: Bedside, patient: Patient, name: str | None = None) -> Prediction:
    """The same answer, to be worked with."""
    return Prediction.of(answer_for(bedside, patient, name))
