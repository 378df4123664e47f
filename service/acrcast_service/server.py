"""Runs the application: the address, the worker processes, and how they stop."""

import errno
import os
import signal
import socket
import tempfile
from collections.abc import Callable

import click
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.server import HANDLED_SIGNALS
from uvicorn.supervisors import Multiprocess

from acrcast.errors import AcrcastError, UsageError
from acrcast.prediction import ModelIdentity
from acrcast_service.app import create_app
from acrcast_service.auth.service import check_who_may
from acrcast_service.connections import BoundedHttpProtocol
from acrcast_service.observation.logs import log_through, open_lines
from acrcast_service.observation.metrics import FOLDER as METRICS_FOLDER
from acrcast_service.settings import PREFIX, Settings
from acrcast_service.whole_requests import Application

BACKLOG = 2048


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; returns when running requests have been answered.

    Raises UsageError when the address is not allowed or does not exist, or the database is not of this version,
    ArtefactError when the model cannot be used, AcrcastError when the port is taken or the database cannot be used. The address is taken before the model is loaded, and answers after.
    """
    log_through(open_lines(settings.log_level, settings.log_format), settings.log_level)
    with bind(settings) as listener, tempfile.TemporaryDirectory(prefix="acrcast-metrics-") as metrics_folder:
        app = create_app(settings)
        server = app.server
        server.champion.open()
        identity = server.models.current.model.identity
        check_who_may(settings)
        if settings.audit:
            from acrcast_service.audit.opening import prepare_audit  # noqa: PLC0415  slow to import

            prepare_audit(settings)
        if settings.workers == 1:
            serve = _here(uvicorn_config(app, settings), listener)
        else:
            _export(settings)
            os.environ[METRICS_FOLDER] = metrics_folder
            serve = _in_workers(uvicorn_config("acrcast_service.app:for_worker", settings), listener)
        listen(listener, settings)
        click.echo(_greeting(settings.host, listener.getsockname()[1], identity))
        serve()


def bind(settings: Settings) -> socket.socket:
    """A socket bound to the settings' address, not yet listening."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except OSError:
        raise UsageError(f"--host {settings.host}: no such address on this machine") from None
    # a name such as localhost has an address of each family: clients try IPv4 everywhere
    family, kind, protocol, _, address = min(found, key=lambda item: item[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _not_to_be_had(settings, error) from None
    return listener


def listen(listener: socket.socket, settings: Settings) -> None:
    """Let clients connect; they are answered as soon as the application has started."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise _not_to_be_had(settings, error) from None


def _not_to_be_had(settings: Settings, error: OSError) -> AcrcastError:
    reasons = {
        errno.EADDRINUSE: "is in use: choose another with --port, or 0 for any free one",
        errno.EACCES: "may not be used by this user: choose one above 1023 with --port",
    }
    reason = reasons.get(error.errno or 0, f"cannot be used: {error.strerror}")
    return AcrcastError(f"port {settings.port} on {settings.host} {reason}")


def _greeting(host: str, port: int, model: ModelIdentity) -> str:
    address = f"[{host}]" if ":" in host else host
    return (
        f"acrcast serves http://{address}:{port}/ with {model.name} {model.version} ({model.digest}), "
        f"trained on {model.training_data} data. Research use only."
    )


def uvicorn_config(app: Application | str, settings: Settings) -> uvicorn.Config:
    """How the application is served. app: itself, or for several worker processes the name of what makes it."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def _here(config: uvicorn.Config, listener: socket.socket) -> Callable[[], None]:
    """Serves in this process. From now on a signal to stop is heard, also before serving begins."""
    server = uvicorn.Server(config)
    # uvicorn raises a signal again once it has stopped: the handler stays ours, so that a clean stop ends with code 0
    for number in HANDLED_SIGNALS:
        signal.signal(number, server.handle_exit)
    return lambda: server.run(sockets=[listener])


def _in_workers(config: uvicorn.Config, listener: socket.socket) -> Callable[[], None]:
    """Serves in processes that this one watches over. From now on a signal to stop is heard."""
    supervisor = Multiprocess(config, sockets=[listener])

    def serve() -> None:
        supervisor.run()
        if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
            raise AcrcastError("a worker process could not start; its reason is above")

    return serve


def _export(settings: Settings) -> None:
    """Hands the settings to worker processes, which read them from the environment."""
    for name, value in settings.model_dump(exclude_none=True).items():
        os.environ[PREFIX + name.upper()] = str(value)
