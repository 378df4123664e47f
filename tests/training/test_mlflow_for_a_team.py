"""A team's MLflow: its server signs people in, keeps its tables in PostgreSQL and its artefacts in an object store.

The object store is moto's server, which speaks S3 over HTTP.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import TRAIN, Workplace

pytestmark = pytest.mark.slow

BUCKET = "acrcast-models"
# MLflow imports a great deal before it listens
SLOWEST_START_SECONDS = 300
SCRIPTS = Path(sys.executable).parent
ADMIN, STATISTICIAN, SERVER = ("admin", "admin-of-the-tests"), ("rita", "rita-of-the-tests"), ("server", "of-the-tests")
STORE_KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}
PATIENT = {"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str) -> bool:
    """Whether anything is said, be it that one has to sign in."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError as error:
        return isinstance(error, urllib.error.HTTPError)
    return True


class Program:
    """A server of another project, in a process group of its own, from when it answers until it is stopped."""

    def __init__(self, command: list[str], url: str, log: Path, **environment: str) -> None:
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env=os.environ | environment,
                cwd=log.parent,
                start_new_session=True,
            )
        until = time.monotonic() + SLOWEST_START_SECONDS
        while time.monotonic() < until:
            if answers(url):
                return
            assert self._process.poll() is None, log.read_text()
            time.sleep(0.1)
        self.stop()
        pytest.fail(f"does not answer:\n{log.read_text()}")

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(timeout=20)


def client_of(url: str) -> Any:
    import boto3

    return boto3.Session(*STORE_KEYS.values()).client("s3", "us-east-1", endpoint_url=url)


@pytest.fixture(scope="module")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a store with one bucket."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    log = tmp_path_factory.mktemp("moto") / "log"
    program = Program([str(SCRIPTS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], url, log)
    client_of(url).create_bucket(Bucket=BUCKET)
    yield url
    program.stop()


@dataclass(frozen=True)
class Team:
    """Where the team's MLflow answers, and a folder to work in."""

    url: str
    folder: Path

    def person(self, who: tuple[str, str], **more: str) -> Workplace:
        """A desk at which somebody is signed in."""
        return Desk(
            self.folder, {"MLFLOW_TRACKING_USERNAME": who[0], "MLFLOW_TRACKING_PASSWORD": who[1]} | more, self.url
        )


@dataclass(frozen=True)
class Desk(Workplace):
    signed_in: dict[str, str]
    url: str

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"MLFLOW_TRACKING_URI": self.url} | self.signed_in


@pytest.fixture(scope="module")
def mlflow_server(object_store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Team]]:
    """Call with a bucket and a database: MLflow's server as docs/deployment.md says it, with a user for the statistician and one for acrcast."""
    from mlflow.server.auth.client import AuthServiceClient

    started = []

    def start(bucket: str, database: str) -> Team:
        folder = tmp_path_factory.mktemp("team")
        (folder / "sign-in.ini").write_text(
            "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
            f"database_uri = {database}\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        url = f"http://127.0.0.1:{(port := free_port())}"
        command = [
            str(SCRIPTS / "mlflow"), "server", "--app-name=basic-auth", "--host=127.0.0.1", f"--port={port}", "--workers=1",
            f"--backend-store-uri={database}", f"--artifacts-destination=s3://{bucket}/acrcast",
        ]  # fmt: skip
        started.append(
            Program(
                command,
                f"{url}/health",
                folder / "mlflow.log",
                MLFLOW_AUTH_CONFIG_PATH=str(folder / "sign-in.ini"),
                MLFLOW_AUTH_ADMIN_PASSWORD=ADMIN[1],
                MLFLOW_FLASK_SERVER_SECRET_KEY=ADMIN[1],
                MLFLOW_S3_ENDPOINT_URL=object_store,
                MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
                AWS_DEFAULT_REGION="us-east-1",
                PATH=f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
                **STORE_KEYS,
            )
        )
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = ADMIN
        try:
            for name, password in (STATISTICIAN, SERVER):
                AuthServiceClient(url).create_user(name, password)
        finally:
            del os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]
        return Team(url, folder)

    yield start
    for program in started:
        program.stop()


@pytest.fixture(scope="module")
def team(mlflow_server, postgresql) -> Team:
    made = mlflow_server(BUCKET, postgresql.new_database().replace("postgresql://", "postgresql+psycopg://"))
    # a trial from which a model comes that can be recalibrated
    for patients, seed, folder in (("60", "4", "trial"), ("300", "3", "others")):
        done = made.person(STATISTICIAN).run("simulate", "--patients", patients, "--seed", seed, "--out", folder)
        assert done.returncode == 0, done.stderr
    return made


