"""The application: the rooms put together."""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.middleware import Middleware

import acrcast
from acrcast.response_model import ResponseModel
from acrcast_service import health
from acrcast_service.around import Around
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.auth.service import Auth
from acrcast_service.batch.service import Pool
from acrcast_service.cds_hooks.fhir_server import FhirServers
from acrcast_service.champion.opening import challenger_of, champion_of
from acrcast_service.champion.shadow import Shadow
from acrcast_service.champion.watch import ended
from acrcast_service.cors import Cors
from acrcast_service.draining import Draining
from acrcast_service.errors import add_error_handlers
from acrcast_service.model_store import ModelStore
from acrcast_service.observation import routes as observation
from acrcast_service.observation.logs import log_through, open_lines
from acrcast_service.observation.metrics import Metrics
from acrcast_service.observation.middleware import Observer
from acrcast_service.observation.traces import open_traces
from acrcast_service.overload import Overload
from acrcast_service.prediction import routes as prediction
from acrcast_service.server_state import ServerState
from acrcast_service.settings import Settings, read_settings
from acrcast_service.whole_requests import AllRooms, Application


def create_app(settings: Settings, model: ResponseModel | None = None) -> Application:
    """The application that answers with `model`; without one it loads that of the settings when it starts."""
    models, challengers = ModelStore(settings.level, model), ModelStore(settings.level)
    draining, audit, metrics = Draining(settings.unready_seconds), AuditTrail(settings), Metrics()
    server = ServerState(
        settings,
        models,
        champion=champion_of(settings, models, metrics),
        challenger=challenger_of(settings, challengers, models, metrics),
        shadow=Shadow(challengers, audit.record, metrics.shadowed),
        draining=draining,
        audit=audit,
        auth=Auth(settings),
        batches=Pool(settings.batches_at_once),
        fhir=FhirServers(settings),
        metrics=metrics,
        lines=open_lines(settings.log_level, settings.log_format),
        # what FastAPI's own telemetry would say is said in observation, without what clients sent
        traces=open_traces(),
    )
    observer = Observer(server.lines, metrics, server.traces, audit)
    around = Around(observer, Overload(settings), draining.headers)
    app = Application(
        server,
        around,
        [*prediction.router.routes, *health.router.routes, *observation.router.routes],
        title="acrcast",
        version=acrcast.__version__,
        lifespan=_lifespan,
        # the framework's pages fetch from other hosts: ours are in api_docs
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # the framework's own would record exceptions with their messages, hence a patient's values
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
        middleware=[Middleware(Cors, settings.cors_origins), Middleware(around.outside), Middleware(AllRooms)],
    )
    add_error_handlers(app)
    return app


def from_environment() -> Application:
    """For a server that makes the application itself."""
    settings = read_settings()
    log_through(open_lines(settings.log_level, settings.log_format), settings.log_level)
    return create_app(settings)


def for_worker() -> Application:
    """For a worker process, started by one that has just opened the model: it takes what that one kept."""
    app = from_environment()
    app.server.champion.open(ask=False)
    return app


@asynccontextmanager
async def _lifespan(app: Application) -> AsyncIterator[None]:
    server = app.server
    if server.models.is_empty:
        server.champion.open()
    watches = [watch for watch in (server.champion, server.challenger) if watch is not None]
    identity = server.models.current.model.identity
    server.lines.write(
        logging.INFO, "model-loaded", {"name": identity.name, "version": identity.version, "model": identity.digest}
    )
    server.audit.start()
    await server.auth.start()
    tasks = [asyncio.create_task(run()) for run in (*(watch.run for watch in watches), server.shadow.run)]
    # what was loaded stays for good, but for a thousandth: no collection looks at it, now or later, when requests would wait
    gc.freeze()
    gc.enable()
    server.draining.watch()
    server.lines.write(logging.INFO, "started", {"version": acrcast.__version__, "process": os.getpid()})
    yield
    for watch in watches:
        watch.stop()
    for task in tasks:
        await ended(task)
    server.models.clear()
    server.batches.close()
    await server.fhir.close()
    await server.auth.stop()
    await server.audit.stop()
    if server.traces is not None:
        await asyncio.to_thread(server.traces.stop)
    server.lines.write(logging.INFO, "stopped", {"process": os.getpid()})
