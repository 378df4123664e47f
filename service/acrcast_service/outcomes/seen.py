"""What predictions turned out to be worth: each of a tenant's with the outcome that holds for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import orjson
from sqlalchemy import exists

from acrcast.arrays import Floats
from acrcast.outcome import Outcome
from acrcast.prediction import Prediction
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.lookup import opened, predictions_of, readable
from acrcast_service.store.tables import audit_records, outcomes

# Of so many predictions, the newest outcomes first: a page is made of it.
MOST = 2000
# Predictions that are looked up in one statement.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Seen:
    """Predictions of one model whose patients' outcomes are known.

    risk, y: (n,) of the arm that the patient was treated in, and whether the patient responded. received: outcomes in all.
    other_models: outcomes of predictions by others. arm_unknown: outcomes of this model's that name no arm, where there are two.
    """

    risk: Floats
    y: Floats
    received: int
    other_models: int
    arm_unknown: int


def seen(chain: Chain, tenant: str, model: str) -> Seen:
    """model: digest of the one that is asked about."""
    found = {str(outcome.prediction_id): outcome for outcome in islice(_newest(chain, tenant), MOST)}
    risks, responded, others, unknown = [], [], 0, 0
    for name, prediction in _predicted(chain, tenant, list(found)):
        risk = _risk(prediction, found[name].arm)
        if prediction.model.digest != model:
            others += 1
        elif risk is None:
            unknown += 1
        else:
            risks.append(risk)
            responded.append(found[name].responded)
    return Seen(np.array(risks, dtype=float), np.array(responded, dtype=float), len(found), others, unknown)


def _newest(chain: Chain, tenant: str) -> Iterator[Outcome]:
    """The outcome that holds for each prediction, the last recorded first; those that were erased are left out."""
    later = outcomes.alias()
    corrected = exists().where(
        later.c.prediction_id == outcomes.c.prediction_id, later.c.revision > outcomes.c.revision
    )
    query = readable(audit_records.c.tenant == tenant).join(outcomes, outcomes.c.record_id == audit_records.c.record_id)
    with chain.engine.connect() as connection:
        for row in connection.execute(query.where(~corrected).order_by(audit_records.c.sequence.desc()).limit(MOST)):
            yield Outcome.model_validate_json(opened(chain, row)[0])


def _predicted(chain: Chain, tenant: str, names: list[str]) -> Iterator[tuple[str, Prediction]]:
    for first in range(0, len(names), AT_ONCE):
        rows = predictions_of(chain, tenant, names[first : first + AT_ONCE])
        for name, row in rows.items():
            answer = orjson.loads(opened(chain, row)[1])
            answer.pop("origin", None)
            yield name, Prediction.of(answer)


def _risk(prediction: Prediction, arm: str | None) -> float | None:
    """In the arm that is named, or the only one; None where it is not known which."""
    if prediction.control is None:
        return prediction.treated.probability
    arms = {risk.arm: risk.probability for risk in (prediction.treated, prediction.control)}
    return arms.get(arm or "")
