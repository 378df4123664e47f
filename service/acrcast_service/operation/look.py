"""A tenant's predictions of the model that answers, looked at in the server as `acrcast monitor` looks at an export."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from acrcast.response_model import ResponseModel
from acrcast.watching.comparison import Comparison, compared_models
from acrcast.watching.judging import Look, monitor
from acrcast.watching.patients import Due
from acrcast.watching.recorded import Recorded, read_recorded
from acrcast.watching.signals import Rules
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.export import exported
from acrcast_service.audit.records import PREDICTION
from acrcast_service.store.tables import audit_records

# Records of a tenant that are opened while somebody waits, about a second of the processor. A look needs all of them: of the
# newest alone, limits would not hold at all looks.
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Watched:
    """records: of the tenant; of more than `MOST` nothing is looked at. due: None where the study does not say when.

    look: None without a prediction of the model. erased: its predictions that can no longer be read. of_others: predictions of
    other models. challenger: None without one.
    """

    records: int
    due: Due | None
    look: Look | None = None
    erased: int = 0
    of_others: int = 0
    challenger: Comparison | None = None

    @property
    def is_too_much(self) -> bool:
        return self.records > MOST


def watched(
    chain: Chain, tenant: str, model: ResponseModel, challenger: ResponseModel | None, level: float, as_of: datetime
) -> Watched:
    """level: of the limits. Raises TamperedError when a record was changed, DataError when it holds no answer."""
    study, rules = model.study, Rules(level=level)
    due = Due.of(study)
    count = select(func.count()).where(audit_records.c.tenant == tenant)
    with chain.engine.connect() as connection:
        records = int(connection.execute(count).scalar_one())
    if records > MOST:
        return Watched(records, due)
    lines = list(exported(chain, tenant=tenant))

    def recorded(digest: str) -> Recorded:
        return read_recorded(lines, "the audit", study, digest, as_of=as_of, may_be_none=True)

    answered = recorded(model.identity.digest)
    when = due or Due.never()
    if not answered.predictions:
        return Watched(records, due, None, answered.erased, sum(answered.of_others.values()))
    found = monitor(model, answered, due=when, rules=rules, as_of=as_of)
    compared = None
    if challenger is not None:
        compared = compared_models(study, answered, recorded(challenger.identity.digest), when, rules, as_of)
    return Watched(records, due, found.looks[0], answered.erased, sum(answered.of_others.values()), compared)


def days(chain: Chain, tenant: str, since: str) -> dict[str, int]:
    """How many predictions were recorded on each day (UTC) on which there were any. since: a day."""
    day = func.substr(audit_records.c.time, 1, len("2026-01-31"))
    query = select(day, func.count()).where(
        audit_records.c.tenant == tenant, audit_records.c.kind == PREDICTION, audit_records.c.time >= since
    )
    with chain.engine.connect() as connection:
        return {str(found): int(count) for found, count in connection.execute(query.group_by(day))}
