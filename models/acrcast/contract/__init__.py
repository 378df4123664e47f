"""The patient contract: one line a field, and everything derived from it."""

from acrcast.contract.covariates import Covariates, OnePatient
from acrcast.contract.fields import Contract, ContractField
from acrcast.contract.measure import Code, Measure, Patient, Undetectable, atc, icd10, loinc, own, rxnorm, snomed

__all__ = [
    "Code",
    "Contract",
    "ContractField",
    "Covariates",
    "Measure",
    "OnePatient",
    "Patient",
    "Undetectable",
    "atc",
    "icd10",
    "loinc",
    "own",
    "rxnorm",
    "snomed",
]
