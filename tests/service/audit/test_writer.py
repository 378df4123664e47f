"""The writer alone: what waits is written together, and what cannot be written is refused."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import event, select

from acrcast_service.audit import writer as writing
from acrcast_service.audit.records import PREDICTION, Entry
from acrcast_service.audit.verification import verify
from acrcast_service.audit.writer import Writer
from acrcast_service.problems import KEY_IN_USE, HttpProblem
from acrcast_service.store.database import WRITES
from acrcast_service.store.tables import audit_records

UNAVAILABLE = ("audit-unavailable", {"Retry-After": "1"})
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def entry(**members):
    return Entry(PREDICTION, str(uuid4()), **{"inputs": b"{}", "answer": b"{}"} | members)


def with_writer(chain, use):
    async def run():
        writer = Writer(chain)
        try:
            return await use(writer)
        finally:
            await writer.stop()

    return asyncio.run(run())


async def outcome(writer, one):
    """None when it is recorded, or the name of the problem and its headers."""
    try:
        await writer.record(one)
    except HttpProblem as refused:
        return refused.kind.name, refused.headers
    return None


def test_what_arrives_together_is_committed_together(chain):
    commits = []
    event.listen(chain.engine, "commit", lambda _connection: commits.append(1))

    async def use(writer):
        await asyncio.gather(*[writer.record(entry()) for _ in range(64)])

    with_writer(chain, use)
    assert len(commits) == 1
    assert verify(chain).count == 64


def test_entries_given_together_are_recorded_in_their_order_and_in_one_commit(chain):
    commits, together = [], [entry() for _ in range(5)]
    event.listen(chain.engine, "commit", lambda _connection: commits.append(1))

    async def use(writer):
        await asyncio.gather(writer.record(entry()), writer.record_together(together))

    with_writer(chain, use)
    assert len(commits) == 1
    with chain.engine.connect() as connection:
        recorded = connection.execute(select(audit_records.c.record_id).order_by(audit_records.c.sequence)).scalars()
        assert list(recorded)[1:] == [one.record_id for one in together]
    assert verify(chain).findings == ()


def test_of_entries_given_together_one_that_is_refused_refuses_their_request_alone(chain):
    def refuse(_connection):
        raise HttpProblem(KEY_IN_USE)

    async def use(writer):
        requests = ([entry(), entry(within=refuse)], [entry()])
        return await asyncio.gather(*map(writer.record_together, requests), return_exceptions=True)

    refused, recorded = with_writer(chain, use)
    assert (refused.kind, recorded) == (KEY_IN_USE, None)


def test_two_writers_share_one_chain(chain):
    """As two replicas do."""

    async def run():
        one, other = Writer(chain), Writer(chain)
        await asyncio.gather(*[writer.record(entry()) for _ in range(20) for writer in (one, other)])
        await one.stop()
        await other.stop()

    asyncio.run(run())
    verdict = verify(chain)
    assert (verdict.count, verdict.findings) == (40, ())


def test_an_entry_that_is_refused_in_the_transaction_leaves_the_others_recorded(chain):
    def refuse(_connection):
        raise HttpProblem(KEY_IN_USE, headers={"Retry-After": "1"})

    async def use(writer):
        return await asyncio.gather(*[outcome(writer, one) for one in (entry(), entry(within=refuse), entry())])

    assert with_writer(chain, use) == [None, ("idempotency-key-in-use", {"Retry-After": "1"}), None]
    assert verify(chain).count == 2


def test_more_than_may_wait_is_refused_at_once(chain, monkeypatch):
    monkeypatch.setattr(writing, "WAITING", 10)

    async def use(writer):
        return await asyncio.gather(*[outcome(writer, entry()) for _ in range(12)])

    results = with_writer(chain, use)
    assert results == [None] * 10 + [UNAVAILABLE] * 2
    assert verify(chain).count == 10


def test_a_record_that_waits_too_long_is_refused_and_those_after_the_delay_are_written(chain, monkeypatch):
    monkeypatch.setattr(writing, "WAIT_SECONDS", 0.2)

    async def use(writer):
        with chain.engine.connect().execution_options(**{WRITES: True}) as other, other.begin():
            chain.lock(other)
            late = [await outcome(writer, entry()), await outcome(writer, entry())]
        while await outcome(writer, entry()) is not None:  # noqa: ASYNC110  a database is no event
            await asyncio.sleep(0.05)
        return late

    assert with_writer(chain, use) == [UNAVAILABLE] * 2
    assert verify(chain).findings == ()


def test_nothing_is_kept_of_what_was_answered(chain):
    async def use(writer):
        for _ in range(20):
            await writer.record(entry())
        return len(writer._unanswered)

    assert with_writer(chain, use) == 1


def test_what_waits_when_the_server_stops_is_written(chain):
    async def run():
        writer = Writer(chain)
        recorded = asyncio.ensure_future(writer.record(entry()))
        await asyncio.sleep(0)
        await writer.stop()
        await recorded

    asyncio.run(run())
    assert verify(chain).count == 1


@only_sqlite
def test_a_read_only_database_refuses_and_recovers(chain, caplog):
    """SQLite answers to a write as for a file that may not be written, which a test run by root cannot have."""
    read_only = ["ON"]
    event.listen(chain.engine, "connect", lambda driver, _: driver.execute(f"PRAGMA query_only={read_only[0]}").close())
    chain.engine.dispose()

    async def use(writer):
        first = await outcome(writer, entry())
        paused = await outcome(writer, entry())
        read_only[0] = "OFF"
        for _ in range(1000):
            if await outcome(writer, entry()) is None:
                return first, paused
            await asyncio.sleep(0.01)
        raise AssertionError("it did not recover")

    assert with_writer(chain, use) == (UNAVAILABLE, UNAVAILABLE)
    assert verify(chain).count == 1
    assert [record.getMessage() for record in caplog.records] == [
        "audit-unavailable reason=attempt to write a readonly database",
        "audit-recovered",
    ]


@only_sqlite
def test_a_corrupt_database_refuses(chain, add):
    for _ in range(50):
        add()
    path = Path(chain.engine.url.database)
    chain.engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        tables = "SELECT rootpage FROM sqlite_master WHERE tbl_name IN ('audit_records', 'record_keys')"
        roots = [root for (root,) in connection.execute(tables)]
    with path.open("r+b") as file:
        for root in roots:
            file.seek((root - 1) * size)
            file.write(b"\xff" * size)

    async def use(writer):
        return await outcome(writer, entry())

    assert with_writer(chain, use) == UNAVAILABLE


def test_a_head_that_was_changed_is_not_built_upon(chain, add, tamper):
    add()
    tamper("UPDATE audit_head SET count = 0, last_hash = :nothing", nothing=bytes(32))

    async def use(writer):
        return await outcome(writer, entry())

    assert with_writer(chain, use) == UNAVAILABLE
    with chain.engine.connect() as connection:
        assert connection.execute(select(audit_records.c.sequence)).scalars().all() == [1]
