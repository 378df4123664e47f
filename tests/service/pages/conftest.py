"""The form as a browser sends it, and clients and addresses of applications with other models and settings."""

import threading

import pytest
import uvicorn

from acrcast import artefact
from acrcast.studies import load_study
from acrcast_service.app import create_app
from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.auth.callers import SCOPES
from acrcast_service.server import bind, listen, uvicorn_config
from acrcast_service.settings import Settings

from .recording import History


@pytest.fixture(scope="session")
def a_form(a_patient):
    """What the form sends for a patient with every measure; name only what matters. None is left empty."""

    def typed(value):
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    return lambda **changed: {name: typed(value) for name, value in (a_patient() | changed).items()}


@pytest.fixture(scope="session")
def released():
    return artefact.load(artefact.RELEASED)


@pytest.fixture(scope="session")
def site(serving, released):
    """A client of the application with the model that ships, without an audit."""
    return serving(create_app(Settings(audit=False), released))


@pytest.fixture(scope="session")
def one_arm_site(serving, one_arm_folder, own_study):
    model = artefact.load(one_arm_folder, load_study(str(own_study)))
    return serving(create_app(Settings(audit=False), model))


@pytest.fixture
def settings(tmp_path):
    return Settings(state=tmp_path / "state")


@pytest.fixture
def chain(settings):
    chain = open_chain(settings, may_make=True)
    yield chain
    chain.engine.dispose()


@pytest.fixture
def audited_site(serving, released, chain, settings):  # noqa: ARG001  the chain is there before the server
    return serving(create_app(settings, released))


@pytest.fixture(scope="module")
def serve_here(released):
    """Serves with the model that ships, or another, on a port of its own from a thread of this process. Call: its address.

    What a process of its own does beside that, tests/service/test_serve.py looks at; here it would only take time to start.
    """
    running = []

    def serve(settings, model=released):
        listener = bind(settings)
        listen(listener, settings)
        server = uvicorn.Server(uvicorn_config(create_app(settings, model), settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread, listener))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield serve
    for server, thread, listener in running:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()


@pytest.fixture
def history(chain, released):
    """Records predictions and outcomes of the tenant north, at times of the test's choosing."""
    return History(chain, released)


@pytest.fixture
def keys(chain):
    """A key of each scope, by scope and tenant. Made before a server starts, which would take seconds to learn of another."""
    made = {
        (scope, tenant): make_key(chain.engine, chain.keys, name="anna", tenant=tenant, scopes=[scope], expires=None)[1]
        for scope in SCOPES
        for tenant in ("north", "south")
    }
    return lambda scope, tenant="north": made[scope, tenant]


@pytest.fixture
def keyed_client(serving, released, chain, settings, keys):  # noqa: ARG001  chain and keys are there before the server
    """A client of a server that asks for keys."""
    return serving(create_app(settings, released))
