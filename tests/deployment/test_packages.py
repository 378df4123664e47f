"""Wheel and sdist: the same sources give the same bytes, and what is installed from them in clean environments works."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

PATIENT = {"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}
PACKAGES = ("*.whl", "*.tar.gz")


def run(*words: object, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def built(project: Path, folder: Path, time: int) -> dict[str, Path]:
    """Wheel and sdist of a copy of the sources whose files are all of that time."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=project, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (project / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(project / name, target)
            os.utime(target, (time, time))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", "dist"], cwd=folder, capture_output=True, check=True
    )
    return {pattern: next((folder / "dist").glob(pattern)) for pattern in PACKAGES}


@pytest.fixture(scope="module")
def packages(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return built(project, tmp_path_factory.mktemp("sources"), 1_700_000_000)


@pytest.mark.parametrize("pattern", PACKAGES)
def test_built_at_another_place_and_time_it_has_the_same_bytes(
    packages: dict[str, Path], project: Path, tmp_path: Path, pattern: str
) -> None:
    again = built(project, tmp_path / "elsewhere" / "and deeper", 1_600_000_000)
    first, second = packages[pattern], again[pattern]
    assert first.name == second.name
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def environment(folder: Path, project: Path, lock: str) -> Path:
    """The programs of a new environment with what a lock names and nothing else; by hash, from wherever pip is told to look."""
    run(sys.executable, "-m", "venv", folder)
    programs = folder / "bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", project / lock)
    return programs


def answer_of(programs: Path, state: Path) -> dict[str, object]:
    """What the server of an environment says of one patient; it is stopped again."""
    server = server_of(programs, state)
    try:
        url = server.stdout.readline().split()[2].rstrip("/")
        body = json.dumps(PATIENT).encode()
        request = urllib.request.Request(f"{url}/predict", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
    finally:
        server.terminate()
        server.wait(timeout=20)
        server.stdout.close()


def server_of(programs: Path, state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(programs / "acrcast"), "serve", "--port", "0"],
        env=os.environ | {"ACRCAST_STATE": str(state), "ACRCAST_UNREADY_SECONDS": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=state.parent,
    )


@pytest.mark.slow
def test_the_wheel_serves_without_what_training_needs(packages: dict[str, Path], project: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path / "served", project, "requirements-service.lock")
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", packages["*.whl"])
    assert run(programs / "acrcast", "--version") == "acrcast, version 0.1.0\n"
    absent = (
        "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, ('mlflow', 'pandas', 'sklearn', 'xgboost'))))"
    )
    run(programs / "python", "-c", absent)
    answer = answer_of(programs, tmp_path / "state")
    assert answer["study"] == "ld-il2-ra"
    assert answer["treated"]["interval"][0] < answer["treated"]["probability"] < answer["treated"]["interval"][1]


@pytest.mark.slow
def test_the_sdist_is_built_installed_and_predicts_a_file_as_it_serves(
    packages: dict[str, Path], project: Path, tmp_path: Path
) -> None:
    programs = environment(tmp_path / "trained", project, "requirements-training.lock")
    build = environment(tmp_path / "build", project, "requirements-build.lock")
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    run(build / "python", "-m", "pip", "wheel", *options, "--wheel-dir", tmp_path / "wheel", packages["*.tar.gz"])
    (wheel,) = (tmp_path / "wheel").iterdir()
    assert wheel.read_bytes() == packages["*.whl"].read_bytes()
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)
    assert run(programs / "acrcast", "--version") == "acrcast, version 0.1.0\n"
    asked, predicted = tmp_path / "patients.csv", tmp_path / "predicted.csv"
    asked.write_text(f"patient_id,{','.join(PATIENT)}\n1,{','.join(map(str, PATIENT.values()))}\n")
    state = tmp_path / "state"
    run(programs / "acrcast", "predict", "--in", asked, "--out", predicted, ACRCAST_STATE=str(state))
    with predicted.open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    answer = answer_of(programs, state)
    assert float(row["treated_probability"]) == pytest.approx(answer["treated"]["probability"], abs=1e-6)
