"""The operator's page: what the server does, what became of a tenant's predictions, and whether the audit is whole."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from fastapi import Request, Response

import acrcast
from acrcast.errors import DataError
from acrcast_service.audit.verification import verify
from acrcast_service.audit.verified import last_verified, remember
from acrcast_service.auth.callers import ADMIN, Caller
from acrcast_service.observation.traffic import traffic_of
from acrcast_service.operation import verdicts
from acrcast_service.operation.look import MOST, days, watched
from acrcast_service.pages.entering import Form, opened, shown
from acrcast_service.pages.rendering import moment
from acrcast_service.server_state import ServerState, state_of

TEMPLATE = "operator.html"
# The form asks for the whole chain to be read, which takes a while.
VERIFY = "page.verify"
# Records that are verified while somebody waits, about four seconds of the processor; of more the command does it.
MOST_VERIFIED = 100_000
DAYS = 30


@dataclass(frozen=True, slots=True)
class Day:
    """share: of the busiest day, in per cent."""

    name: str
    predictions: int
    share: float


async def operator_answered(request: Request) -> Response:
    """Raises HttpProblem when this is not the page's form."""
    return await opened(request, TEMPLATE, ADMIN, _answered)


async def _answered(request: Request, caller: Caller, form: Form) -> Response:
    server = state_of(request)
    now = datetime.now(UTC)
    server.metrics.count()
    context = {
        "at": moment(now.isoformat()),
        "tenant": caller.tenant,
        "version_of": acrcast.__version__,
        "model": server.models.current.model,
        "since": server.models.current.since,
        "standing": server.champion.standing,
        "traffic": traffic_of(await asyncio.to_thread(server.metrics.collected)),
        "verdicts": verdicts,
        "audit": server.audit.is_on,
        "level": round(100 * server.settings.level),
        "verdict": None,
    }
    if server.audit.is_on:
        context |= await _of_audit(server, caller, now, verifies=VERIFY in form)
    return shown(request, TEMPLATE, context)


async def _of_audit(server: ServerState, caller: Caller, now: datetime, *, verifies: bool) -> dict[str, object]:
    audit, chain, tenant = server.audit, server.audit.chain, caller.tenant
    last = await audit.ask(last_verified, chain)
    records = last.count + last.since
    found: dict[str, object] = {"may_verify": records <= MOST_VERIFIED}
    if verifies and records <= MOST_VERIFIED:
        found["verdict"] = verdict = await audit.ask(verify, chain)
        await audit.ask(remember, chain, verdict, caller.name)
        last = await audit.ask(last_verified, chain)
    first = now.date() - timedelta(days=DAYS - 1)
    model, challenger = server.models.current.model, server.shadow.model
    try:
        found["watched"] = await audit.ask(watched, chain, tenant, model, challenger, server.settings.level, now)
    except DataError as error:
        # which record holds no answer, and nothing of what it holds
        found["watched"], found["unreadable"] = None, str(error)
    return found | {
        "last": last,
        "days": _days(await audit.ask(days, chain, tenant, first.isoformat()), first),
        "most": MOST,
        "challenger": None if challenger is None else challenger.identity,
        "shadow": server.shadow.counts,
    }


def _days(counted: Mapping[str, int], first: date) -> list[Day]:
    most = max(counted.values(), default=1)
    names = [(first + timedelta(days=k)).isoformat() for k in range(DAYS)]
    return [Day(name, counted.get(name, 0), 100 * counted.get(name, 0) / most) for name in names]
