"""A file system that is full under a running server: 503, nothing answered unrecorded, and it goes on once there is room."""

import os
import pwd
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import expect_nothing_lost

pytestmark = pytest.mark.slow


@contextmanager
def small_disk(folder, megabytes, owner="root"):
    """A file system of its own in the folder, which is gone with its content afterwards."""
    folder.mkdir(exist_ok=True)
    options = f"size={megabytes}m,mode=0700,uid={pwd.getpwnam(owner).pw_uid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    """The file that takes what room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def expect_refused_until_there_is_room(server, load, folder):
    load.begin(server.port)
    load.wait_for(200, 20)
    filler = fill(folder)
    load.wait_for(503, 20)
    assert server.get("/health/live") == 200
    filler.unlink()
    load.wait_for(200, 20)
    assert server.get("/health/ready") == 200


@pytest.fixture
def disk_of_sqlite(tmp_path):
    """Where the file of the fixture `database` is, on a disk of its own."""
    with small_disk(tmp_path / "state", 24) as folder:
        yield folder


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_sqlite_file_on_a_full_disk(disk_of_sqlite, serve, load, chain):
    server = serve()
    expect_refused_until_there_is_room(server, load, disk_of_sqlite)
    expect_nothing_lost(load, chain)
    server.kill()
    chain.engine.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_postgresql_whose_tables_are_on_a_full_disk(serve, load, chain, tmp_path, postgresql):
    # it is another user's process, and reaches no folder of the test's
    place = Path("/tmp") / f"acrcast-{tmp_path.parent.name}-{os.getpid()}"
    with small_disk(place, 40, "nobody") as folder:
        chain.engine.dispose()
        with postgresql.connection() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            connection.execute("ALTER DATABASE test SET TABLESPACE small")
        server = serve()
        expect_refused_until_there_is_room(server, load, folder)
        expect_nothing_lost(load, chain)
        server.kill()
        chain.engine.dispose()
        with postgresql.connection() as connection:
            connection.execute("DROP DATABASE test WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")
    place.rmdir()
