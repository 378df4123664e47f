"""deploy/backup.sh and deploy/restore.sh: what was recorded is there again, whole and readable, after everything was lost."""

import json
import os
import shutil
import subprocess
import sys

import httpx
import pytest

from acrcast_service.settings import PREFIX


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        request.getfixturevalue("needs_program")("sqlite3")
        path = tmp_path / "audit.db"
        return f"sqlite:///{path}", path.unlink
    server = request.getfixturevalue("postgresql")
    return server.new_database(), server.new_database


@pytest.fixture
def told(database, tmp_path):
    """What server, commands and scripts have in their environment; the registry is a file and a folder."""
    (tmp_path / "artefacts" / "1").mkdir(parents=True)
    (tmp_path / "artefacts" / "1" / "manifest.json").write_text("{}")
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sqlite3; c = sqlite3.connect({str(tmp_path / 'registry.db')!r}); c.execute('create table t (a)')",
        ],
        check=True,
    )
    return {
        PREFIX + "STATE": str(tmp_path),
        PREFIX + "DATABASE": database[0],
        PREFIX + "AUDIT_KEY_FILE": str(tmp_path / "key"),
        "REGISTRY_DATABASE": f"sqlite:///{tmp_path / 'registry.db'}",
        "REGISTRY_ARTEFACTS": str(tmp_path / "artefacts"),
    }


@pytest.fixture
def run(told, project):
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "acrcast.cli", *command[1:]] if command[0] == "acrcast" else command
        return subprocess.run(
            words, cwd=project, env=os.environ | told, capture_output=True, text=True, check=False, timeout=60
        )

    return run


@pytest.fixture
def recorded(run, told, start, model_folder, a_patient):
    """The answers to three patients, recorded by a server that goes on while it is copied; what stops it."""
    assert run("acrcast", "audit", "migrate").returncode == 0
    server = start("--model", str(model_folder), "--port", "0", **told)
    answers = [
        httpx.post(f"{server.url}predict", json=a_patient(age_years=age), timeout=30).json() for age in (40, 50, 60)
    ]
    return answers, server


def test_everything_recorded_is_back_and_whole_after_a_restore(run, recorded, database, tmp_path):
    answers, server = recorded
    backup = tmp_path / "backup"
    assert run("deploy/backup.sh", str(backup)).returncode == 0
    assert server.stop() == 0
    head = json.loads(run("acrcast", "audit", "verify", "--json").stdout)["head"]
    database[1]()
    (tmp_path / "key").unlink()
    (tmp_path / "registry.db").unlink()
    shutil.rmtree(tmp_path / "artefacts")
    restored = run("deploy/restore.sh", str(backup))
    assert (restored.returncode, restored.stderr) == (0, "")
    verdict = json.loads(run("acrcast", "audit", "verify", "--json").stdout)
    assert (verdict["whole"], verdict["count"], verdict["head"]) == (True, 3, head)
    exported = [json.loads(line)["answer"] for line in run("acrcast", "audit", "export").stdout.splitlines()]
    assert exported == answers
    assert (tmp_path / "artefacts" / "1" / "manifest.json").read_text() == "{}"


def test_a_backup_that_was_changed_is_refused_before_anything_is_touched(run, recorded, database, tmp_path):
    backup = tmp_path / "backup"
    assert run("deploy/backup.sh", str(backup)).returncode == 0
    assert recorded[1].stop() == 0
    database[1]()
    (tmp_path / "key").unlink()
    (backup / "audit.key").write_text("another")
    assert run("deploy/restore.sh", str(backup)).returncode != 0
    assert not (tmp_path / "key").exists()


@pytest.mark.usefixtures("recorded")
def test_a_restore_overwrites_nothing(run, tmp_path):
    backup = tmp_path / "backup"
    assert run("deploy/backup.sh", str(backup)).returncode == 0
    before = json.loads(run("acrcast", "audit", "verify", "--json").stdout)
    assert run("deploy/restore.sh", str(backup)).returncode != 0
    assert json.loads(run("acrcast", "audit", "verify", "--json").stdout) == before


@pytest.mark.usefixtures("recorded")
def test_a_second_backup_into_the_same_folder_is_refused(run, tmp_path):
    backup = tmp_path / "backup"
    assert run("deploy/backup.sh", str(backup)).returncode == 0
    complete = (backup / "complete").read_text()
    assert run("deploy/backup.sh", str(backup)).returncode != 0
    assert (backup / "complete").read_text() == complete
