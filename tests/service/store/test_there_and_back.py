"""Migrations forward and back on each kind of database, with records in it: the chain stays whole and readable."""

import json

import pytest
from sqlalchemy import inspect, text

from acrcast.errors import UsageError
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.export import exported
from acrcast_service.audit.opening import open_chain
from acrcast_service.audit.records import PREDICTION, Entry, now, seal
from acrcast_service.audit.verification import verify
from acrcast_service.settings import Settings
from acrcast_service.store.database import writing
from acrcast_service.store.schema import CURRENT, DROPPED, KNOWN, check_schema, migrate, revision

INPUTS = b'{"age_years":54}'


@pytest.fixture
def recorded(chain: Chain) -> Chain:
    """A chain of three records."""
    with writing(chain.engine) as connection:
        entries = [Entry(PREDICTION, f"record-{i}", inputs=INPUTS, answer=b"{}", subject=f"P-{i}") for i in range(3)]
        chain.append(connection, [seal(chain.keys, entry, now()) for entry in entries])
    return chain


@pytest.mark.parametrize("earlier", KNOWN[:-1])
def test_going_back_and_forward_again_leaves_every_record_whole_and_readable(
    recorded: Chain, audit_settings: Settings, earlier: str
) -> None:
    before = verify(recorded)
    assert migrate(recorded.engine, earlier) == CURRENT
    assert revision(recorded.engine) == earlier
    there = verify(recorded)
    assert (there.findings, there.count, there.last_hash) == ((), 3, before.last_hash)
    assert migrate(recorded.engine) == earlier
    again = open_chain(audit_settings, may_make=False)
    back = verify(again, at_least=3, head=before.last_hash)
    assert (back.findings, back.count) == ((), 3)
    assert [json.loads(line)["inputs"] for line in exported(again)] == [{"age_years": 54}] * 3
    with writing(again.engine) as connection:
        again.append(connection, [seal(again.keys, Entry(PREDICTION, "record-3", inputs=INPUTS, answer=b"{}"), now())])
    assert (verify(again).findings, verify(again).count) == ((), 4)
    again.engine.dispose()


@pytest.mark.parametrize("earlier", KNOWN[:-1])
def test_a_database_that_came_from_an_earlier_version_is_that_of_a_new_one(chain: Chain, earlier: str) -> None:
    def tables() -> dict[str, list[str]]:
        found = inspect(chain.engine)
        return {name: [column["name"] for column in found.get_columns(name)] for name in found.get_table_names()}

    new = tables()
    migrate(chain.engine, earlier)
    gone = {table for number, (table, _) in DROPPED.items() if number > earlier}
    assert set(new) - set(tables()) == gone
    migrate(chain.engine)
    assert tables() == new


def test_this_version_does_not_serve_from_an_earlier_schema(chain: Chain) -> None:
    migrate(chain.engine, KNOWN[-2])
    with pytest.raises(UsageError, match=f"has schema {KNOWN[-2]} and this acrcast works with {CURRENT}"):
        check_schema(chain.engine)


def test_going_back_is_refused_while_a_key_would_be_lost_and_nothing_has_changed(recorded: Chain) -> None:
    with writing(recorded.engine) as connection:
        connection.execute(
            text(
                "INSERT INTO api_keys (key_id, name, tenant, scopes, created_at, hash) "
                "VALUES ('k', 'a system', 'default', 'predict', '2026-01-01T00:00:00.000000Z', :hash)"
            ),
            {"hash": b"0" * 32},
        )
    with pytest.raises(
        UsageError, match=r"to schema 0001 loses 1 API keys, .*: back the database up, then give --discard"
    ):
        migrate(recorded.engine, "0001")
    assert revision(recorded.engine) == CURRENT
    assert migrate(recorded.engine, "0002") == CURRENT
    assert migrate(recorded.engine, "0001", discard=True) == "0002"
    assert verify(recorded).findings == ()


def test_what_going_back_drops_is_said_for_every_schema_but_the_first() -> None:
    assert tuple(DROPPED) == KNOWN[1:]


@pytest.mark.parametrize("unknown", ["0000", "base", "9999", "head"])
def test_a_schema_that_there_is_none_of_is_refused_with_those_that_there_are(chain: Chain, unknown: str) -> None:
    with pytest.raises(UsageError, match=f"there is no schema {unknown}: expected one of 0001, 0002, 0003"):
        migrate(chain.engine, unknown, discard=True)
