"""A history in an audit: predictions and outcomes as the server records them, at times that a test chooses."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from acrcast.answer import Bedside
from acrcast.response_model import DEFAULT_LEVEL, ResponseModel
from acrcast_service.answers import written
from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import OUTCOME, PREDICTION, SHADOW, Entry, seal, time_text
from acrcast_service.prediction.service import predict_patient
from acrcast_service.store.database import writing


class History:
    """Of one tenant. model: the one that answered."""

    def __init__(self, chain: Chain, model: ResponseModel, tenant: str = "north") -> None:
        self._chain, self._tenant, self._model = chain, tenant, model
        self._bedside = Bedside(model, DEFAULT_LEVEL)

    def prediction(self, patient: dict[str, object], days_ago: float = 0, subject: str | None = None, **more: str):
        """The answer that was recorded."""
        answer = self._answer(self._bedside, patient)
        members = {
            "inputs": json.dumps(patient).encode(),
            "answer": written(answer),
            "model": answer.model.digest,
            "study": answer.study,
            "subject": subject,
        }
        self._append(
            Entry(PREDICTION, answer.prediction_id, tenant=self._tenant, caller="ward 7", **members | more), days_ago
        )
        return answer

    def shadow(
        self, answer, patient: dict[str, object], bedside: Bedside, change: Callable[[bytes], bytes] = bytes
    ) -> None:
        """What a challenger predicted behind the answer. change: of its answer as it is recorded."""
        other = self._answer(bedside, patient)
        members = {
            "inputs": json.dumps(patient).encode(),
            "answer": change(written(other)),
            "about": answer.prediction_id,
        }
        more = {"model": other.model.digest, "study": other.study, "subject": answer.prediction_id}
        self._append(Entry(SHADOW, other.prediction_id, tenant=self._tenant, **members | more), 0)

    def outcome(self, answer, *, responded: bool, arm: str | None = "ld-il2+mtx", days_ago: float = 0) -> str:
        """The record_id of it."""
        said = {
            "prediction_id": answer.prediction_id,
            "responded": responded,
            "observed_on": "2026-05-05",
            "source": "registry",
        }
        inputs = json.dumps(said | ({} if arm is None else {"arm": arm})).encode()
        record_id = str(uuid4())
        members = {"inputs": inputs, "about": answer.prediction_id, "model": answer.model.digest, "study": answer.study}
        self._append(Entry(OUTCOME, record_id, tenant=self._tenant, caller="registry", **members), days_ago)
        return record_id

    def _answer(self, bedside: Bedside, patient: dict[str, object]):
        return predict_patient(bedside, self._model.study.patient.model_validate_json(json.dumps(patient)))

    def _append(self, entry: Entry, days_ago: float) -> None:
        time = time_text(datetime.now(UTC) - timedelta(days=days_ago))
        with writing(self._chain.engine) as connection:
            self._chain.append(connection, [seal(self._chain.keys, entry, time)])
