"""Examples of every operation: requests of the study's example patient, and what this model really answers to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson

from acrcast.protocol import Alive, OutcomeRecorded, Ready
from acrcast_service.answers import plain
from acrcast_service.api_docs.schemas import example_patient
from acrcast_service.batch.reading import read_json
from acrcast_service.batch.service import Wanted, head_of, names_of_columns, predict
from acrcast_service.batch.writing import writer_of
from acrcast_service.cds_hooks.cards import prediction_card
from acrcast_service.cds_hooks.discovery import PATIENT_VIEW, CdsServices, services_of
from acrcast_service.cds_hooks.schemas import Cards, Source
from acrcast_service.champion.schemas import Refreshed
from acrcast_service.fhir.canonical import OPERATION
from acrcast_service.fhir.capabilities import capability_statement, operation_definition
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.request import parameters_of
from acrcast_service.fhir.service import exchanged, sent_of, understood
from acrcast_service.model_card.service import describe
from acrcast_service.model_store import ServedModel
from acrcast_service.open_inference.schemas import ModelReady, ServerLive, ServerReady
from acrcast_service.open_inference.service import answer_of, model_metadata, server_metadata
from acrcast_service.open_inference.tensors import datatypes_of, read_request
from acrcast_service.prediction.service import predict_patient

# Where clients might reach a server, and how old measures might be.
ADDRESS = "https://acrcast.example"
WINDOW = timedelta(days=90)
# Of everything that gets a name of its own.
NAME = str(UUID(int=0))
# Of a batch's predictions, which end with the row.
BASE = NAME[:28]


@dataclass(frozen=True, slots=True)
class Example:
    """What is sent to an operation and what comes back; None where there is no body. title: where an operation has several."""

    method: str
    path: str
    sent: Any
    answered: Any
    status: str = "200"
    title: str = ""


def add_examples(paths: dict[str, Any], served: ServedModel, level: float) -> None:
    """level: of intervals. A study whose fields' examples together are no patient has none of predictions."""
    patient = example_patient(served.model.study)
    found = [*_of_any_study(served, level), *(() if patient is None else _of_patient(served, level, patient))]
    for example in found:
        operation = paths[example.path][example.method]
        if example.answered is not None:
            _put(operation["responses"][example.status], example.title, example.answered)
        if example.sent is not None:
            _put(operation["requestBody"], example.title, example.sent)


def _put(body: dict[str, Any], title: str, value: object) -> None:
    content = next(content for media_type, content in body["content"].items() if media_type.endswith("json"))
    if title:
        content.setdefault("examples", {})[title] = {"value": value}
    else:
        content["example"] = value


def _of_any_study(served: ServedModel, level: float) -> Iterator[Example]:
    study, identity, card = served.model.study, served.model.identity, served.model.card_with_promotion
    yield Example("get", "/health/live", None, plain(Alive("alive")))
    yield Example("get", "/health/ready", None, plain(Ready("ready", identity.digest, None, None)))
    yield Example("get", "/model", None, plain(describe(served, level)))
    yield Example("get", "/model/card", None, card)
    yield Example("post", "/admin/model/refresh", None, plain(Refreshed("unchanged", identity.digest, None, None)))
    outcome = {
        "prediction_id": NAME,
        "responded": True,
        "observed_on": "2026-01-31",
        "source": "registry",
        "arm": study.treated.key,
    }
    recorded = plain(OutcomeRecorded(NAME, 1, NAME))
    yield Example("post", "/outcomes", outcome, recorded, "201")
    yield Example("post", "/outcomes", outcome, recorded)
    yield Example("get", "/cds-services", None, plain(CdsServices(services_of(study, date(2026, 1, 31)))))
    told = {"card": NAME, "outcome": "accepted", "outcomeTimestamp": "2026-01-31T12:00:00Z"}
    yield Example("post", "/cds-services/{service_id}/feedback", {"feedback": [told]}, None)
    yield Example("get", "/fhir/metadata", None, capability_statement(study, ADDRESS, served.since))
    yield Example("get", f"/fhir/OperationDefinition/{OPERATION}", None, operation_definition(study, ADDRESS))
    yield Example("get", "/v2", None, plain(server_metadata()))
    yield Example("get", "/v2/health/live", None, plain(ServerLive(live=True)))
    yield Example("get", "/v2/health/ready", None, plain(ServerReady(ready=True)))
    for path in ("/v2/models/{model_name}", "/v2/models/{model_name}/versions/{model_version}"):
        yield Example("get", path, None, plain(model_metadata(served)))
        yield Example("get", f"{path}/ready", None, plain(ModelReady(identity.name, ready=True)))


def _of_patient(served: ServedModel, level: float, patient: dict[str, Any]) -> Iterator[Example]:
    validated = served.model.study.patient.model_validate(patient)
    yield Example("post", "/predict", patient, predict_patient(served.bedside, validated, NAME).as_answer())
    wanted = Wanted(level)
    columns = {name: [value] for name, value in patient.items()}
    for of_many in ({"patients": [patient]}, {"columns": columns}):
        (title,) = of_many
        yield Example("post", "/predict/batch", of_many, _batch(served, of_many, wanted), title=title)
    yield from _of_record_systems(served, patient)
    sent = {"id": "42", "inputs": list(_tensors(served, patient))}
    request, batch = read_request(served, orjson.dumps(sent), most=1)
    answer = answer_of(served, request, batch, wanted, [predict(served, batch, wanted, 0, BASE)])
    for path in ("/v2/models/{model_name}/infer", "/v2/models/{model_name}/versions/{model_version}/infer"):
        yield Example("post", path, sent, plain(answer))


def _of_record_systems(served: ServedModel, patient: dict[str, Any]) -> Iterator[Example]:
    study = served.model.study
    validated = study.patient.model_validate(patient)
    prediction = predict_patient(served.bedside, validated, NAME)
    parameters = parameters_of(patient, study.contract)
    body = orjson.dumps(parameters)
    assessed = sent_of(exchanged(body, understood(served, body, WINDOW), prediction, served))
    yield Example("post", f"/fhir/${OPERATION}", parameters, orjson.loads(assessed))
    asked = {
        "hook": PATIENT_VIEW,
        "hookInstance": NAME,
        "fhirServer": "https://fhir.hospital.example/r4",
        "context": {"patientId": "17"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "17"}},
    }
    card = prediction_card(study, prediction, Reading(), Source("acrcast, a research model", f"{ADDRESS}/"), None)
    yield Example("post", "/cds-services/{service_id}", asked, plain(Cards((card,))))


def _batch(served: ServedModel, sent: dict[str, Any], wanted: Wanted) -> Any:  # noqa: ANN401  any JSON
    batch, form = read_json(served, orjson.dumps(sent), most=1)
    answered = predict(served, batch, wanted, 0, BASE)
    writer = writer_of(form, head_of(served, batch, wanted), names_of_columns(served))
    return orjson.loads(b"".join([writer.begin(), writer.rows(answered), *writer.end(len(answered.rows), 0)]))


def _tensors(served: ServedModel, patient: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, datatypes in datatypes_of(served.model.study.contract).items():
        if name in patient:
            yield {"name": name, "shape": [1], "datatype": datatypes[0], "data": [patient[name]]}
