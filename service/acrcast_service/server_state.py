"""What the routes of one server share."""

from dataclasses import dataclass

from fastapi import Request

from acrcast_service.audit.trail import AuditTrail
from acrcast_service.auth.service import Auth
from acrcast_service.batch.service import Pool
from acrcast_service.cds_hooks.fhir_server import FhirServers
from acrcast_service.champion.shadow import Shadow
from acrcast_service.champion.watch import ModelWatch
from acrcast_service.draining import Draining
from acrcast_service.model_store import ModelStore
from acrcast_service.observation.logs import Lines
from acrcast_service.observation.metrics import Metrics
from acrcast_service.observation.traces import Traces
from acrcast_service.settings import Settings


@dataclass(frozen=True, slots=True)
class ServerState:
    """Made once by `create_app`. models: holds the model that answers; champion, challenger: keep theirs up to date."""

    settings: Settings
    models: ModelStore
    champion: ModelWatch
    challenger: ModelWatch | None
    shadow: Shadow
    draining: Draining
    audit: AuditTrail
    auth: Auth
    batches: Pool
    fhir: FhirServers
    metrics: Metrics
    lines: Lines
    traces: Traces | None


def state_of(request: Request) -> ServerState:
    server: ServerState = request.scope["app"].server
    return server
