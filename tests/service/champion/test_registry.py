"""The champion from an MLflow registry: followed when its alias moves, and kept for when the registry is away."""

import asyncio
import logging
import os
import shutil
import socket
import subprocess
import sys
import time

import httpx
import pytest
from tests.service.champion.conftest import until

from acrcast.errors import UsageError
from acrcast_service.champion.opening import champion_of
from acrcast_service.champion.registry import Registry, UnreachableError
from acrcast_service.model_store import ModelStore
from acrcast_service.observation.metrics import Metrics
from acrcast_service.settings import Settings

CHAMPION = "models:/acr20@champion"


class Server:
    """The models of a server with these settings, without its HTTP."""

    def __init__(self, state, model=CHAMPION):
        settings = Settings(model=model, state=state)
        self.models = ModelStore(settings.level)
        self.watch = champion_of(settings, self.models, Metrics())

    @property
    def digest(self):
        return self.models.current.model.identity.digest

    def refresh(self):
        return asyncio.run(self.watch.refresh())


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def test_the_model_that_an_alias_points_to_is_served_and_followed(registry, made, state):
    server = Server(state)
    server.watch.open()
    assert server.digest == made[0].digest
    assert server.refresh() == "unchanged"
    registry.champion(2)
    assert server.refresh() == "replaced"
    assert server.digest == made[1].digest
    assert server.watch.outcomes == {"replaced": 2, "unchanged": 1}


@pytest.mark.slow
def test_a_store_in_a_file_that_has_not_changed_is_not_asked_again(registry, monkeypatch, state):
    server = Server(state)
    server.watch.open()
    # no process could be started with this: the answer is the one before
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert server.refresh() == "unchanged"
    registry.champion(2)
    assert server.refresh() == "unreachable"


@pytest.mark.slow
def test_without_its_registry_a_server_starts_with_the_model_that_it_served_last(registry, made, state, caplog):
    Server(state).watch.open()
    away = registry.folder.with_name("away")
    registry.folder.rename(away)
    server = Server(state)
    with caplog.at_level(logging.WARNING):
        server.watch.open()
    assert server.digest == made[0].digest
    assert server.watch.standing.unconfirmed is not None
    assert "model-kept" in caplog.text
    assert "could not be fetched from the registry" in caplog.text
    shutil.copytree(away, registry.folder)
    assert server.refresh() == "unchanged"
    assert server.watch.standing.unconfirmed is None


def test_a_server_that_never_had_the_model_does_not_start_without_the_registry(registry, state):
    registry.folder.rename(registry.folder.with_name("away"))
    with pytest.raises(UnreachableError, match="could not be fetched from the registry"):
        Server(state).watch.open()


@pytest.mark.slow
def test_an_alias_that_does_not_exist_is_not_answered_from_what_was_kept(registry, state):
    Server(state).watch.open()
    registry.client.delete_registered_model_alias("acr20", "champion")
    with pytest.raises(UsageError, match="champion"):
        Server(state).watch.open()


@pytest.mark.slow
def test_a_model_that_is_kept_is_not_fetched_again(registry, made, state):
    Server(state).watch.open()
    shutil.rmtree(registry.folder / "version-1")
    server = Server(state)
    server.watch.open()
    assert server.digest == made[0].digest


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_a_kept_model_that_was_damaged_is_fetched_again(made, state):
    Server(state).watch.open()
    (kept,) = state.glob("models/*/model")
    (kept / "card.json").write_text("{}")
    server = Server(state)
    server.watch.open()
    assert server.digest == made[0].digest
    assert (kept / "card.json").read_bytes() == (made[0].folder / "card.json").read_bytes()


@pytest.mark.slow
def test_a_version_whose_files_are_gone_is_refused_and_leaves_nothing_behind(registry, made, state):
    server = Server(state)
    server.watch.open()
    shutil.rmtree(registry.folder / "version-2")
    registry.champion(2)
    assert server.refresh() == "refused"
    assert server.digest == made[0].digest
    assert sorted(path.name for path in (state / "models").iterdir()) == sorted([made[0].digest[7:], "last"])


