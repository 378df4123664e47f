"""From a hook to cards: who the patient is, what is known, what the model says of it, and that it is recorded."""

from datetime import UTC, datetime, timedelta

import orjson

from acrcast.prediction import Prediction
from acrcast_service.audit.records import PREDICTION, Entry
from acrcast_service.auth.callers import Caller
from acrcast_service.auth.signed_links import signed_link
from acrcast_service.basis.service import ORIGIN
from acrcast_service.cds_hooks.cards import detail_of, missing_detail, missing_summary, summary_of
from acrcast_service.cds_hooks.discovery import ORDER_SELECT, CdsService
from acrcast_service.cds_hooks.eligibility import has, selects, takes
from acrcast_service.cds_hooks.prefetch import gathered
from acrcast_service.cds_hooks.requests import HookRequest
from acrcast_service.cds_hooks.resources import Resource
from acrcast_service.cds_hooks.schemas import OVERRIDE_REASONS, Card, Cards, Link, Source
from acrcast_service.model_store import ServedModel
from acrcast_service.prediction.service import predict_patient
from acrcast_service.server_state import ServerState

NOTHING = Cards(())


async def cards_for(
    server: ServerState, caller: Caller, service: CdsService, asked: HookRequest, address: str
) -> Cards:
    """One card, or none for a patient that the study does not ask about. address: of this server, for links.

    Raises DataMissing, InputError or HttpProblem. A prediction is on disk when this returns.
    """
    served = server.models.current
    if asked.hook != service.hook:
        raise InputError([Problem("hook", f"expected {service.hook}, the hook of this service")])
    if service.hook == ORDER_SELECT and not selects(asked.context, served.model.study.treated):
        return NOTHING
    resources = await gathered(service.prefetch, asked, server.fhir)
    if not is_eligible(served.model.study, resources):
        return NOTHING
    ...
