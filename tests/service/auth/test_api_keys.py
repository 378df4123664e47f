"""API keys: how they are made, kept, shown, and ended while servers run."""

import asyncio
import json
import re
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from acrcast.errors import AcrcastError, UsageError
from acrcast_service.app import create_app
from acrcast_service.auth.api_keys import all_keys
from acrcast_service.auth.callers import SCOPES
from acrcast_service.commands import keys as command
from acrcast_service.settings import PREFIX
from acrcast_service.store.database import writing

from .conftest import bearer

# how soon a running server must know of a change, generously
SECONDS = 10


@pytest.fixture
def run(settings, monkeypatch):
    """Runs `acrcast keys` against the test's database."""
    monkeypatch.setenv(PREFIX + "STATE", str(settings.state))
    runner = CliRunner()

    def call(*arguments):
        return runner.invoke(command.keys, arguments)

    return call


@pytest.mark.usefixtures("chain")
def test_a_key_is_printed_once_and_is_256_bits_of_chance(run, settings):
    made = run("create", "--name", "ward 7", "--scope", "predict", "--scope", "outcome")
    assert made.exit_code == 0
    token = made.stdout.strip()
    assert re.fullmatch(r"acr_[0-9a-f]{12}_[0-9a-f]{64}", token)
    assert token not in run("list").output
    secret = token.split("_")[2]
    for path in settings.state.iterdir():
        assert secret.encode() not in path.read_bytes()
        assert bytes.fromhex(secret) not in path.read_bytes()


def test_the_list_says_what_each_key_may_and_whether_it_still_does(run):
    first = run("create", "--name", "ward 7", "--scope", "predict", "--tenant", "north").stdout.split("_")[1]
    run("create", "--name", "audit", "--scope", "audit", "--expires", "90d")
    assert run("revoke", first).exit_code == 0
    listed = json.loads(run("list", "--json").stdout)
    assert listed[0] == {
        "id": first,
        "state": "revoked",
        "scopes": "predict",
        "tenant": "north",
        "expires": "never",
        "name": "ward 7",
    }
    days = datetime.fromisoformat(listed[1]["expires"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < days <= timedelta(days=90)
    assert listed[1]["state"] == "active"


@pytest.mark.parametrize("lifetime", ["90", "d", "0d", "-1d", "1y", "90 d"])
def test_a_lifetime_of_another_form_is_bad_usage(run, lifetime):
    assert run("create", "--name", "a", "--scope", "predict", "--expires", lifetime).exit_code == 2


@pytest.mark.parametrize("name", ["", "x" * 181, "two\nlines"])
def test_a_name_that_the_audit_cannot_show_is_bad_usage(run, name):
    assert isinstance(run("create", "--name", name, "--scope", "predict").exception, UsageError)


def test_revoking_twice_or_what_never_was_is_said(run):
    key_id = run("create", "--name", "a", "--scope", "predict").stdout.split("_")[1]
    assert run("revoke", key_id).exit_code == 0
    for name in (key_id, "000000000000"):
        assert isinstance(run("revoke", name).exception, AcrcastError)


def test_the_command_offers_the_scopes_that_there_are():
    assert command.SCOPES == SCOPES


@pytest.mark.parametrize(
    "change",
    ["scopes = 'admin predict'", "tenant = 'south'", "expires_at = NULL", "name = 'another'"],
)
def test_a_key_that_was_changed_in_the_database_opens_nothing(client_of, settings, chain, a_key, a_patient, change):
    token = a_key("predict", expires=datetime.now(UTC) + timedelta(hours=1))
    with writing(chain.engine) as connection:
        connection.execute(text(f"UPDATE api_keys SET {change}"))
    assert client_of(settings).predict(a_patient(), **bearer(token)).status_code == 401


def test_a_database_with_keys_and_no_key_file_keeps_the_server_from_starting(settings, model, a_key):
    a_key("predict")
    settings.key_file.unlink()
    app = create_app(settings, model)

    async def start():
        async with app.router.lifespan_context(app):
            raise AssertionError("it started")

    with pytest.raises(AcrcastError, match="key is not there"):
        asyncio.run(start())


def test_without_an_audit_keys_are_asked_for_all_the_same(client_of, settings, a_key, a_patient):
    token = a_key("predict")
    client = client_of(settings.model_copy(update={"audit": False}))
    assert client.predict(a_patient()).status_code == 401
    assert client.predict(a_patient(), **bearer(token)).status_code == 200


def test_without_an_audit_and_without_keys_nothing_is_written(client_of, settings, a_patient):
    client = client_of(settings.model_copy(update={"audit": False}))
    assert client.predict(a_patient()).status_code == 200
    assert not settings.state.exists()


def _until(status, ask):
    """Asks until it answers with the status; fails after a while."""
    end = time.monotonic() + SECONDS
    while (answered := ask().status_code) != status:
        assert time.monotonic() < end, f"still {answered}"


def test_a_running_server_knows_of_a_first_key_and_of_its_revocation_within_seconds(
    start, run, settings, model_folder, a_patient
):
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_STATE=str(settings.state))
    with httpx.Client(base_url=server.url) as client:
        assert client.post("/predict", json=a_patient()).status_code == 200
        token = run("create", "--name", "a", "--scope", "predict").stdout.strip()
        _until(401, lambda: client.post("/predict", json=a_patient()))
        assert client.post("/predict", json=a_patient(), headers=bearer(token)).status_code == 200
        run("revoke", token.split("_")[1])
        _until(401, lambda: client.post("/predict", json=a_patient(), headers=bearer(token)))


def test_a_server_for_other_machines_starts_with_a_key_and_asks_for_it(start, run, settings, model_folder, a_patient):
    token = run("create", "--name", "a", "--scope", "predict").stdout.strip()
    state = {"ACRCAST_STATE": str(settings.state)}
    server = start("--model", str(model_folder), "--host", "0.0.0.0", "--port", "0", **state)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        assert client.post("/predict", json=a_patient()).status_code == 401
        assert client.post("/predict", json=a_patient(), headers=bearer(token)).status_code == 200


def test_every_key_is_read_back_as_it_was_made(chain, a_key):
    a_key("predict", "audit", tenant="north", name="Zoë")
    (key,) = all_keys(chain.engine)
    assert (key.name, key.tenant, key.scopes, key.expires_at, key.revoked_at) == (
        "Zoë",
        "north",
        "audit predict",
        None,
        None,
    )
