"""FHIR R4: a patient of the study out of resources, and a prediction as a RiskAssessment."""
