"""A small made-up model of any study, saved and loaded like a real one, and clients of the real application."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import pytest

from acrcast import artefact
from acrcast.contract import Contract, Covariates
from acrcast.estimators.design import Terms
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast.estimators.rows import Preparation, TrialRows
from acrcast.prediction import ModelIdentity
from acrcast.response_model import ResponseModel
from acrcast.studies import Study, load_study
from acrcast.support import TrainingRange
from acrcast_service.app import create_app
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.opening import open_chain
from acrcast_service.settings import PREFIX, Settings

PATIENTS, MEMBERS = 300, 200

ACRCAST = (sys.executable, "-m", "acrcast.cli")


class Client:
    """Calls an application in this process, through the whole of it; an exception that leaves it fails the test.

    started: whether the application has started.
    """

    def __init__(self, app: Any, *, started: bool = True) -> None:
        self._runner = asyncio.Runner()
        self._running = AsyncExitStack()
        if started:
            self._runner.run(self._running.enter_async_context(app.router.lifespan_context(app)))
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://acrcast.test")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._http.request(method, path, **more))

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def predict(self, body: Any, **headers: str) -> httpx.Response:
        """body: bytes as they are sent, or a patient to be written as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/predict", content=content, headers={"content-type": "application/json"} | headers)

    def predict_stream(self, pieces: AsyncIterator[bytes]) -> httpx.Response:
        """The body in pieces, without a declared length."""
        return self.request("POST", "/predict", content=pieces, headers={"content-type": "application/json"})

    def close(self) -> None:
        self._runner.run(self._http.aclose())
        self._runner.run(self._running.aclose())
        self._runner.close()


@pytest.fixture(scope="session")
def a_patient() -> Callable[..., dict[str, Any]]:
    """A patient of ld-il2-ra with every measure taken by the study's assays; name only what matters."""
    patient = {
        "age_years": 54,
        "sex": "female",
        "disease_duration_years": 4.5,
        "treg_percent_of_cd4": 5.2,
        "il21_pg_per_ml": 85.0,
        "tender_joint_count_28": 14,
        "swollen_joint_count_28": 9,
        "patient_global_mm": 65,
        "physician_global_mm": 60,
        "pain_mm": 68,
        "haq_di": 1.5,
        "esr_mm_per_h": 48,
        "crp_mg_per_l": 22.0,
        "rf_positive": True,
        "anti_ccp_positive": True,
        "methotrexate_mg_per_week": 12.5,
        "current_smoker": False,
        "treg_gating": "CD25+FoxP3+",
        "il21_assay": "ELISA",
    }
    return lambda **changed: patient | changed


def save_model(study: Study, folder: Path, seed: int = 7) -> Path:
    """A logistic model of the study with made-up coefficients; not trained, and good for nothing but its form."""
    rng = np.random.default_rng(seed)
    covariates = _made_up(study.contract, rng)
    terms = Terms.of(study)
    rows = TrialRows.of(study, covariates, rng.random(PATIENTS) < 0.5, rng.random(PATIENTS) < 0.5)
    preparation = Preparation.fit(rows, np.ones(PATIENTS))
    standardised = preparation.standardisation.apply(rows.scaled)
    point = rng.normal(0, 0.2, terms.size)
    identity = ModelIdentity("made-up", "1", "", "simulated")
    model = ResponseModel(
        study=study,
        identity=identity,
        card={"title": "A made-up model"},
        candidate="small set",
        estimate_conditions_on="everything measured",
        terms=terms,
        preparation=preparation,
        training_range=TrainingRange.fit(covariates, standardised[None], preparation.conditional),
        ensemble=LogisticEnsemble(terms, point, point + rng.normal(0, 0.15, (MEMBERS, terms.size))),
        nodes=rng.standard_normal((MEMBERS, len(terms.columns))),
        averages={arm.key: np.linspace(0.4, 0.6, 201) for arm in study.arms},
    )
    provenance = artefact.Provenance("made-up", "1", "simulated", "none", "none", "2026-01-01T00:00:00Z", {})
    artefact.save(model, provenance, folder)
    return folder


def _made_up(contract: Contract, rng: np.random.Generator) -> Covariates:
    columns = []
    for field in contract.covariates:
        if field.kind in ("yes_no", "category"):
            columns.append(rng.integers(0, max(len(field.levels), 2), PATIENTS).astype(float))
        else:
            columns.append(np.round(rng.uniform(field.low or 0, field.high or 100, PATIENTS)))
    values = np.stack(columns, axis=1)
    assays = {field.name: np.full(PATIENTS, "") for field in contract.assays}
    return Covariates(contract, values, np.zeros(values.shape, dtype=bool), assays)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(load_study("ld-il2-ra"), tmp_path_factory.mktemp("model") / "ld-il2-ra")


