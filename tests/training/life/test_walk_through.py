"""The commands of docs/monitoring.md and docs/retraining.md, typed one after the other."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def commands(page):
    return "\n".join(re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))


def typed(text, folder):
    """What the commands print, in a shell that stops at the first that fails."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ACRCAST_", "MLFLOW_"))}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", text.replace("8123", str(port))],
        cwd=folder,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def watched(project, tmp_path_factory):
    """The folder in which the walk through monitoring was made, and what it printed."""
    folder = tmp_path_factory.mktemp("walk")
    shutil.copy(project / "docs" / "life" / "clinic.py", folder)
    return folder, typed(commands(project / "docs" / "monitoring.md"), folder)


def test_the_walk_through_monitoring_ends_without_an_alarm(watched):
    folder, printed = watched
    assert "300 patients asked about, and what happened to them said" in printed
    assert "Tenant default: 300 patients (300 predictions); of their outcomes 300 are due (300 received" in printed
    assert printed.splitlines()[-1] == "No alarm."
    kinds = re.findall(r'"kind":"(\w+)"', (folder / "export.jsonl").read_text())
    assert (kinds.count("prediction"), kinds.count("outcome")) == (300, 300)


@pytest.mark.slow
def test_the_walk_through_replacing_a_model_ends_where_it_began(watched, project):
    folder, _ = watched
    printed = typed(commands(project / "docs" / "retraining.md"), folder)
    assert "Registered as acr20, version 2, the challenger." in printed
    assert printed.splitlines()[-1] == "models:/acr20@champion is version 1 again; version 2 was taken back: to show it"
