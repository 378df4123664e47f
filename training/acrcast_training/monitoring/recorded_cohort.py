"""Patients whose outcome was recorded, as a cohort to learn from or to be judged by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from acrcast.arrays import Integers
from acrcast.contract import Covariates
from acrcast.errors import DataError, Problem
from acrcast.studies import Study
from acrcast.watching.patients import Due, Patients, days, received
from acrcast.watching.recorded import read_recorded
from acrcast_training.data.checks import DataKind
from acrcast_training.data.cohort import Cohort


@dataclass(frozen=True, slots=True)
class Choice:
    """Which recorded outcomes are taken. arm: of those that name none. data_kind: what the patients are, which no record says."""

    due: Due
    as_of: datetime
    arm: str | None = None
    tenant: str | None = None
    data_kind: DataKind = "trial"


@dataclass(frozen=True, slots=True, eq=False)
class RecordedCohort:
    """cohort: n patients whose outcome is due and was received. day: (n,) of their prediction. left_out: others, by reason."""

    cohort: Cohort
    day: Integers
    left_out: Mapping[str, int]


def read_recorded_cohort(lines: Iterable[str | bytes], file: str, study: Study, choice: Choice) -> RecordedCohort:
    """Each patient once, with what was known at the prediction that the outcome is of.

    An outcome that is overdue is left out: whether it is missing because the patient did not respond, nobody knows.
    Raises DataError when no patient is left.
    """
    recorded = read_recorded(lines, file, study, None, as_of=choice.as_of, tenant=choice.tenant)
    patients = Patients.of(study, recorded.predictions, choice.due, choice.as_of)
    arrived = received(patients, choice.arm)
    rows = [
        (prediction, prediction.patient, treated)
        for prediction, treated in zip(arrived.predictions, arrived.treated, strict=True)
        if prediction.patient is not None
    ]
    left_out = {
        "outcome not due yet": patients.count("not due"),
        "outcome overdue": patients.count("overdue"),
        "arm not named": arrived.arm_unknown,
        "no patient of the study in the record": len(arrived) - len(rows),
        "erased": recorded.erased,
    }
    left_out = {reason: count for reason, count in left_out.items() if count}
    if not rows:
        said = ", ".join(f"{reason}: {count}" for reason, count in left_out.items())
        raise DataError([Problem("", f"expected outcomes that are due; there are none ({said})", file)])
    predictions = [prediction for prediction, _, _ in rows]
    cohort = Cohort(
        study=study,
        patient_ids=np.array([prediction.subject for prediction in predictions], dtype=np.str_),
        treated=np.array([treated == 1 for _, _, treated in rows], dtype=bool),
        covariates=Covariates.of_patients(study.contract, [patient for _, patient, _ in rows]),
        responded=np.array([p.outcome is not None and p.outcome.responded for p in predictions], dtype=bool),
        assessed=np.ones(len(rows), dtype=bool),
        data_kind=choice.data_kind,
    )
    return RecordedCohort(cohort, days(prediction.time for prediction in predictions), left_out)
