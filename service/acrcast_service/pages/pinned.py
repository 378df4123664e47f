"""An answer that the next one is compared with. It travels in the form, so that the server keeps nothing of it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acrcast_service.pages.answer_view import AnswerView

People = Annotated[int, Field(ge=-100, le=100)]
Text = Annotated[str, Field(max_length=200)]


class Pinned(BaseModel):
    """What the page showed: people of 100 by the arm's key, the model that said so, and what had been typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: Text
    people: dict[Text, People]
    typed: Annotated[dict[Text, Text], Field(max_length=200)]


def pinned_in(text: str) -> Pinned | None:
    """None when nothing is pinned, or what came is nothing that this page made."""
    try:
        return Pinned.model_validate_json(text)
    except ValidationError:
        return None


def to_pin(shown: AnswerView, typed: Mapping[str, str]) -> str:
    """typed: the form's entries, of which those of the patient's fields are kept."""
    kept = {name: text.strip() for name, text in typed.items() if text.strip() and not name.startswith("page.")}
    people = {arm.key: arm.risk.count for arm in shown.arms}
    return Pinned(model=shown.prediction.model.digest, people=people, typed=kept).model_dump_json()
