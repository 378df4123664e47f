"""What nobody may claim of a model, given what its card and evidence say."""

import math
from collections.abc import Mapping
from typing import Any

from acrcast.headline import headline
from acrcast.response_model import ResponseModel


def not_to_be_claimed(model: ResponseModel) -> tuple[str, ...]:
    """Sentences, the weightiest first. What neither card nor evidence holds was not shown, and may not be claimed."""
    study, individual = model.study, model.tells_patients_apart
    gain, size = headline(model.card).gain, model.card.get("sample_size", {})
    possible = [
        (
            model.identity.training_data == "simulated",
            "Anything about real patients: the data are simulated, and show what the method does.",
        ),
        (True, "That it may guide diagnosis or treatment: it is for research only and no medical device."),
        (True, "That it works in other patients: it was not externally validated."),
        (
            not individual,
            "That it tells patients apart: no candidate beat quoting the response rate, which is what it quotes.",
        ),
        (
            individual and gain is not None and math.isfinite(gain.low) and gain.low <= 0,
            "That it is better than quoting the response rate: the data cannot rule out that it is not.",
        ),
        (
            bool(size) and size["patients"] < size["needed"],
            f"That {size.get('patients')} patients were enough: {size.get('needed')} are asked for.",
        ),
        (
            not study.has_control,
            "That the drug caused a response: with one arm, response to it and what would have happened anyway are one.",
        ),
        (
            study.has_control and individual and not _ranks_benefit(model.evidence),
            "That it finds those who benefit more: the evidence on the order of predicted benefits does not exclude chance.",
        ),
        (
            study.has_control and not individual,
            "That the benefit differs between patients: only the average effect was estimated.",
        ),
        (
            any(part["too_few"] for part in model.evidence.get("subgroups", ())),
            "That it does equally well in all groups: some subgroups are too few to judge.",
        ),
        (
            individual,
            "That a measure causes response because it moves the prediction: the model describes, it does not explain.",
        ),
        (
            True,
            "The apparent figures on their own: those to be expected in new patients, with their intervals, are the result.",
        ),
    ]
    return tuple(sentence for holds, sentence in possible if holds)


def _ranks_benefit(evidence: Mapping[str, Any]) -> bool:
    low = evidence.get("benefit", {}).get("qini", [None, None, None])[1]
    return low is not None and low > 0
