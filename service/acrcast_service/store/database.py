"""The connection to the database, and the text of what is asked of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, insert, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.expression import ClauseElement

from acrcast.errors import UsageError
from acrcast_service.settings import PREFIX

# How long a statement may wait for another process's lock, and a connection for the network, in seconds.
LOCK_SECONDS = 3
NETWORK_SECONDS = 5

# FULL: with the write-ahead log, NORMAL may lose the last commits when the power fails. secure_delete: what is
# deleted is overwritten, as a destroyed key has to be. page_size: of a new file; a record with its answer takes some 4 KB.
PRAGMAS: Mapping[str, str | int] = {
    "page_size": 16_384,
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "busy_timeout": LOCK_SECONDS * 1000,
    "foreign_keys": "ON",
    "secure_delete": "ON",
    "wal_autocheckpoint": 1000,
}

WRITES = "acrcast_writes"


def parse_url(database: str) -> URL:
    """Raises UsageError, without repeating the address, which may hold a password."""
    try:
        url = make_url(database)
        supported = url.get_backend_name() in ("sqlite", "postgresql")
    except (ArgumentError, ValueError):
        supported = False
    if not supported or (url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")):
        raise UsageError(f"{PREFIX}DATABASE: expected sqlite:///PATH of a file or postgresql://USER@HOST/NAME")
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def open_database(database: str, *, durable: bool = True, rarely: bool = False) -> Engine:
    """An engine for the address; it connects when it is first used. Raises UsageError for an address that is none.

    durable: a commit returns when it is on disk. Without, the last commits may be lost when the power fails.
    rarely: a SQLite file is opened each time. While any connection of a process stays open, its others see the file's
    permissions and its shared memory as they were.
    """
    url = parse_url(database)
    if url.get_backend_name() == "sqlite":
        pragmas = PRAGMAS if durable else {**PRAGMAS, "synchronous": "NORMAL"}
        engine = create_engine(url, paramstyle="named", **({"poolclass": NullPool} if rarely else {}))
        event.listen(engine, "connect", lambda connection, _record: _prepare_sqlite(connection, pragmas))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": NETWORK_SECONDS,
            "tcp_user_timeout": NETWORK_SECONDS * 1000,
            "options": f"-c lock_timeout={LOCK_SECONDS}s -c synchronous_commit={'on' if durable else 'off'}",
        },
    )


def shown(engine: Engine) -> str:
    """The address without its password."""
    return engine.url.render_as_string(hide_password=True)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that will write. SQLite is locked from its beginning, so that nothing that it read can change."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        yield connection


def text_of(statement: ClauseElement, engine: Engine) -> str:
    """The statement as the driver takes it, with named parameters: made once, run many times by exec_driver_sql."""
    return str(statement.compile(dialect=engine.dialect))


def text_of_insert(table: Table, engine: Engine) -> str:
    """An insertion of rows as tuples, in the order of the table's columns; drivers look for names in each row anew."""
    dialect: Any = type(engine.dialect)
    style = "qmark" if engine.dialect.name == "sqlite" else "format"
    return str(insert(table).compile(dialect=dialect(paramstyle=style)))


def _prepare_sqlite(connection: Any, pragmas: Mapping[str, str | int]) -> None:  # noqa: ANN401  the driver's own
    # the driver would begin transactions by itself, and too late
    connection.isolation_level = None
    for name, value in pragmas.items():
        connection.execute(f"PRAGMA {name}={value}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES) else "BEGIN")
