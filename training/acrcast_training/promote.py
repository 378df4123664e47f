"""Making a registered version champion: its gates are judged, and a refusal holds unless it is overridden with a reason."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from acrcast import artefact
from acrcast.errors import GateRefusal, UsageError
from acrcast.prediction import ModelIdentity
from acrcast.promotion import JudgedGate, Promotion
from acrcast_training.gates import Subject, judge, refusing
from acrcast_training.tracking import registry

# A tag of MLflow holds the record; a reason is a sentence or a paragraph.
LONGEST_REASON = 2000


def judge_folder(folder: Path) -> tuple[ModelIdentity, tuple[JudgedGate, ...]]:
    """The model of a folder, and what its gates say. Raises ArtefactError when it cannot be trusted."""
    manifest, identity, card = artefact.described(folder)
    return identity, judge(Subject.of(card, manifest))


def judge_registered(name: str, version: int, *, reason: str | None = None, store: str | None = None) -> Promotion:
    """The record that promoting a registered version now would leave; nothing is changed.

    Raises UsageError when there is no such version or the reason is too long.
    """
    if reason is not None and len(reason) > LONGEST_REASON:
        raise UsageError(f"--reason: expected at most {LONGEST_REASON} characters")
    with tempfile.TemporaryDirectory(prefix="acrcast-model-") as target:
        identity, gates = judge_folder(registry.download(f"models:/{name}/{version}", Path(target), store))
    return Promotion(
        name=name,
        version=version,
        digest=identity.digest,
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        reason=reason,
        gates=gates,
    )


def make_champion(promotion: Promotion, *, override: bool, store: str | None = None) -> None:
    """Let the champion be that version, and record how it came to be.

    Raises GateRefusal when a gate failed and `override` is not given, UsageError when it is given without a reason.
    """
    refused = refusing(promotion.gates)
    if refused and not override:
        said = "; ".join(f"{gate.code} ({gate.title}) {gate.measured}: {gate.missed}" for gate in refused)
        raise GateRefusal(
            [gate.code for gate in refused],
            f"{promotion.name} version {promotion.version} is not made champion. {said}. "
            "To make it champion all the same, on record: --override --reason TEXT",
        )
    if refused and not promotion.reason:
        raise UsageError("--override needs --reason TEXT: it is recorded and shown with the model")
    registry.set_alias(
        promotion.name, promotion.version, registry.CHAMPION, reason=promotion.reason, store=store, record=promotion
    )
