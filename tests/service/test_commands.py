"""`acrcast keys` and `acrcast audit` write tables for people and JSON for scripts."""

import json
import os
import subprocess
import sys

import pytest

from acrcast_service.settings import PREFIX


@pytest.fixture
def acrcast(tmp_path):
    """Runs a command whose database and key are in a folder of the test's own; gives what it printed."""

    def run(*arguments, exit_code=0):
        command = [sys.executable, "-m", "acrcast.cli", *arguments]
        environment = os.environ | {PREFIX + "STATE": str(tmp_path / "kept")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
        assert done.returncode == exit_code, done.stderr
        return done.stdout

    return run


def test_a_key_from_its_making_to_its_end(acrcast, documented_members):
    made = json.loads(acrcast("keys", "create", "--name", "lab", "--scope", "predict", "--json"))
    assert set(made) == documented_members["keys create"]
    assert made["token"].startswith(f"acr_{made['id']}_")
    assert acrcast("keys", "list").splitlines() == [
        "id            state   scopes   tenant   expires  name",
        f"{made['id']}  active  predict  default  never    lab",
    ]
    assert json.loads(acrcast("keys", "revoke", made["id"], "--json")) == {"revoked": made["id"]}
    (listed,) = json.loads(acrcast("keys", "list", "--json"))
    assert set(listed) == documented_members["keys list"]
    assert listed["state"] == "revoked"


def test_the_audit_in_json(acrcast, documented_members):
    assert set(json.loads(acrcast("audit", "migrate", "--json"))) == documented_members["audit migrate"]
    assert set(json.loads(acrcast("audit", "verify", "--json"))) == documented_members["audit verify"]
    assert json.loads(acrcast("audit", "retention", "--days", "1", "--json")) == {"erased": 0}
    assert documented_members["audit retention"] == documented_members["audit erase"] == {"erased"}
