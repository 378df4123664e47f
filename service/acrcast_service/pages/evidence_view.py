"""What the evidence section says, from the model's card. A card may hold less: what is not on it is None or empty."""

from dataclasses import dataclass

from acrcast.headline import Headline, headline
from acrcast.response_model import ResponseModel


@dataclass(frozen=True, slots=True)
class ArmFlow:
    """Patients of one arm of the training data, and how many responded."""

    title: str
    patients: int
    responders: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """is_trial: trained on patients of a trial, not simulated ones. figures: to be expected in new patients like these."""

    is_trial: bool
    patients: int | None
    flow: tuple[ArmFlow, ...]
    verdict: str
    figures: Headline
    sample_size: str
    externally_validated: bool
    assumptions: tuple[str, ...]


def evidence_of(model: ResponseModel) -> Evidence:
    card = model.card
    training, validation = card.get("training_data", {}), card.get("validation", {})
    titles = {arm.key: arm.title for arm in model.study.arms}
    return Evidence(
        is_trial=model.identity.training_data == "trial",
        patients=training.get("patients"),
        flow=tuple(
            ArmFlow(titles.get(arm["arm"], arm["arm"]), arm["randomised"], arm["responders"])
            for arm in training.get("flow", ())
        ),
        verdict=_as_sentence(str(card.get("verdict", ""))),
        figures=headline(card),
        sample_size=str(card.get("sample_size", {}).get("verdict", "")),
        externally_validated=bool(validation.get("externally_validated", False)),
        assumptions=tuple(str(words) for words in card.get("assumptions", ())),
    )


def _as_sentence(text: str) -> str:
    """It may begin with the name of a candidate."""
    return text[:1].upper() + text[1:]
