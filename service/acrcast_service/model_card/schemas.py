"""What `GET /model` answers."""

from dataclasses import dataclass

from acrcast.contract import ContractField
from acrcast.prediction import ModelIdentity
from acrcast.studies import Arm


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """The model that answers now, and the patient that it asks for.

    serving_since: when it began to answer here, UTC. control: key of the control arm; absent with one arm. level: of the intervals in answers.
    fields: each with its label, unit, range and codes; `low` and `high` are valid themselves.
    """

    model: ModelIdentity
    serving_since: str
    study: str
    title: str
    endpoint: str
    arms: tuple[Arm, ...]
    control: str | None
    level: float
    effect_modifiers: tuple[str, ...]
    fields: tuple[ContractField, ...]
    intended_use: str
