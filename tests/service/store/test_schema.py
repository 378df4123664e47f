"""The schema of the database: made, recognised, refused."""

import re
import stat

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from acrcast.errors import AcrcastError, UsageError
from acrcast_service.store.database import open_database, writing
from acrcast_service.store.schema import CURRENT, check_schema, migrate, revision
from acrcast_service.store.tables import METADATA


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/state/acrcast.db")
    yield engine
    engine.dispose()


def test_the_migrations_make_the_tables_that_the_statements_use(engine):
    assert migrate(engine) is None
    assert revision(engine) == CURRENT
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_migrating_again_changes_nothing(engine):
    migrate(engine)
    assert migrate(engine) == CURRENT


def test_a_commit_is_on_disk_before_it_returns_and_what_is_deleted_is_overwritten(engine):
    migrate(engine)
    with engine.connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_the_file_is_for_its_owner_alone(engine, tmp_path):
    migrate(engine)
    assert stat.S_IMODE((tmp_path / "state/acrcast.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_an_empty_database_is_refused_with_the_command_to_run(engine):
    with pytest.raises(UsageError, match="is empty: run acrcast audit migrate"):
        check_schema(engine)


@pytest.mark.parametrize(
    ("found", "said"), [("0000", "run acrcast audit migrate"), ("9999", "made by a later acrcast")]
)
def test_an_older_or_newer_schema_is_refused(engine, found, said):
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    with pytest.raises(UsageError, match=said):
        check_schema(engine)


def test_a_file_that_is_no_database_is_said(engine, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/acrcast.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(AcrcastError, match="cannot be used: file is not a database"):
        check_schema(engine)


@pytest.mark.parametrize("address", ["", "nonsense", "mysql://Zz81734@h/n", "sqlite://", "sqlite:///:memory:"])
def test_an_address_of_another_kind_is_refused_without_repeating_it(address):
    with pytest.raises(UsageError, match=re.escape("ACRCAST_DATABASE: expected sqlite:///PATH")) as refused:
        open_database(address)
    assert "Zz81734" not in str(refused.value)
