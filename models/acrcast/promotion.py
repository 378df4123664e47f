"""The record of how a registered model became champion: its gates, and what was overridden and why.

It is made after the model, which is sealed by its digest, so it lies beside the model's folder and not in it:
`<folder>.promotion.json`. It names the digest of the model that it is of.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acrcast.errors import ArtefactError, TamperedError

SUFFIX = ".promotion.json"
LARGEST_RECORD = 1024 * 1024

GateStatus = Literal["passed", "failed", "recorded", "not applicable"]


class JudgedGate(BaseModel):
    """One gate and what it said. missed: by how much, empty unless it failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=r"^GATE\d{3}$")
    title: str
    status: GateStatus
    measured: str
    limit: str
    missed: str


class Promotion(BaseModel):
    """A version became champion. digest: of the model. when: UTC. reason: of the promotion, and of the override if any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    digest: str
    when: str
    reason: str | None
    gates: tuple[JudgedGate, ...]

    @property
    def overridden(self) -> tuple[JudgedGate, ...]:
        """Gates that refused, and did not stop it."""
        return tuple(gate for gate in self.gates if gate.status == "failed")

    @property
    def caution(self) -> str | None:
        """What a reader of a prediction should know of it."""
        if not self.overridden:
            return None
        said = ", ".join(f"{gate.code} ({gate.title})" for gate in self.overridden)
        return f"Made champion although gates refused: {said}. The model's card gives the reason."


class Rollback(BaseModel):
    """A champion was taken back. version: the one that was left; to: the one before it. when: UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: int
    to: int
    when: str
    reason: str


def place_of(folder: Path) -> Path:
    """Where the record of the model in `folder` lies."""
    whole = folder.resolve()
    return whole.with_name(whole.name + SUFFIX)


def beside(folder: Path, digest: str) -> Promotion | None:
    """The record of the model in `folder`; None when there is none.

    Raises ArtefactError when it cannot be read, TamperedError when it is of another model than that of `digest`.
    """
    path = place_of(folder)
    if not path.is_file():
        return None
    if path.stat().st_size > LARGEST_RECORD:
        raise ArtefactError(f"{path}: larger than {LARGEST_RECORD // 1024**2} MiB")
    try:
        found = Promotion.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise ArtefactError(f"{path}: not the record of a promotion; fetch the model anew") from error
    if found.digest != digest:
        raise TamperedError(f"{path}: the record of another model's promotion")
    return found