@pytest.fixture(scope="session")
def boosted_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion of boosted trees, fitted to a simulated trial."""
    from acrcast_training.data.cohort import load_cohort
    from acrcast_training.data.simulator import SimulationOptions, simulate, write
    from acrcast_training.fit import fit_model

    folder = tmp_path_factory.mktemp("boosted")
    baseline, visits, _ = write(simulate(SimulationOptions(patients=120, seed=1)), folder)
    cohort = load_cohort(load_study("ld-il2-ra"), baseline=baseline, visits=visits)
    provenance = artefact.Provenance("boosted", "1", "simulated", "none", "none", "2026-01-01T00:00:00Z", {})
    artefact.save(fit_model(cohort, "xgboost", seed=1), provenance, folder / "model")
    return folder / "model"


@pytest.fixture(scope="session")
def model(model_folder: Path) -> ResponseModel:
    return artefact.load(model_folder)


@pytest.fixture(scope="session")
def own_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's study file: one arm, three fields."""
    path = tmp_path_factory.mktemp("study") / "one_arm.py"
    path.write_text(
        '''"""A trial of one arm."""
from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study


class OneArmPatient(Patient):
    """Baseline of a patient of a one-arm trial."""

    age_years: Annotated[float, Field(ge=18, le=90), Measure(label="Age", unit="years")]
    stage: Annotated[Literal["I", "II", "III"], Measure(label="Stage")]
    marker_ng_per_ml: Annotated[
        float | None, Field(ge=0, le=900, examples=[12.5]), Measure(label="Marker", unit="ng/mL")
    ] = None


STUDY = Study(
    key="one-arm",
    title="A drug in a disease",
    patient=OneArmPatient,
    arms=(Arm("drug", "The drug"),),
    endpoint=OutcomeColumn("Response at week 8", "response", frozenset({"yes"}), frozenset({"no"})),
    intended_use="Research use only: not a medical device.",
)
'''
    )
    return path


@pytest.fixture(scope="session")
def one_arm_folder(own_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(load_study(str(own_study)), tmp_path_factory.mktemp("one-arm-model") / "model")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The defaults, whatever the machine's environment says, and a state of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(PREFIX + name.upper(), raising=False)
        patch.setenv(PREFIX + "STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def serving() -> Iterator[Callable[..., Client]]:
    """Makes a client of an application; closed at the end."""
    with ExitStack() as stack:
        yield lambda app, **how: stack.enter_context(closing(Client(app, **how)))


@pytest.fixture(scope="session")
def client(serving: Callable[[Any], Client], model: ResponseModel) -> Client:
    return serving(create_app(Settings(), model))


class Traffic:
    """Clients that ask for the same patient again and again, each on a connection that it keeps while it may.

    answers: of status 200, read whole. others: every other status. failures: requests without an answer, by what happened.
    """

    def __init__(self, port: int, patient: dict[str, Any], clients: int = 4) -> None:
        self._port, self._body = port, json.dumps(patient).encode()
        self.answers: list[dict[str, Any]] = []
        self.others: list[int] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Nobody asks any more; who has asked waits for the answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, answers: int) -> None:
        """Until so many more were answered."""
        with self._changed:
            wanted = len(self.answers) + answers
            assert self._changed.wait_for(lambda: len(self.answers) >= wanted or self.failures, 60)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            try:
                connection.request("POST", "/predict", self._body, {"content-type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                with self._changed:
                    self.failures.append(type(error).__name__)
                    self._changed.notify_all()
                break
            with self._changed:
                if answer.status == 200:
                    self.answers.append(json.loads(content))
                else:
                    self.others.append(answer.status)
                self._changed.notify_all()
        connection.close()


@pytest.fixture(scope="session")
def traffic(a_patient: Callable[..., dict[str, Any]]) -> Callable[..., Traffic]:
    """`with traffic(port) as load:` asks for one patient until it ends."""
    return lambda port, clients=4: Traffic(port, a_patient(), clients)


@dataclass
class Running:
    """A server in a process of its own. greeting: the line it printed when it began to listen."""

    process: subprocess.Popen[str]
    greeting: str

    @property
    def url(self) -> str:
        return self.greeting.split()[2]

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def _starting() -> Iterator[Callable[..., Running]]:
    started: list[subprocess.Popen[str]] = []

    def begin(*options: str, **environment: str) -> Running:
        # a file, not a pipe: a server whose lines nobody reads would stop at a full pipe
        lines = tempfile.NamedTemporaryFile("w+")  # noqa: SIM115  closed with the process
        process = subprocess.Popen(
            [*ACRCAST, "serve", *options],
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
            # a test that is not about stopping stops at once
            env=os.environ | {"ACRCAST_UNREADY_SECONDS": "0"} | environment,
        )
        process.stderr = Path(lines.name).open()  # noqa: SIM115  closed with the process
        started.append(process)
        greeting = process.stdout.readline()
        assert greeting, process.stderr.read()
        return Running(process, greeting)

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts `acrcast serve` with options and waits until it listens; ended with the test."""
    yield from _starting()


@pytest.fixture(scope="module")
def start_for_module() -> Iterator[Callable[..., Running]]:
    """The same, ended with the module."""
    yield from _starting()


@pytest.fixture(scope="session")
def serve_and_fail() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `acrcast serve` with options that must end it at once."""

    def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ACRCAST, "serve", *options],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=os.environ | environment,
        )

    return run


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'acrcast.db'}"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture
def audit_settings(database: str, tmp_path: Path) -> Settings:
    return Settings(database=database, audit_key_file=tmp_path / "audit.key")


@pytest.fixture
def chain(audit_settings: Settings) -> Iterator[Chain]:
    """An empty chain in a database of each kind."""
    chain = open_chain(audit_settings, may_make=True)
    yield chain
    chain.engine.dispose()
