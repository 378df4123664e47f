"""Recording outcomes, each linked to its prediction; the newest revision is what holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Row, func, insert, select

from acrcast.errors import InputError, Problem
from acrcast.outcome import Outcome
from acrcast.protocol import OutcomeRecorded
from acrcast.studies import Study
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.lookup import opened, readable
from acrcast_service.audit.records import OUTCOME, PREDICTION, Entry
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.outcomes.schemas import EXPECTED
from acrcast_service.patients import refuse_repeated_names
from acrcast_service.problems import MALFORMED_JSON, NOT_FOUND, OUTCOME_EXISTS, HttpProblem
from acrcast_service.store.tables import audit_records, outcomes

_OUTCOME = TypeAdapter(Outcome)
# `correction` says how an outcome is sent, not what it is.
_HOW = {"correction"}


def read_outcome(body: bytes) -> Outcome:
    """Raises HttpProblem (400) when it is not JSON, InputError saying what was expected of each field."""
    try:
        outcome = _OUTCOME.validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            raise HttpProblem(MALFORMED_JSON, str(found[0]["ctx"]["error"])) from None
        raise InputError(list(_problems(str(item["loc"][0]) if item["loc"] else "" for item in found))) from None
    refuse_repeated_names(body)
    # tomorrow: somewhere it is that day already
    if outcome.observed_on > (datetime.now(UTC) + timedelta(days=1)).date():
        raise InputError(list(_problems(iter(["observed_on"]))))
    return outcome


async def record_outcome(
    audit: AuditTrail, tenant: str, caller: str, outcome: Outcome, study: Study
) -> tuple[OutcomeRecorded, bool]:
    """What is recorded now, and whether it is new: the same outcome sent again is recorded once.

    study: the one that is served, whose arms an outcome of its predictions may name.
    Raises HttpProblem: 404 when the tenant has no such prediction, or it was erased; 409 when it has another outcome and
    this is no correction. InputError when the arm is none of the study's.
    """
    prediction_id = str(outcome.prediction_id)
    content = outcome.model_dump_json(exclude=_HOW, exclude_none=True).encode()
    chain = audit.chain
    prediction, before, known = await audit.ask(_so_far, chain, tenant, prediction_id)
    arms = [arm.key for arm in study.arms]
    if outcome.arm is not None and prediction.study == study.key and outcome.arm not in arms:
        raise InputError([Problem("arm", f"expected one of {', '.join(arms)}")])
    if before is not None and known == content:
        return OutcomeRecorded(prediction_id, before.revision, before.record_id), False
    if before is not None and not outcome.correction:
        raise HttpProblem(OUTCOME_EXISTS)
    revision, record_id = before.revision + 1 if before is not None else 1, str(uuid4())
    row = {"prediction_id": prediction_id, "revision": revision, "tenant": tenant, "record_id": record_id}
    await audit.record(
        Entry(
            OUTCOME,
            record_id,
            inputs=content,
            subject=bytes(prediction.subject),
            tenant=tenant,
            caller=caller,
            model=prediction.model,
            study=prediction.study,
            about=prediction_id,
            within=lambda connection: _add(connection, row),
        )
    )
    return OutcomeRecorded(prediction_id, revision, record_id), True


def _so_far(
    chain: Chain, tenant: str, prediction_id: str
) -> tuple[Row[tuple[object, ...]], Row[tuple[object, ...]] | None, bytes | None]:
    """The prediction's record, its newest outcome's row, and what that outcome says."""
    with chain.engine.connect() as connection:
        is_it = (audit_records.c.record_id == prediction_id) & (audit_records.c.kind == PREDICTION)
        prediction = connection.execute(readable(is_it, audit_records.c.tenant == tenant)).one_or_none()
        if prediction is None:
            raise HttpProblem(NOT_FOUND, "this caller has no prediction with that prediction_id")
        of_it = select(outcomes).where(outcomes.c.prediction_id == prediction_id)
        before = connection.execute(of_it.order_by(outcomes.c.revision.desc()).limit(1)).one_or_none()
        if before is None:
            return prediction, None, None
        sealed = connection.execute(readable(audit_records.c.record_id == before.record_id)).one_or_none()
        return prediction, before, None if sealed is None else opened(chain, sealed)[0]


def _add(connection: Connection, row: dict[str, object]) -> None:
    """In the transaction that holds the chain's head: nobody else adds one meanwhile."""
    of_it = outcomes.c.prediction_id == row["prediction_id"]
    newest = connection.execute(select(func.max(outcomes.c.revision)).where(of_it)).scalar() or 0
    if row["revision"] != newest + 1:
        raise HttpProblem(OUTCOME_EXISTS)
    connection.execute(insert(outcomes), row)


def _problems(names: Iterator[str]) -> Iterator[Problem]:
    for name in dict.fromkeys(names):
        if name in EXPECTED:
            yield Problem(name, f"expected {EXPECTED[name]}")
        else:
            yield Problem("", f"expected an object with {', '.join(EXPECTED)}, and nothing else", code="unknown")
