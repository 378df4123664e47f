"""FHIR's own form of an error, where CDS Hooks asks for it (CDS Hooks 2.0, HTTP Status Codes)."""

from typing import Any

import orjson
from fastapi import Response

from acrcast_service.cds_hooks.prefetch import DataMissing
from acrcast_service.problems import FHIR_DATA_MISSING

MEDIA_TYPE = "application/fhir+json"

OUTCOME_OF_MISSING_DATA: dict[int | str, dict[str, Any]] = {
    FHIR_DATA_MISSING.status: {
        "description": f"{FHIR_DATA_MISSING.title}: an OperationOutcome with an issue for each key of the prefetch",
        "content": {MEDIA_TYPE: {"schema": {"type": "object", "required": ["resourceType", "issue"]}}},
    }
}


def outcome_of(missing: DataMissing) -> Response:
    """An OperationOutcome that says of each key why its data could not be had."""
    issues = [
        {
            "severity": "error",
            "code": "incomplete",
            "details": {"text": FHIR_DATA_MISSING.title},
            "diagnostics": f"{key}: {reason}",
        }
        for key, reason in missing.reasons.items()
    ]
    content = orjson.dumps({"resourceType": "OperationOutcome", "issue": issues})
    return Response(content, FHIR_DATA_MISSING.status, media_type=MEDIA_TYPE)
