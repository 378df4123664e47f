"""Is the database's schema the one that this version works with, and bringing it there."""

import os
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from acrcast.errors import AcrcastError, UsageError
from acrcast_service.store.database import shown, writing

MIGRATIONS = Path(__file__).parent / "migrations"

# Each migration's file begins with its number; the last is what this version works with.
CURRENT = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))

# What SQLite says of a file that is damaged.
DAMAGED = ("file is not a database", "malformed")

_MIGRATING = 0x61637263  # the number of PostgreSQL's advisory lock under which one process at a time migrates


def check_schema(engine: Engine) -> None:
    """Raises UsageError when the schema is older or newer than this version's, AcrcastError when it cannot be read."""
    found = revision(engine)
    if found == CURRENT:
        return
    if found is None:
        raise UsageError(f"{shown(engine)}: the database is empty: run acrcast audit migrate")
    if found < CURRENT:
        raise UsageError(
            f"{shown(engine)}: the database has schema {found} and this acrcast works with {CURRENT}: "
            "back it up, then run acrcast audit migrate"
        )
    raise UsageError(
        f"{shown(engine)}: the database has schema {found}, made by a later acrcast; this one works with {CURRENT}: "
        "run the later acrcast, or restore a backup"
    )


def revision(engine: Engine) -> str | None:
    """The number of the database's schema; None when it has none yet."""
    path = _file_of(engine)
    if path is not None and not path.exists():
        return None
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError as error:
        raise cannot_be_used(engine, error) from None


def migrate(engine: Engine) -> str | None:
    """Bring the schema to this version's; what it was before. One process at a time; another waits, and finds it done.

    Raises UsageError when the schema is newer, AcrcastError when the database cannot be used.
    """
    before = revision(engine)
    if before is not None and before >= CURRENT:
        check_schema(engine)
        return before
    from alembic import command  # noqa: PLC0415  heavy, and a database that is up to date never needs it
    from alembic.config import Config  # noqa: PLC0415

    _make_file(engine)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with writing(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATING})
            config.attributes["connection"] = connection
            command.upgrade(config, CURRENT)
    except SQLAlchemyError as error:
        raise cannot_be_used(engine, error) from None
    return before


def cannot_be_used(engine: Engine, error: SQLAlchemyError) -> AcrcastError:
    said = reason(error)
    what_to_do = ": restore a backup, see docs/audit.md" if any(words in said for words in DAMAGED) else ""
    return AcrcastError(f"{shown(engine)}: the database cannot be used: {said}{what_to_do}")


def reason(error: SQLAlchemyError) -> str:
    """What the driver said, in one line; it never saw a patient's value."""
    said = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
    return said[0] if said else type(error).__name__


def _file_of(engine: Engine) -> Path | None:
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


def _make_file(engine: Engine) -> None:
    """A new SQLite file is for its owner alone; the files that SQLite puts beside it take after it."""
    path = _file_of(engine)
    if path is None or path.exists():
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise AcrcastError(f"{path}: the database cannot be made: {error.strerror}") from None
