"""From a hook to cards: who the patient is, what is known, what the model says of it, and that it is recorded."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from acrcast.contract import Patient
from acrcast.errors import InputError, Problem
from acrcast.prediction import Prediction
from acrcast.studies import Study
from acrcast_service.audit.records import PREDICTION, Entry
from acrcast_service.auth.callers import Caller
from acrcast_service.auth.signed_links import signed_link
from acrcast_service.basis.service import ORIGIN
from acrcast_service.cds_hooks.cards import missing_card, notes_of, prediction_card, was_examined
from acrcast_service.cds_hooks.discovery import ORDER_SELECT, PATIENT_VIEW, CdsService
from acrcast_service.cds_hooks.eligibility import has, selects, takes
from acrcast_service.cds_hooks.prefetch import gathered
from acrcast_service.cds_hooks.requests import HookRequest
from acrcast_service.cds_hooks.resources import Resource
from acrcast_service.cds_hooks.schemas import Cards, Source
from acrcast_service.fhir.entries import entries_of
from acrcast_service.fhir.person import PATIENT
from acrcast_service.fhir.reading import Reading
from acrcast_service.fhir.record import read_resources
from acrcast_service.prediction.service import predict_patient
from acrcast_service.server_state import ServerState

# Problems of a single value, which who looks after the patient can put right. Others are the record system's.
OF_A_VALUE = frozenset({"value", "unit", "code", "ambiguous"})


@dataclass(frozen=True, slots=True)
class Answer:
    """cards: what leaves. predicted: the patient, the prediction and its record, which is on disk; None without one."""

    cards: Cards
    predicted: tuple[Patient, Prediction, Entry] | None = None


NOTHING = Answer(Cards(()))


async def answer_hook(
    server: ServerState, caller: Caller, service: CdsService, asked: HookRequest, address: str
) -> Answer:
    """One card, or none for a patient that the study does not ask about. address: of this server, for the card's links.

    Raises DataMissing when data cannot be had, InputError when the request or the record is wrong, HttpProblem (503).
    """
    served = server.models.current
    study, source = served.model.study, Source("acrcast, a research model", f"{address}/")
    if asked.hook != service.hook:
        raise InputError([Problem("hook", f"expected {service.hook}, the hook of this service")])
    if service.hook == ORDER_SELECT and not selects(asked.context, study.treated):
        return NOTHING
    resources = await gathered(service.prefetch, asked, server.fhir)
    window = timedelta(days=server.settings.fhir_window_days)
    reading = await asyncio.to_thread(_read, study, resources, window)
    if reading is None:
        return NOTHING
    needed = [field for field in study.contract if field.required and field.name not in reading.values]
    if needed or reading.problems:
        # whoever opens the record of somebody who was not examined lately has not asked for this
        if service.hook == PATIENT_VIEW and not was_examined(reading):
            return NOTHING
        return Answer(Cards((missing_card(study, needed, reading, source),)))
    patient = served.patients.of_values(reading.values)
    prediction = predict_patient(served.bedside, patient)
    entry = _entry(caller, asked, study, reading, prediction)
    await server.audit.record(entry)
    card = prediction_card(study, prediction, reading, source, _basis(server, prediction, address))
    return Answer(Cards((card,)), (patient, prediction, entry))


def _read(study: Study, resources: Sequence[Resource], window: timedelta) -> Reading | None:
    """What the record says of the patient; None for one that the study does not ask about.

    Raises InputError for what is wrong in the record other than single values.
    """
    if study.diagnosis is None or not has(resources, study.diagnosis) or takes(resources, study.treated):
        return None
    reading = read_resources(entries_of(resources), study, at=datetime.now(UTC), window=window)
    others = [problem for problem in reading.problems if problem.code not in OF_A_VALUE]
    if others:
        raise InputError(others)
    return reading


def _entry(caller: Caller, asked: HookRequest, study: Study, reading: Reading, prediction: Prediction) -> Entry:
    """The prediction's record; its subject is the patient by the record system's own reference."""
    return Entry(
        PREDICTION,
        prediction.prediction_id,
        inputs=orjson.dumps(reading.values),
        answer=orjson.dumps(prediction.as_answer() | {ORIGIN: _origin(study, asked, reading)}),
        subject=f"{PATIENT}/{asked.context.patient_id}",
        tenant=caller.tenant,
        caller=caller.name,
        model=prediction.model.digest,
        study=prediction.study,
    )


def _origin(study: Study, asked: HookRequest, reading: Reading) -> dict[str, object]:
    """What the record of the prediction keeps of where its values came from. Members that are not known are left out."""
    values: dict[str, dict[str, str]] = {}
    for used in reading.used:
        values[used.measure] = {"from": used.name or used.place, "sent": used.sent}
        # the day of birth is not needed: the age is there
        if used.time is not None and used.type != PATIENT:
            values[used.measure]["date"] = used.time
        if used.choice is not None:
            values[used.measure]["choice"] = used.choice
    notes = list(notes_of(study.contract, reading))
    return {"hook": asked.hook, "hook_instance": asked.hook_instance, "values": values, "notes": notes}


def _basis(server: ServerState, prediction: Prediction, address: str) -> str | None:
    if not server.audit.is_on:
        return None
    return address + signed_link(server.audit.chain.keys, f"/basis/{prediction.prediction_id}")
