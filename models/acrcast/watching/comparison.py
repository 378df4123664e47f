"""A challenger beside the champion: how far its risks are from those that were answered, and what outcomes say of the two."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from acrcast.monitoring import sequences
from acrcast.studies import Study
from acrcast.validation.performance import Estimate, log_loss
from acrcast.watching.patients import Due, Patients, received
from acrcast.watching.recorded import Recorded
from acrcast.watching.signals import Rules

# From here on, in probability, two risks are told apart by who acts on them. Convention.
FAR = 0.1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of patients for whom both predicted. All limits hold at all looks; NaN where there are too few.

    difference: mean of the treated arm's risk, challenger less champion. far: share of patients whose risk differs by 0.1 or
    more. outcomes: of how many the outcome counts and the arm is known. gain: by how much the challenger's log loss is lower
    on those.
    """

    patients: int
    difference: Estimate
    far: Estimate
    outcomes: int
    gain: Estimate


def compared_models(
    study: Study, champion: Recorded, challenger: Recorded, due: Due, rules: Rules, as_of: datetime
) -> Comparison:
    """champion: what was answered. challenger: what it would have answered, in the champion's shadow."""
    shadows = {prediction.about: prediction for prediction in challenger.predictions}
    both = [prediction for prediction in champion.predictions if prediction.record_id in shadows]
    patients = Patients.of(study, both, due, as_of)
    differences = np.array([shadows[p.record_id].treated - p.treated for p in patients.first])
    known = received(patients, rules.arm)
    shadowed = [shadows[p.record_id] for p in known.predictions]
    treated = np.array([p.treated for p in shadowed])
    control = np.array([p.treated if p.control is None else p.control for p in shadowed])
    risk = known.treated * treated + (1 - known.treated) * control
    gains = log_loss(known.risk, known.y) - log_loss(risk, known.y)
    far = np.abs(differences) >= FAR
    return Comparison(
        patients=len(differences),
        difference=sequences.mean(differences, rules.level),
        far=sequences.share(int(far.sum()), len(far), rules.level),
        outcomes=len(gains),
        gain=sequences.mean(gains, rules.level),
    )
