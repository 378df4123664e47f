"""Addresses under which the project's own parts of FHIR are known; what they are named by, not where they are fetched."""

from acrcast.contract.measure import ACRCAST

BASE = ACRCAST.rpartition("/")[0]
ARMS = f"{BASE}/arms"
PROBLEMS = f"{BASE}/problems"
BENEFIT = f"{BASE}/fhir/StructureDefinition/benefit"
MODEL_DIGEST = f"{BASE}/model-digest"

FHIR_JSON = "application/fhir+json"
FHIR_VERSION = "4.0.1"
OPERATION = "predict-acr-response"