@pytest.mark.slow
def test_what_is_no_model_is_refused_and_not_looked_at_again_until_the_alias_moves(registry, made, state):
    server = Server(state)
    server.watch.open()
    (registry.folder / "version-2" / "artifacts" / "model" / "manifest.json").unlink()
    registry.champion(2)
    assert server.refresh() == "refused"
    assert server.watch.standing.refused == "it is incomplete or unreadable"
    assert server.refresh() == "unchanged"
    assert server.watch.standing.refused == "it is incomplete or unreadable"
    registry.champion(3)
    assert server.refresh() == "replaced"
    assert (server.digest, server.watch.standing.refused) == (made[2].digest, None)


@pytest.mark.slow
def test_a_server_starts_with_the_last_good_model_when_the_champion_is_refused(registry, made, state):
    Server(state).watch.open()
    (registry.folder / "version-2" / "artifacts" / "model" / "card.json").write_text("{}")
    registry.champion(2)
    server = Server(state)
    server.watch.open()
    assert server.digest == made[0].digest
    assert server.watch.standing.refused == "its files are not those that were saved, or it fails its self-test"


@pytest.mark.slow
@pytest.mark.usefixtures("registry")
def test_what_is_kept_names_no_password(monkeypatch, state):
    Server(state).watch.open()
    store = "http://somebody:Zz81734@127.0.0.1:9"  # pragma: allowlist secret  made up
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    with pytest.raises(UnreachableError) as refused:
        Server(state).watch.open()
    assert "Zz81734" not in str(refused.value)
    assert "Zz81734" not in "".join(path.read_text() for path in state.glob("models/last/*"))


@pytest.mark.usefixtures("registry")
def test_stopping_ends_the_process_that_asks(state, monkeypatch, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\necho started > $0.started\nexec sleep 600\n")
    slow.chmod(0o755)
    asked = Registry(state)
    monkeypatch.setattr(sys, "executable", str(slow))

    async def stopped():
        asking = asyncio.create_task(asyncio.to_thread(asked.ask, CHAMPION))
        while not slow.with_name("slow.started").exists():  # noqa: ASYNC110  another program writes it
            await asyncio.sleep(0.01)
        asked.stop()
        with pytest.raises(UnreachableError):
            await asking

    asyncio.run(asyncio.wait_for(stopped(), 60))


class MlflowServer:
    """A real `mlflow server` of a registry, which can be away for a while."""

    def __init__(self, registry):
        self._store = registry.uri
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self._store),
                *("--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.uri}/health").status_code == 200:
                    return
            except httpx.HTTPError:
                continue
        raise AssertionError("mlflow server did not start")

    def stop(self):
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None


@pytest.fixture
def mlflow_server(registry, monkeypatch):
    server = MlflowServer(registry)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
def test_the_whole_with_a_real_registry_server_that_goes_away_and_comes_back(
    start, traffic, registry, mlflow_server, made, state
):
    options = ("--model", CHAMPION, "--port", "0")
    often = {"ACRCAST_STATE": str(state), "ACRCAST_MODEL_REFRESH_SECONDS": "0.5"}
    server = start(*options, **often)
    with traffic(server.port, clients=2) as load:
        registry.champion(2)
        until(server.url, lambda said: said["model"] == made[1].digest)
        mlflow_server.stop()
        said = until(server.url, lambda said: "unconfirmed" in said)
        assert said["model"] == made[1].digest
        load.wait_for(answers=10)
        second = start(*options, **often)
        assert made[1].digest in second.greeting
        assert "unconfirmed" in httpx.get(f"{second.url}health/ready").json()
        registry.champion(3)
        mlflow_server.start()
        for running in (server, second):
            said = until(running.url, lambda said: said["model"] == made[2].digest)
            assert "unconfirmed" not in said
    assert (load.failures, load.others) == ([], [])


@pytest.mark.slow
@pytest.mark.usefixtures("mlflow_server")
def test_an_alias_that_the_registry_server_does_not_have_is_bad_usage(state):
    with pytest.raises(UsageError, match="no such model or alias"):
        Registry(state).ask("models:/acr20@nobody")
    with pytest.raises(UsageError, match="no such model or alias"):
        Registry(state).ask("models:/nothing@champion")
