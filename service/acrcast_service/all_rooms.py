"""The routes of every room, in the order of the API's page: what is asked most first."""

from acrcast_service import health
from acrcast_service.api_docs import routes as api_docs
from acrcast_service.audit import routes as audit
from acrcast_service.basis import routes as basis
from acrcast_service.batch import routes as batch
from acrcast_service.cds_hooks import routes as cds_hooks
from acrcast_service.champion import routes as champion
from acrcast_service.fhir import routes as fhir
from acrcast_service.model_card import routes as model_card
from acrcast_service.observation import routes as observation
from acrcast_service.open_inference import routes as open_inference
from acrcast_service.outcomes import routes as outcomes
from acrcast_service.pages import routes as pages
from acrcast_service.prediction import routes as prediction

ALL_ROUTES = [
    route
    for room in (
        prediction,
        batch,
        outcomes,
        fhir,
        cds_hooks,
        audit,
        model_card,
        health,
        open_inference,
        champion,
        observation,
        basis,
        api_docs,
        pages,
    )
    for route in room.router.routes
]
