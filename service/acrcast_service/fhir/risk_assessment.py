"""A prediction as a RiskAssessment of FHIR R4. Its probabilities are percentages, and no member is empty."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from acrcast.prediction import ArmRisk, Benefit, Interval, ModelIdentity, Prediction
from acrcast.studies import Study
from acrcast_service.fhir.canonical import ARMS, BENEFIT, MODEL_DIGEST
from acrcast_service.fhir.notes import notes_of, percent
from acrcast_service.fhir.person import PATIENT
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.values import UCUM

# The Device inside the RiskAssessment.
MODEL = "model"

# No model of this project is for more than research: what it says is never final.
STATUS = "preliminary"


def risk_assessment(
    prediction: Prediction, study: Study, reading: Reading, plain: Iterable[str], at: datetime, subject: str | None
) -> dict[str, Any]:
    """plain: fields that were given as values. subject: as resources refer to the patient; None when nothing said it."""
    basis = _basis(reading)
    return {
        "resourceType": "RiskAssessment",
        "id": prediction.prediction_id,
        "contained": [_device(prediction.model)],
        **({"extension": [_benefit(prediction.benefit)]} if prediction.benefit is not None else {}),
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{prediction.prediction_id}"}],
        "status": STATUS,
        "method": {"text": f"acrcast, {prediction.model.name} {prediction.model.version}: {study.title}"},
        "code": {"text": prediction.endpoint},
        "subject": {"reference": subject} if subject is not None else {"display": "The patient of the request"},
        "occurrenceDateTime": at.isoformat(timespec="seconds"),
        "performer": {"reference": f"#{MODEL}", "display": f"{prediction.model.name} {prediction.model.version}"},
        **({"basis": basis} if basis else {}),
        "prediction": [part for arm in _arms(prediction) for part in _predictions(arm, prediction, study)],
        "note": [{"text": text} for text in notes_of(prediction, study.contract, reading, plain)],
    }


def _arms(prediction: Prediction) -> Iterable[ArmRisk]:
    return (prediction.treated, *((prediction.control,) if prediction.control is not None else ()))


def _predictions(risk: ArmRisk, prediction: Prediction, study: Study) -> tuple[dict[str, Any], dict[str, Any]]:
    """The probability, and its interval: one prediction of FHIR has either, and never both."""
    (title,) = [arm.title for arm in study.arms if arm.key == risk.arm]
    outcome = {
        "coding": [{"system": f"{ARMS}/{study.key}", "code": risk.arm, "display": title}],
        "text": f"{prediction.endpoint}, on {title} ({risk.arm})",
    }
    interval = f"{prediction.level * 100:g} % interval of the probability in this arm: what the estimation leaves open"
    return (
        {"outcome": outcome, "probabilityDecimal": percent(risk.probability)},
        {"outcome": outcome, "probabilityRange": _range(risk.interval), "rationale": interval},
    )


def _benefit(benefit: Benefit) -> dict[str, Any]:
    """Treated less control, in percentage points, with its interval and the probability that it is above zero."""
    return {
        "url": BENEFIT,
        "extension": [
            {"url": "difference", "valueQuantity": _percentage(benefit.difference)},
            {"url": "interval", "valueRange": _range(benefit.interval)},
            {"url": "probability-positive", "valueQuantity": _percentage(benefit.probability_positive)},
        ],
    }


def _range(interval: Interval) -> dict[str, Any]:
    low, high = interval
    return {"low": _percentage(low), "high": _percentage(high)}


def _percentage(share: float) -> dict[str, Any]:
    return {"value": percent(share), "unit": "%", "system": UCUM, "code": "%"}


def _device(model: ModelIdentity) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": MODEL,
        "identifier": [{"system": MODEL_DIGEST, "value": model.digest}],
        "status": "active",
        "deviceName": [{"name": model.name, "type": "model-name"}],
        "type": {"text": "Prediction model, for research only: not a medical device"},
        "version": [{"value": model.version}],
        "note": [{"text": f"Trained on {model.training_data} data."}],
    }


def _basis(reading: Reading) -> list[dict[str, str]]:
    """Each resource once, with what it was used for. The Patient is the subject."""
    labels: dict[str, list[str]] = {}
    for used in reading.used:
        if used.type != PATIENT:
            labels.setdefault(used.name or "", []).append(used.label)
    return [{**({"reference": name} if name else {}), "display": ", ".join(of_one)} for name, of_one in labels.items()]
