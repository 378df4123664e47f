"""An audit as a server leaves it: its own code appends the records, at times that a test chooses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from acrcast import artefact
from acrcast.contract import OnePatient, Patient
from acrcast.estimators.normal import expit, logit
from acrcast.response_model import ResponseModel
from acrcast_service.answers import written
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.export import exported
from acrcast_service.audit.records import OUTCOME, PREDICTION, SHADOW, Entry, seal, time_text
from acrcast_service.audit.trail import open_chain
from acrcast_service.prediction.service import predict_patient
from acrcast_service.settings import Settings
from acrcast_service.store.database import writing
from acrcast.answer import Bedside
from acrcast.outcome import Outcome
from acrcast_training.data.simulator import SimulationOptions, simulate

BEGIN = datetime(2025, 1, 6, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Clinic:
    """A place that asks about its patients and says what happened. Its audit is a real one."""

    chain: Chain
    folder: Path

    def append(self, time: datetime, **members: Any) -> str:
        """One record at that time. Returns its id."""
        entry = Entry(**({"record_id": str(uuid4())} | members))
        with writing(self.chain.engine) as connection:
            self.chain.append(connection, [seal(self.chain.keys, entry, time_text(time))])
        return entry.record_id

    def predict(
        self, model: ResponseModel, patient: Patient, time: datetime, *, subject: str | None = None, tenant: str = "default"
    ) -> str:
        """As POST /predict does it. Returns the prediction's id."""
        bedside = Bedside(model, 0.95)
        prediction = predict_patient(bedside, patient)
        return self.append(
            time,
            kind=PREDICTION,
            record_id=str(prediction.prediction_id),
            inputs=patient.model_dump_json(exclude_none=True).encode(),
            answer=written(prediction),
            subject=subject,
            tenant=tenant,
            model=prediction.model.digest,
            study=prediction.study,
        )

    def export(self, **which: Any) -> Path:
        path = self.folder / f"{uuid4()}.jsonl"
        path.write_bytes(b"".join(exported(self.chain, **which)))
        return path


@pytest.fixture
def clinic(tmp_path):
    settings = Settings(database=f"sqlite:///{tmp_path / 'acrcast.db'}", audit_key_file=tmp_path / "audit.key")
    chain = open_chain(settings, may_make=True)
    yield Clinic(chain, tmp_path)
    chain.engine.dispose()
