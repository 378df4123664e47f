"""The patient contract: one line a field, and everything derived from it."""

from acrcast.contract.answers import FEMALE_OR_MALE, POSITIVE_OR_NEGATIVE, SMOKES
from acrcast.contract.covariates import Covariates, OnePatient
from acrcast.contract.fields import Contract, ContractField
from acrcast.contract.measure import Code, Measure, Patient, Undetectable, atc, icd10, loinc, own, rxnorm, snomed

__all__ = [
    "FEMALE_OR_MALE",
    "POSITIVE_OR_NEGATIVE",
    "SMOKES",
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