def asked_of(port: int) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict", json.dumps(PATIENT).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_a_model_is_trained_promoted_served_and_taken_back_by_people_who_sign_in(team: Team, object_store: str) -> None:
    rita = team.person(STATISTICIAN)
    trained = (*TRAIN, "--repeats", "1", "--resamples", "20", "--register", "acr20")
    others = ("--baseline", "others/baseline.csv", "--visits", "others/visits.csv")
    again = ("recalibrate", "--model", "models:/acr20@champion", "--study", "ld-il2-ra", *others, "--register", "acr20")
    for version, how in (("1", trained), ("2", (*again, "--at-most", "recalibrate"))):
        done = rita.run(*how)
        assert done.returncode == 0, done.stderr
        assert f"egistered as acr20, version {version}" in done.stdout, done.stdout
        done = rita.run("promote", "acr20", version, "--override", "--reason", "of the tests")
        assert done.returncode == 0, done.stderr
    s3 = client_of(object_store)
    kept = [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert sum(key.endswith("/manifest.json") for key in kept) == 2

    served = subprocess.Popen(
        [sys.executable, "-m", "acrcast.cli", "serve", "--model", "models:/acr20@champion", "--port", "0"],
        env=team.person(
            SERVER, ACRCAST_AUDIT="0", ACRCAST_MODEL_REFRESH_SECONDS="1", ACRCAST_UNREADY_SECONDS="0"
        ).environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        port = int(served.stdout.readline().split()[2].rstrip("/").rpartition(":")[2])
        second = asked_of(port)["model"]
        done = rita.run("rollback", "acr20", "--reason", "of the tests")
        assert done.returncode == 0, done.stderr
        assert "models:/acr20@champion is version 1 again" in done.stdout
        for _ in range(600):
            if (first := asked_of(port)["model"]) != second:
                break
            time.sleep(0.1)
        assert first["digest"] != second["digest"]
    finally:
        served.terminate()
        served.wait(timeout=20)
        served.stdout.close()


def test_who_may_only_read_does_not_promote(team: Team) -> None:
    refused = team.person(SERVER).run("promote", "acr20", "1", "--alias", "challenger")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"acrcast: acr20 version 1: {team.url}: the MLflow server does not let this user do that: ask who manages it there\n",
    )


def test_a_server_that_does_not_know_who_asks_is_said_before_the_work_begins(team: Team) -> None:
    refused = team.person(("rita", "another password")).run(*TRAIN, "--register", "acr20")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"acrcast: {team.url}: the MLflow server does not know who asks: set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN\n"
    )
    assert "Candidates" not in refused.stdout


def test_a_server_that_is_down_is_said_before_the_work_begins(team: Team) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    refused = team.person(STATISTICIAN, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0").run(*TRAIN, "--tracking-uri", nobody)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"acrcast: {nobody}: the MLflow server does not answer: is it running, and is MLFLOW_TRACKING_URI right?\n"
    )


def test_a_bucket_that_is_not_there_is_said_before_the_work_begins(mlflow_server, team: Team, tmp_path: Path) -> None:
    elsewhere = mlflow_server("no-such-bucket", f"sqlite:///{tmp_path / 'mlflow.db'}")
    desk = Desk(
        team.folder, elsewhere.person(STATISTICIAN, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0").signed_in, elsewhere.url
    )
    refused = desk.run(*TRAIN, "--register", "acr20")
    assert refused.returncode == 1, refused.stdout
    assert refused.stderr.startswith(
        f"acrcast: {elsewhere.url}: MLflow's artefact store fails: does its bucket or folder exist, and has whoever writes to it "
        "credentials? It said: "
    )
    assert refused.stderr.count("\n") == 1


def test_a_server_that_does_not_go_by_the_name_it_is_asked_by_says_so(team: Team, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        str(SCRIPTS / "mlflow"), "server", "--host=127.0.0.1", f"--port={port}", "--workers=1", "--allowed-hosts=mlflow.example",
        f"--backend-store-uri=sqlite:///{tmp_path / 'mlflow.db'}", f"--artifacts-destination={tmp_path / 'artefacts'}",
    ]  # fmt: skip
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    server = Program(command, f"{url}/health", tmp_path / "log", PATH=path, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
    try:
        refused = team.person(STATISTICIAN).run(*TRAIN, "--tracking-uri", url)
    finally:
        server.stop()
    assert (refused.returncode, refused.stderr) == (
        1,
        f"acrcast: {url}: the MLflow server is not asked by this name: it needs --allowed-hosts with it\n",
    )
