"""The challenger beside the champion: how far its predictions for the same patients are from those that were answered."""

from dataclasses import dataclass
from statistics import fmean

import orjson

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.lookup import opened, predictions_of, readable
from acrcast_service.audit.records import SHADOW
from acrcast_service.store.tables import audit_records

# Of so many of the challenger's predictions, the newest.
MOST = 500
# From here on, in probability, two risks are told apart by who acts on them.
FAR = 0.1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of the treated arm's risk. mean: challenger less champion. distance: mean absolute. far: share that differ by 0.1 or more."""

    patients: int
    mean: float
    distance: float
    far: float


def comparison(chain: Chain, tenant: str, challenger: str) -> Comparison | None:
    """challenger: its digest. None where it has predicted for none of the tenant's patients."""
    is_its = (audit_records.c.kind == SHADOW) & (audit_records.c.model == challenger)
    query = readable(is_its, audit_records.c.tenant == tenant).order_by(audit_records.c.sequence.desc()).limit(MOST)
    with chain.engine.connect() as connection:
        shadows = {row.about: _risk(opened(chain, row)[1]) for row in connection.execute(query)}
    answered = {
        name: _risk(opened(chain, row)[1]) for name, row in predictions_of(chain, tenant, list(shadows)).items()
    }
    differences = [shadows[name] - risk for name, risk in answered.items()]
    if not differences:
        return None
    sizes = [abs(difference) for difference in differences]
    return Comparison(len(sizes), fmean(differences), fmean(sizes), fmean(size >= FAR for size in sizes))


def _risk(answer: bytes) -> float:
    return float(orjson.loads(answer)["treated"]["probability"])
