"""`acrcast audit` and a server, each as a process."""

import json
import os
import stat
import subprocess
import sys

import httpx
import pytest

from acrcast_service.settings import PREFIX


@pytest.fixture
def state(tmp_path):
    return {PREFIX + "STATE": str(tmp_path / "kept")}


@pytest.fixture
def acrcast(state):
    def run(*arguments, **environment):
        command = [sys.executable, "-m", "acrcast.cli", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | state | environment
        )

    return run


def test_a_server_of_this_machine_makes_its_database_and_key_and_the_command_reads_them(
    start, acrcast, state, model_folder, a_patient, tmp_path
):
    server = start("--model", str(model_folder), "--port", "0", **state)
    asked = {"headers": {"Subject-Reference": "P-1"}, "timeout": 30}
    answer = httpx.post(f"{server.url}predict", json=a_patient(), **asked).json()
    verdict = json.loads(acrcast("audit", "verify", "--json").stdout)
    assert (verdict["whole"], verdict["count"]) == (True, 1)
    assert json.loads(acrcast("audit", "export").stdout)["answer"] == answer
    assert json.loads(acrcast("audit", "erase", "--subject", "P-1", "--json").stdout) == {"erased": 1}
    assert httpx.post(f"{server.url}predict", json=a_patient(), timeout=30).status_code == 200
    kept = acrcast("audit", "verify", "--expect-at-least", "1", "--head", verdict["head"])
    assert (kept.returncode, kept.stderr) == (0, "")
    assert "3 records, 1 of them erased" in kept.stdout
    assert server.stop() == 0
    files = sorted((tmp_path / "kept").iterdir())
    assert [file.name for file in files] == ["acrcast.db", "audit.key"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_chain_that_is_not_whole_ends_verify_with_1_and_is_not_recorded_as_whole(acrcast):
    assert acrcast("audit", "migrate").returncode == 0
    done = acrcast("audit", "verify", "--expect-at-least", "1", "--record")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "ends at record 0, and had at least 1"
    assert done.stdout.splitlines()[-1] == "NOT WHOLE"
    assert acrcast("audit", "export").stdout == ""


def test_a_chain_that_is_whole_records_that_it_was_verified_when_asked_to(acrcast):
    assert acrcast("audit", "migrate").returncode == 0
    assert acrcast("audit", "verify").returncode == 0
    assert acrcast("audit", "export").stdout == ""
    assert "0 records" in acrcast("audit", "verify", "--record").stdout
    record = json.loads(acrcast("audit", "export").stdout)
    assert (record["kind"], record["about"]) == ("verification", f"0 {'0' * 64}")
    assert json.loads(acrcast("audit", "verify", "--json").stdout)["count"] == 1


def test_a_named_database_is_made_by_migrate_and_not_by_the_server(acrcast, serve_and_fail, model_folder, tmp_path):
    address = {
        PREFIX + "DATABASE": f"sqlite:///{tmp_path}/named.db",
        PREFIX + "AUDIT_KEY_FILE": str(tmp_path / "named.key"),
    }
    refused = serve_and_fail("--model", str(model_folder), "--port", "0", **address)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"acrcast: sqlite:///{tmp_path}/named.db: the database is empty: run acrcast audit migrate\n"
    )
    assert acrcast("audit", "migrate", **address).stdout == f"sqlite:///{tmp_path}/named.db: ready\n"
    assert (tmp_path / "named.key").exists()


def test_a_server_that_others_can_reach_makes_nothing_by_itself(serve_and_fail, model_folder, state, tmp_path):
    refused = serve_and_fail(
        "--model", str(model_folder), "--host", "0.0.0.0", "--port", "0",
        **state, **{PREFIX + "BEHIND_AUTHENTICATING_PROXY": "1"},
    )  # fmt: skip
    assert (refused.returncode, "run acrcast audit migrate" in refused.stderr) == (2, True)
    assert not (tmp_path / "kept").exists()


def test_a_key_that_is_lost_is_not_replaced(acrcast, tmp_path):
    acrcast("audit", "migrate")
    (tmp_path / "kept/audit.key").unlink()
    refused = acrcast("audit", "migrate")
    assert refused.returncode == 2
    assert "the audit's key is not there; without it nothing recorded can be read: restore it" in refused.stderr
    assert not (tmp_path / "kept/audit.key").exists()


def test_another_key_is_recognised(acrcast, tmp_path):
    import base64

    acrcast("audit", "migrate")
    (tmp_path / "kept/audit.key").write_bytes(base64.b64encode(b"x" * 32))
    refused = acrcast("audit", "verify")
    assert refused.returncode == 1
    assert "was not made with this key" in refused.stderr


def test_erasing_a_subject_that_is_not_there_fails_without_repeating_it(acrcast):
    acrcast("audit", "migrate")
    refused = acrcast("audit", "erase", "--subject", "Zz81734")
    assert refused.returncode == 1
    assert "Zz81734" not in refused.stderr + refused.stdout


def test_retention_needs_to_be_told_how_long(acrcast):
    acrcast("audit", "migrate")
    assert acrcast("audit", "retention").returncode == 2
    done = acrcast("audit", "retention", "--json", **{PREFIX + "RETENTION_DAYS": "30"})
    assert json.loads(done.stdout) == {"erased": 0}


def test_migrate_goes_back_for_an_earlier_version_and_forward_again(acrcast):
    assert acrcast("audit", "migrate").returncode == 0
    back = acrcast("audit", "migrate", "--to", "0002")
    assert (back.returncode, back.stdout.strip().endswith(": at schema 0002")) == (0, True)
    assert "run acrcast audit migrate" in acrcast("audit", "verify").stderr
    assert json.loads(acrcast("audit", "migrate", "--json").stdout)["schema"] == "0003"
    assert acrcast("audit", "verify").returncode == 0
    refused = acrcast("audit", "migrate", "--to", "7")
    assert (refused.returncode, refused.stderr) == (
        2,
        "acrcast: there is no schema 7: expected one of 0001, 0002, 0003\n",
    )
