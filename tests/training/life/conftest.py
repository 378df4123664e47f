"""An audit as a server leaves it: the server's own code makes and appends the records, at times that a test chooses."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from docs.life.clinic import asked

from acrcast import artefact
from acrcast.answer import Bedside
from acrcast.cli import main
from acrcast.contract import Covariates
from acrcast.estimators.normal import expit
from acrcast.studies import load_study
from acrcast_service.answers import written
from acrcast_service.audit.export import exported
from acrcast_service.audit.opening import open_chain
from acrcast_service.audit.records import OUTCOME, PREDICTION, Entry, seal, time_text
from acrcast_service.prediction.service import predict_patient
from acrcast_service.settings import Settings
from acrcast_service.store.database import writing
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.patients import patients_of_frame
from acrcast_training.data.simulator import SimulationOptions, simulate
from acrcast_training.fit import fit_model
from acrcast_training.provenance import provenance

BEGIN = datetime(2025, 1, 6, 9, tzinfo=UTC)
DAY = timedelta(days=1)

ONE_ARM = '''
from typing import Annotated, Literal
from pydantic import Field
from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study

class OnePatient(Patient):
    """Baseline of a trial of one arm."""
    marker: Annotated[float, Field(ge=-9, le=9), Measure(label="Marker")]
    stage: Annotated[Literal["I", "II"] | None, Measure(label="Stage")] = None

STUDY = Study(
    key="one", title="One arm", patient=OnePatient, arms=(Arm("drug", "Drug"),), intended_use="Research use only.",
    endpoint=OutcomeColumn("Response", "response", frozenset({"yes"}), frozenset({"no"})), prespecified=("marker",),
)
'''


@dataclass
class Clinic:
    """A place that asks a model about its patients and says what happened. records: handed to the audit by `export`."""

    model: object
    folder: Path
    records: list = field(default_factory=list)

    def __post_init__(self):
        database, key = f"sqlite:///{self.folder / 'acrcast.db'}", self.folder / "audit.key"
        self.chain = open_chain(Settings(database=database, audit_key_file=key), may_make=True)
        self.bedside = Bedside(self.model, 0.95)

    def predict(self, patient, time, *, subject=None, tenant="default", **changed):
        """As `POST /predict` does it. Returns the record."""
        prediction = predict_patient(self.bedside, patient)
        entry = Entry(
            PREDICTION,
            prediction.prediction_id,
            inputs=patient.model_dump_json(exclude_none=True).encode(),
            answer=written(prediction),
            subject=subject,
            tenant=tenant,
            model=prediction.model.digest,
            study=prediction.study,
        )
        self.records.append((time, entry._replace(**changed)))
        return self.records[-1][1]

    def outcome(self, prediction, time, *, responded, **said):
        """As `POST /outcomes` does it."""
        content = {
            "prediction_id": prediction.record_id,
            "responded": responded,
            "observed_on": f"{time:%Y-%m-%d}",
            "source": "chart",
        }
        self.records.append(
            (
                time,
                Entry(
                    OUTCOME,
                    str(uuid4()),
                    inputs=json.dumps(content | said).encode(),
                    subject=prediction.subject or prediction.record_id,
                    tenant=prediction.tenant,
                    model=prediction.model,
                    study=prediction.study,
                    about=prediction.record_id,
                ),
            )
        )

    def export(self, **which):
        """The file that `acrcast audit export` writes."""
        with writing(self.chain.engine) as connection:
            found = sorted(self.records, key=lambda record: record[0])
            self.chain.append(connection, [seal(self.chain.keys, entry, time_text(time)) for time, entry in found])
        self.records = []
        path = self.folder / f"{uuid4()}.jsonl"
        path.write_bytes(b"".join(exported(self.chain, **which)))
        return path

    def follow(self, people, responded, *, arms, per_day=1, days_until_known=170, tenant=lambda _: "default"):
        """One prediction a patient, and its outcome where `responded` has one."""
        for i, patient in enumerate(people):
            time = BEGIN + (i // per_day) * DAY
            prediction = self.predict(patient, time, subject=f"P{i}", tenant=tenant(i))
            if responded[i] is not None:
                said = {"arm": arms[i]} if arms is not None else {}
                self.outcome(prediction, time + days_until_known * DAY, responded=bool(responded[i]), **said)


def people_of(study, covariates: Covariates) -> Iterable:
    """Patients as the service reads them."""
    return (study.patient.model_validate_json(json.dumps(patient)) for patient in asked(covariates))


@dataclass(frozen=True)
class People:
    """Simulated patients of ld-il2-ra who ask about the released model. risk: as served, in the own arm."""

    patients: list
    arms: list
    risk: np.ndarray

    def outcomes(self, seed=1, risk=None):
        drawn = np.random.default_rng(seed).random(len(self.patients))
        return (drawn < (self.risk if risk is None else risk)).tolist()


@pytest.fixture(scope="session")
def released():
    return artefact.load(artefact.RELEASED)


@pytest.fixture(scope="session")
def people(released):
    """240 of them."""
    trial = simulate(SimulationOptions(patients=240, seed=77))
    baseline = trial.baseline.drop(columns=["patient_id", "arm", "data_kind"])
    covariates = patients_of_frame(released.study, baseline)
    arms = trial.baseline["arm"].tolist()
    risks = released.risks(covariates)
    treated = np.array(arms) == released.study.treated.key
    risk = np.where(treated, risks.treated.probability, risks.control.probability)
    return People(list(people_of(released.study, covariates)), arms, risk)


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(capfd, tmp_path, monkeypatch):
    """Runs `acrcast` with these arguments in this process, in a folder of its own, as the program does."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["acrcast", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return Done(left.value.code, *capfd.readouterr())

    return run


@pytest.fixture
def clinic(released, tmp_path):
    made = Clinic(released, tmp_path)
    yield made
    made.chain.engine.dispose()


@pytest.fixture(scope="session")
def one_arm(tmp_path_factory):
    """A model of one arm, trained on 120 patients, and where its study and itself are."""
    folder = tmp_path_factory.mktemp("one-arm")
    (folder / "one.py").write_text(ONE_ARM)
    study = load_study(str(folder / "one.py"))
    rng = np.random.default_rng(3)
    marker = np.round(rng.normal(0, 1, 120), 2)
    yes = rng.random(120) < expit(marker)
    rows = [
        f"Q{i},{m},{'I' if i % 3 else 'II'},{'yes' if y else 'no'}"
        for i, (m, y) in enumerate(zip(marker, yes, strict=True))
    ]
    (folder / "table.csv").write_text("\n".join(["patient_id,marker,stage,response", *rows]) + "\n")
    cohort = load_cohort(study, table=folder / "table.csv")
    data = {"patients": 120, "missing_share": {}, "fingerprint": cohort.fingerprint}
    card = {"training_data": data}
    artefact.save(fit_model(cohort, "prespecified", seed=1, card=card), provenance(cohort, "one", 1), folder / "model")
    return folder, artefact.load(folder / "model", study)
