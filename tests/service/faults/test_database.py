"""The database fails under a running server: 503 with Retry-After, nothing answered unrecorded, and it recovers by itself."""

import contextlib
import resource
import sqlite3
from pathlib import Path

import pytest

from .conftest import expect_nothing_lost

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def file_of(chain):
    return Path(chain.engine.url.database)


def overwrite(path, content):
    """In place, as whoever has it open sees it."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


@only_sqlite
def test_a_file_that_may_not_grow_as_on_a_full_disk(serve, load, chain):
    server = serve()
    load.begin(server.port)
    load.wait_for(200, 20)
    wal = file_of(chain).with_name("acrcast.db-wal")
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    load.wait_for(503, 20)
    assert server.get("/health/live") == 200
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    load.wait_for(200, 20)
    assert server.get("/health/ready") == 200
    expect_nothing_lost(load, chain)


@only_sqlite
def test_a_database_that_another_process_keeps_locked(serve, load, chain):
    server = serve()
    load.begin(server.port)
    load.wait_for(200, 20)
    with contextlib.closing(sqlite3.connect(file_of(chain), isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        load.wait_for(503, 20)
        assert server.get("/health/live") == 200
        other.execute("ROLLBACK")
    load.wait_for(200, 20)
    expect_nothing_lost(load, chain)


@only_sqlite
def test_a_file_that_is_read_only_when_the_server_starts(serve, load, chain):
    files = [path for path in file_of(chain).parent.glob("acrcast.db*") if path.is_file()]
    for path in files:
        path.chmod(0o444)
    server = serve()
    load.begin(server.port)
    load.wait_for(503, 20)
    assert load.answered == []
    assert server.get("/health/live") == 200
    for path in files:
        path.chmod(0o600)
    load.wait_for(200, 20)
    assert server.get("/health/ready") == 200
    expect_nothing_lost(load, chain)


@only_sqlite
def test_a_file_that_is_damaged_until_it_is_restored(serve, load, chain):
    before = serve()
    load.begin(before.port)
    load.wait_for(200, 20)
    load.end()
    before.kill()
    # whoever closes a file gives up this process's locks on it, SQLite's as well
    chain.engine.dispose()
    server, path = serve(), file_of(chain)
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    content, answered = path.read_bytes(), len(load.answered)
    overwrite(path, b"\xa5" * len(content))
    load.begin(server.port)
    load.wait_for(503, 100)
    assert len(load.answered) == answered
    assert server.get("/health/live") == 200
    overwrite(path, content)
    load.wait_for(200, 20)
    expect_nothing_lost(load, chain)


@only_sqlite
def test_a_damaged_file_stops_the_start_with_what_to_do(serve_and_fail, model_folder, chain, audit_settings):
    chain.engine.dispose()
    path = file_of(chain)
    overwrite(path, b"\xa5" * path.stat().st_size)
    done = serve_and_fail(
        *("--model", str(model_folder), "--port", "0"),
        ACRCAST_DATABASE=f"sqlite:///{path}",
        ACRCAST_AUDIT_KEY_FILE=str(audit_settings.audit_key_file),
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"acrcast: sqlite:///{path}: the database cannot be used: file is not a database: restore a backup, see docs/audit.md"
    ]


@only_postgresql
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_restarted_under_load(serve, load, chain, postgresql, mode):
    server = serve()
    load.begin(server.port)
    load.wait_for(200, 20)
    postgresql.stop(mode)
    load.wait_for(503, 20)
    assert server.get("/health/live") == 200
    postgresql.start()
    load.wait_for(200, 20)
    expect_nothing_lost(load, chain)


@only_postgresql
@pytest.mark.slow
def test_postgresql_that_became_read_only(serve, load, chain):
    name = chain.engine.url.database

    def run(statement):
        with chain.engine.connect() as connection:
            connection.exec_driver_sql(statement)
            connection.commit()

    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    load.begin(serve().port)
    load.wait_for(200, 20)
    run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    run(others)
    load.wait_for(503, 20)
    chain.engine.dispose()
    run(f"BEGIN; SET TRANSACTION READ WRITE; ALTER DATABASE {name} SET default_transaction_read_only = off; COMMIT")
    run(others)
    load.wait_for(200, 20)
    expect_nothing_lost(load, chain)


@only_postgresql
@pytest.mark.slow
def test_a_postgresql_that_another_session_keeps_locked(serve, load, chain):
    server = serve()
    load.begin(server.port)
    load.wait_for(200, 20)
    with chain.engine.connect() as other:
        other.exec_driver_sql("SELECT * FROM audit_head FOR UPDATE")
        load.wait_for(503, 20)
        assert server.get("/health/live") == 200
        other.rollback()
    load.wait_for(200, 20)
    expect_nothing_lost(load, chain)
