"""Who counts: each patient once, with what is known of the outcome on the day of the look."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.studies import Study
from acrcast.watching.defaults import GRACE_DAYS
from acrcast.watching.recorded import RecordedPrediction

State = Literal["not due", "received", "overdue"]
DAYS_A_WEEK = 7
# A century, in days.
NEVER = 36_525


@dataclass(frozen=True, slots=True)
class Due:
    """When an outcome counts: so many days after the prediction at which it is observed, and so many more for it to arrive."""

    after: int
    grace: int

    @classmethod
    def never(cls) -> "Due":
        """Where nobody says when: no outcome counts."""
        return cls(NEVER, 0)

    @classmethod
    def of(cls, study: Study, grace: int = GRACE_DAYS) -> "Due | None":
        """After the week of the study's endpoint; None when the study names none."""
        week = study.endpoint.week
        return None if week is None else cls(DAYS_A_WEEK * week, grace)

    def on(self, prediction: RecordedPrediction) -> datetime:
        return prediction.time + timedelta(days=self.after + self.grace)


@dataclass(frozen=True, slots=True)
class Patients:
    """The patients of one tenant, or of all.

    first: each one's first prediction. followed: each one's first prediction with an outcome, or else the first. due: on which
    day the outcome of `followed` counts. states: where it is.
    """

    study: Study
    first: tuple[RecordedPrediction, ...]
    followed: tuple[RecordedPrediction, ...]
    due: tuple[datetime, ...]
    states: tuple[State, ...]
    predictions: int

    @classmethod
    def of(cls, study: Study, predictions: Sequence[RecordedPrediction], due: Due, as_of: datetime) -> "Patients":
        """predictions: in the order in which they were made. as_of: the time of the look.

        An outcome that arrived before it is due does not count yet: those who fail early would be the first to be known.
        """
        first: dict[tuple[str, str], RecordedPrediction] = {}
        followed: dict[tuple[str, str], RecordedPrediction] = {}
        for prediction in predictions:
            patient = prediction.tenant, prediction.subject
            first.setdefault(patient, prediction)
            if prediction.outcome is not None and followed.get(patient, first[patient]).outcome is None:
                followed[patient] = prediction
        counted = [followed.get(patient, found) for patient, found in first.items()]
        days = [due.on(prediction) for prediction in counted]
        states = [_state(prediction, day, as_of) for prediction, day in zip(counted, days, strict=True)]
        return cls(study, tuple(first.values()), tuple(counted), tuple(days), tuple(states), len(predictions))

    def count(self, state: State) -> int:
        return self.states.count(state)

    @property
    def early(self) -> int:
        """Outcomes that are known and do not count yet."""
        pairs = zip(self.followed, self.states, strict=True)
        return sum(state == "not due" and prediction.outcome is not None for prediction, state in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """n patients whose outcome is read one way or the other.

    predictions: n. day: (n,) on which each counts. risk: (n,) as served, in the own arm. y: (n,). treated: (n,) 1 or 0, or
    how likely the patient was treated where the arm is not known. arm_unknown: received, and left out for that.
    """

    predictions: tuple[RecordedPrediction, ...]
    day: Integers
    risk: Floats
    y: Floats
    treated: Floats
    arm_unknown: int

    def __len__(self) -> int:
        return len(self.y)


def received(patients: Patients, arm: str | None) -> Outcomes:
    """Those whose outcome arrived. arm: of those whose outcome names none; None leaves them out, in a study of two arms."""
    found = _in_state(patients, "received")
    share = [_treated(patients.study, prediction, arm) for _, prediction in found]
    known = [(day, prediction, t) for (day, prediction), t in zip(found, share, strict=True) if t is not None]
    y = [float(prediction.outcome is not None and prediction.outcome.responded) for _, prediction, _ in known]
    return _outcomes(known, y, len(found) - len(known))


def received_or_failed(patients: Patients, arm: str | None) -> Outcomes:
    """Those whose outcome arrived, and those whose outcome is overdue, as if they had not responded.

    In a study of two arms the arm of those is not known unless `arm` is given: their risk is then the mean of both arms' by the
    shares of the arms among those received. Without any received it cannot be known, and they are left out.
    """
    known, missing = received(patients, arm), _in_state(patients, "overdue")
    if arm is None and patients.study.has_control:
        share = float(known.treated.mean()) if len(known) else None
    else:
        share = 1.0 if arm in (None, patients.study.treated.key) else 0.0
    if share is None or not missing:
        return known
    failed = _outcomes([(day, prediction, share) for day, prediction in missing], [0.0] * len(missing), 0)
    return Outcomes(
        known.predictions + failed.predictions,
        np.concatenate([known.day, failed.day]),
        np.concatenate([known.risk, failed.risk]),
        np.concatenate([known.y, failed.y]),
        np.concatenate([known.treated, failed.treated]),
        known.arm_unknown,
    )


def days(moments: Iterable[datetime]) -> Integers:
    """(n,) days in UTC as numbers."""
    return np.array([moment.astimezone(UTC).toordinal() for moment in moments], dtype=np.int64)


def _state(prediction: RecordedPrediction, due: datetime, as_of: datetime) -> State:
    if due > as_of:
        return "not due"
    return "received" if prediction.outcome is not None else "overdue"


def _in_state(patients: Patients, wanted: State) -> list[tuple[datetime, RecordedPrediction]]:
    rows = zip(patients.due, patients.followed, patients.states, strict=True)
    return [(day, prediction) for day, prediction, state in rows if state == wanted]


def _treated(study: Study, prediction: RecordedPrediction, arm: str | None) -> float | None:
    """1 in the treated arm, 0 in the control's, None where it is not known or none of the study's."""
    if not study.has_control:
        return 1.0
    named = (prediction.outcome.arm if prediction.outcome is not None else None) or arm
    if named not in [known.key for known in study.arms]:
        return None
    return float(named == study.treated.key)


def _outcomes(
    rows: Sequence[tuple[datetime, RecordedPrediction, float]], y: Sequence[float], arm_unknown: int
) -> Outcomes:
    risk = [
        prediction.treated if prediction.control is None else t * prediction.treated + (1 - t) * prediction.control
        for _, prediction, t in rows
    ]
    treated = [t for _, _, t in rows]
    return Outcomes(
        predictions=tuple(prediction for _, prediction, _ in rows),
        day=days(day for day, _, _ in rows),
        risk=np.array(risk, dtype=np.float64),
        y=np.array(y, dtype=np.float64),
        treated=np.array(treated, dtype=np.float64),
        arm_unknown=arm_unknown,
    )
