"""The operator's page: what the server does, what became of its predictions, and whether its audit is whole."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from fastapi import Request, Response

import acrcast
from acrcast.monitoring import sequences
from acrcast.validation.performance import Estimate
from acrcast_service.audit.search import days
from acrcast_service.audit.verification import Verdict, verify
from acrcast_service.auth.callers import ADMIN, Caller
from acrcast_service.champion.comparison import Comparison, comparison
from acrcast_service.outcomes.seen import MOST, Seen, seen
from acrcast_service.pages.languages import ENGLISH, words_of
from acrcast_service.pages.rendering import page
from acrcast_service.pages.same_origin import check_same_origin
from acrcast_service.pages.sent_form import read_form, sender_of
from acrcast_service.pages.traffic import traffic_of
from acrcast_service.problems import HttpProblem
from acrcast_service.server_state import ServerState, state_of

# The form asks for the whole chain to be read, which takes a while.
VERIFY = "page.verify"
DAYS = 30
# Groups of rising risk, when each has so many patients.
GROUPS, FEWEST_OF_A_GROUP = 3, 10


@dataclass(frozen=True, slots=True)
class RiskGroup:
    """Patients of similar risk. observed: share that responded, with limits that hold at all looks."""

    patients: int
    predicted: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class SoFar:
    """What outcomes say of the model that answers now. Limits hold at all looks together."""

    seen: Seen
    predicted: float | None
    observed: Estimate
    over_expected: Estimate
    groups: tuple[RiskGroup, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """day: of the month, as it is written below its bar. share: of the busiest day, in per cent."""

    name: str
    predictions: int
    share: float


def closed_page(request: Request) -> Response:
    """Before anybody has said who asks: nothing but the place for the key."""
    return _page(request, {"shown": False, "refused": None})


async def operator_answered(request: Request) -> Response:
    """Raises HttpProblem when this is not the page's form."""
    check_same_origin(request)
    form = await read_form(request)
    server = state_of(request)
    try:
        caller = await sender_of(request, form, ADMIN)
        context = await _shown(server, caller, verified=VERIFY in form)
    except HttpProblem as refused:
        response = _page(request, {"shown": False, "refused": refused.kind}, refused.kind.status)
        response.headers.update(refused.headers or {})
        return response
    return _page(request, context)


def _page(request: Request, context: dict[str, object], status: int = 200) -> Response:
    shared = {"asks_key": state_of(request).auth.asks, "version_of": acrcast.__version__}
    return page(request, "operator.html", words_of(ENGLISH), shared | context, status=status)


async def _shown(server: ServerState, caller: Caller, *, verified: bool) -> dict[str, object]:
    served, audit = server.models.current, server.audit
    text = await asyncio.to_thread(server.metrics.written)
    context: dict[str, object] = {
        "shown": True,
        "refused": None,
        "tenant": caller.tenant,
        "at": _now(),
        "model": served.model.identity,
        "since": served.since,
        "standing": server.champion.standing,
        "traffic": traffic_of(text.decode()),
        "challenger": None,
        "shadow": server.shadow.counts,
        "comparison": None,
        "audit_is_on": audit.is_on,
        "most": MOST,
        "verdict": None,
    }
    if not audit.is_on:
        return context
    chain, tenant = audit.chain, caller.tenant
    today = datetime.now(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    counted = await audit.ask(days, chain, tenant, first.isoformat())
    context["days"] = _days(dict(counted), first)
    context["so_far"] = so_far(
        await audit.ask(seen, chain, tenant, served.model.identity.digest), server.settings.level
    )
    if server.shadow.model is not None:
        challenger = server.shadow.model.identity
        context["challenger"] = challenger
        compared: Comparison | None = await audit.ask(comparison, chain, tenant, challenger.digest)
        context["comparison"] = compared
    if verified:
        verdict: Verdict = await audit.ask(verify, chain)
        context["verdict"], context["verified_at"] = verdict, _now()
    return context


def so_far(found: Seen, level: float) -> SoFar:
    """level: of the limits."""
    risk, y = found.risk, found.y
    shift = sequences.intercept(risk, y, level)
    return SoFar(
        found,
        float(risk.mean()) if len(risk) else None,
        sequences.share(int(y.sum()), len(y), level),
        sequences.observed_over_expected(risk, y, shift),
        tuple(_groups(found, level)),
    )


def _groups(found: Seen, level: float) -> list[RiskGroup]:
    """None when there are too few patients for groups to say anything."""
    if len(found.risk) < GROUPS * FEWEST_OF_A_GROUP:
        return []
    groups = np.array_split(found.risk.argsort(kind="stable"), GROUPS)
    return [
        RiskGroup(
            len(group),
            float(found.risk[group].mean()),
            sequences.share(int(found.y[group].sum()), len(group), level),
        )
        for group in groups
    ]


def _days(counted: dict[str, int], first: date) -> list[Day]:
    most = max(counted.values(), default=1)
    names = [first + timedelta(days=k) for k in range(DAYS)]
    return [
        Day(day.isoformat(), counted.get(day.isoformat(), 0), 100 * counted.get(day.isoformat(), 0) / most)
        for day in names
    ]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
