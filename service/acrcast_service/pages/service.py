"""The page at `/`: what it shows before anything is asked, and how it answers its own form."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request, Response
from starlette.background import BackgroundTask

from acrcast.contract import Patient
from acrcast.derived import scores_of
from acrcast.errors import InputError, Problem
from acrcast.studies import Study
from acrcast_service.answers import written
from acrcast_service.api_docs.schemas import example_patient
from acrcast_service.audit.records import PREDICTION, Entry
from acrcast_service.auth.callers import PREDICT, Caller
from acrcast_service.model_store import ServedModel
from acrcast_service.observation.middleware import note_predictions
from acrcast_service.pages.answer_view import AnswerView, ScoreView, answer_view, scores_view
from acrcast_service.pages.evidence_view import evidence_of
from acrcast_service.pages.form import Entry as FormEntry
from acrcast_service.pages.form import Typed, entries, known_numbers, patient_json
from acrcast_service.pages.languages import language_of, words_of
from acrcast_service.pages.pinned import Pinned, pinned_in, to_pin
from acrcast_service.pages.recorded_view import as_typed
from acrcast_service.pages.rendering import page
from acrcast_service.pages.same_origin import check_same_origin
from acrcast_service.pages.sent_form import read_form, sender_of
from acrcast_service.prediction.service import predict_patient
from acrcast_service.problems import INVALID_INPUT, HttpProblem, ProblemType
from acrcast_service.server_state import state_of

# The form's own entries: the answer that is shown, one that is kept to compare with, and whether to.
SHOWN, PINNED, KEEP = "page.shown", "page.pinned", "page.keep"
# The form is sent without asking for a prediction: to be shown in another language.
ONLY_FORM = "page.only-form"

NOTHING_TYPED: Typed = {}


@dataclass(frozen=True, slots=True)
class Answered:
    """A recorded prediction as it is shown. at: UTC."""

    view: AnswerView
    at: str
    then: BackgroundTask | None


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that differs from the pinned answer's."""

    before: FormEntry
    now: FormEntry


def empty_page(request: Request) -> Response:
    """The form, empty or with the contract's example patient."""
    study = state_of(request).models.current.model.study
    return _page(request, _example(study) if "example" in request.query_params else NOTHING_TYPED)


async def form_answered(request: Request) -> Response:
    """The page with the answer, which leaves after its record; or with what was typed and what is wrong with it.

    Raises HttpProblem when this is not the page's form.
    """
    check_same_origin(request)
    served = state_of(request).models.current
    form = await read_form(request)
    if ONLY_FORM in form:
        return _page(request, form)
    try:
        caller = await sender_of(request, form, PREDICT)
        body = patient_json(served.bedside.contract, form)
        answered = await _predicted(request, served, caller, served.patients.read(body), body)
    except InputError as error:
        return _page(request, form, problems=error.problems, status=INVALID_INPUT.status)
    except HttpProblem as refused:
        response = _page(request, form, refused=refused.kind, status=refused.kind.status)
        response.headers.update(refused.headers or {})
        return response
    response = _page(request, form, answered=answered)
    response.background = answered.then
    return response


async def scores_answered(request: Request) -> Response:
    """The scores of disease activity that the numbers typed so far allow, as a part of the page. Nothing is kept of them."""
    check_same_origin(request)
    study = state_of(request).models.current.model.study
    form = await read_form(request)
    await sender_of(request, form, PREDICT)
    words = words_of(language_of(request), study.patient)
    return page(request, "scores.html", words, {"scores": _scores(request, form)})


async def _predicted(request: Request, served: ServedModel, caller: Caller, patient: Patient, body: bytes) -> Answered:
    """Predicts, records, and counts, as `POST /predict` does."""
    server = state_of(request)
    prediction = predict_patient(served.bedside, patient)
    entry = Entry(
        PREDICTION,
        prediction.prediction_id,
        inputs=body,
        answer=written(prediction),
        tenant=caller.tenant,
        caller=caller.name,
        model=prediction.model.digest,
        study=prediction.study,
    )
    await server.audit.record(entry)
    note_predictions(request.scope, prediction.model.digest, prediction.support.status)
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Answered(answer_view(prediction, served.model.study), at, server.shadow.after(patient, entry))


def _page(
    request: Request,
    typed: Typed,
    *,
    answered: Answered | None = None,
    problems: tuple[Problem, ...] = (),
    refused: ProblemType | None = None,
    status: int = 200,
) -> Response:
    server = state_of(request)
    model = server.models.current.model
    study = model.study
    shown = entries(study.contract, study.assays, typed, problems)
    pinned = pinned_in(typed.get(PINNED) or typed.get(SHOWN, "")) if KEEP in typed else None
    context: Mapping[str, object] = {
        "study": study,
        "about_patients": inspect.cleandoc(study.patient.__doc__ or ""),
        "model": model,
        "evidence": evidence_of(model),
        "level": round(100 * server.settings.level),
        "entries": shown,
        "problems": problems,
        "elsewhere": [problem for problem in problems if problem.field not in study.contract],
        "refused": refused,
        "answer": answered.view if answered else None,
        "answered_at": answered.at if answered else "",
        "scores": _scores(request, typed),
        "asks_key": server.auth.asks,
        "has_example": bool(_example(study)),
        "shown": to_pin(answered.view, typed) if answered else "",
        "pinned": pinned,
        "pinned_text": pinned.model_dump_json() if pinned else "",
        "changes": _changes(study, shown, pinned) if pinned else [],
    }
    return page(request, "predict.html", words_of(language_of(request), study.patient), context, status=status)


def _scores(request: Request, typed: Typed) -> list[ScoreView]:
    bedside = state_of(request).models.current.bedside
    patient = known_numbers(bedside.contract, typed)
    return scores_view(scores_of(bedside.contract.names), bedside.scores(patient), bedside.contract, patient)


def _changes(study: Study, shown: list[FormEntry], pinned: Pinned) -> list[Change]:
    before = entries(study.contract, study.assays, pinned.typed)
    return [
        Change(old, new)
        for old, new in zip(before, shown, strict=True)
        if (old.typed.strip(), old.typed.strip() and old.unit) != (new.typed.strip(), new.typed.strip() and new.unit)
    ]


def _example(study: Study) -> Typed:
    """The contract's example patient as it would be typed; empty where the study gives none."""
    found = example_patient(study) or {}
    return {name: as_typed(value) for name, value in found.items()}
