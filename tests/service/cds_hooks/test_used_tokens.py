"""Which tokens were used, in each kind of database."""

import time

import pytest
from sqlalchemy import func, select, text

from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.used_tokens import UsedTokens
from acrcast_service.store.database import writing
from acrcast_service.store.tables import used_tokens

from .conftest import SERVICES, bearer


@pytest.fixture
def chain_of_each_kind(audit_settings):
    chain = open_chain(audit_settings, may_make=True)
    yield chain
    chain.engine.dispose()


@pytest.fixture
def used(audit_settings, chain_of_each_kind):
    assert chain_of_each_kind
    used = UsedTokens(audit_settings.database_url)
    yield used
    used.close()


def test_a_token_is_used_once_by_its_issuer_and_its_name(used):
    until = time.time() + 60
    assert used.use("https://a.test", "1", until)
    assert not used.use("https://a.test", "1", until)
    assert used.use("https://a.test", "2", until)
    assert used.use("https://a.test1", "", until)


def test_what_has_expired_is_forgotten(used, chain_of_each_kind):
    used.use("https://a.test", "old", time.time() - 1)
    used.use("https://a.test", "new", time.time() + 60)
    with chain_of_each_kind.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(used_tokens)).scalar() == 1


def test_while_it_cannot_be_known_nobody_is_let_in(client_of, settings, a_token):
    client = client_of(settings)
    chain = open_chain(settings, may_make=False)
    with writing(chain.engine) as connection:
        connection.execute(text("DROP TABLE used_tokens"))
    chain.engine.dispose()
    answered = client.request("GET", "/cds-services", headers=bearer(a_token(SERVICES)))
    assert answered.status_code == 503
    assert answered.json()["type"] == "/problems/identity-unavailable"
