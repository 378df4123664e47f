"""One small simulated trial, trained and registered once, and a way to run the command as a user does."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TRAIN = ("train", "--study", "ld-il2-ra", "--baseline", "trial/baseline.csv", "--visits", "trial/visits.csv")


@dataclass(frozen=True)
class Workplace:
    """A folder to work in, with its own state."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        # the console scripts of this environment, which MLflow calls by name
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return os.environ | {
            "ACRCAST_STATE": str(self.folder / "state"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'state' / 'mlflow.db'}",
            "PATH": path,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`acrcast` with these arguments."""
        return subprocess.run(
            [sys.executable, "-m", "acrcast.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def workplace(tmp_path):
    return Workplace(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A trial of 80 simulated patients, trained, registered as `acr20` and promoted. Returns its workplace, with what each command printed."""
    workplace = Workplace(tmp_path_factory.mktemp("trained"))
    for command in (
        ("simulate", "--patients", "80", "--seed", "2", "--out", "trial"),
        (*TRAIN, "--repeats", "1", "--resamples", "20", "--register", "acr20", "--out", "model"),
        # too few patients to pass every gate
        ("promote", "acr20", "1", "--override", "--reason", "the first"),
    ):
        done = workplace.run(*command)
        assert done.returncode == 0, done.stderr
        (workplace.folder / f"{command[0]}.txt").write_text(done.stdout)
    return workplace
