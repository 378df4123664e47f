"""What every part of the report draws on: a model with its card, evidence and manifest, and sentences made of them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acrcast.artefact import Manifest
from acrcast.errors import UsageError
from acrcast.headline import headline
from acrcast.promotion import JudgedGate
from acrcast.response_model import ResponseModel
from acrcast_training.gates import Subject, judge


@dataclass(frozen=True)
class Facts:
    """One model, and what its artefact says of it."""

    model: ResponseModel
    manifest: Manifest

    def __post_init__(self) -> None:
        if "form" not in self.model.evidence:
            raise UsageError("this model holds no evidence for a report: train it anew")

    @property
    def card(self) -> Mapping[str, Any]:
        return self.model.card

    @property
    def evidence(self) -> Mapping[str, Any]:
        return self.model.evidence

    @property
    def individual(self) -> bool:
        """Whether patients of one arm get different risks; not where the arm's response rate is served."""
        return self.model.tells_patients_apart

    @property
    def simulated(self) -> bool:
        return self.manifest.training_data == "simulated"

    @property
    def patients(self) -> int:
        return int(self.card["training_data"]["patients"])

    @property
    def verdict(self) -> str:
        """As on the card, as a sentence: it may begin with the name of a candidate."""
        verdict = str(self.card["verdict"])
        return verdict[:1].upper() + verdict[1:]

    @property
    def expected(self) -> Mapping[str, Any]:
        """Figures of the procedure that chose, on patients that neither choice nor fit has seen."""
        found: Mapping[str, Any] = self.card["validation"]["procedure"]["figures"]
        return found

    @property
    def corrected(self) -> Mapping[str, Any]:
        """Figures of the served candidate, corrected for optimism."""
        found: Mapping[str, Any] = self.card["validation"]["optimism"]["figures"]
        return found

    @property
    def gain_interval(self) -> tuple[float, float] | None:
        """Of the gain over quoting the response rate, the choice inside."""
        gain = headline(self.card).gain
        return (gain.low, gain.high) if gain and math.isfinite(gain.low) else None

    @property
    def gates(self) -> tuple[JudgedGate, ...]:
        """What the gates to become champion say of the model."""
        return judge(Subject.of(self.card, self.manifest))

    @property
    def enough_patients(self) -> bool:
        return self.patients >= int(self.card["sample_size"]["needed"])

    @property
    def accepted(self) -> str:
        """Problems of the data that were accepted, with how many; "none"."""
        found = self.card["training_data"]["accepted_problems"]
        return ", ".join(f"{code} ({count})" for code, count in found.items()) or "none"

    @property
    def missing_rule(self) -> str:
        if not self.individual:
            return "The response rate needs no input but the arm, so nothing missing changes it; its interval widens."
        return (
            "A missing measure is averaged over: drawn from its distribution given the measures that were taken, learned in "
            "each resample anew and never from the outcome. The same rule holds in use: the interval widens and the answer says so."
        )

    def labels(self, names: Iterable[str]) -> str:
        """Labels of fields, joined."""
        return ", ".join(self.model.study.contract[name].measure.label for name in names)
