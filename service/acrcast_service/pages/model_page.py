"""The model's page: who reads a prediction finds here what made it, how well it does, and what may not be claimed of it."""

import inspect

from fastapi import Request, Response

from acrcast import pictures
from acrcast.claims import not_to_be_claimed
from acrcast_service.pages.evidence_view import evidence_of
from acrcast_service.pages.languages import language_of, words_of
from acrcast_service.pages.rendering import page
from acrcast_service.pages.source_attributes import source_attributes
from acrcast_service.server_state import state_of


def model_page(request: Request) -> Response:
    served = state_of(request).models.current
    model = served.model
    words = words_of(language_of(request), model.study.patient)
    evidence = evidence_of(model)
    context = {
        "study": model.study,
        "about_patients": inspect.cleandoc(model.study.patient.__doc__ or ""),
        "model": model,
        "card": model.card,
        "found": model.evidence,
        "evidence": evidence,
        "since": served.since,
        "level": round(100 * state_of(request).settings.level),
        "claims": not_to_be_claimed(model),
        "groups": source_attributes(model, evidence),
        "pictures": pictures,
        "titles": {arm.key: words.plain(arm.title) for arm in model.study.arms},
        "say": words.say,
    }
    return page(request, "model.html", words, context)
