"""One retraining from end to end: fetched, trained, compared, judged, written at once, and registered once."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acrcast import artefact
from acrcast.errors import GateRefusal, UsageError
from acrcast.promotion import JudgedGate
from acrcast.response_model import ResponseModel
from acrcast.studies import Study
from acrcast_training.console import progress
from acrcast_training.gates import refusing
from acrcast_training.models import open_model
from acrcast_training.promote import judge_folder
from acrcast_training.provenance import code_revision
from acrcast_training.report import report_on
from acrcast_training.retraining.page import page
from acrcast_training.retraining.retraining import retrain
from acrcast_training.retraining.workplace import MODEL, PAGE, Result, finished, key_of
from acrcast_training.select import usual_repeats
from acrcast_training.sources import Source, joined
from acrcast_training.tracking import registry, runs
from acrcast_training.tracking.registry import CHALLENGER
from acrcast_training.train import steps, write
from acrcast_training.validate import usual_resamples

# Tag of the run that a retraining is logged in: what it is recognised by when it was interrupted.
KEY = "retraining"


@dataclass(frozen=True)
class Asked:
    """What is to be retrained. name: of the registered model. own_study: the study's file, when it does not ship.

    champion: what to compare with; None is the registered champion. store: of MLflow.
    """

    name: str
    study: Study
    own_study: Path | None
    sources: Sequence[Source]
    champion: str | None
    store: str | None
    seed: int
    repeats: int | None
    resamples: int | None


@dataclass(frozen=True)
class Done:
    """key: that it is recognised by. gates: what they say of the model in the folder."""

    key: str
    result: Result
    gates: tuple[JudgedGate, ...]


def run(asked: Asked, folder: Path) -> Done:
    """The retrained model and its page, below `folder`; what was finished before is not done again."""
    cohort = joined(asked.sources)
    champion, version = _champion(asked)
    repeats = asked.repeats or usual_repeats(len(cohort))
    resamples = asked.resamples or usual_resamples(len(cohort))
    key = key_of(
        patients=cohort.fingerprint,
        champion=champion.identity.digest,
        seed=asked.seed,
        repeats=repeats,
        resamples=resamples,
        code=code_revision(),
    )

    def make(draft: Path) -> None:
        with progress("Resampling", steps(cohort, repeats, resamples)) as advance:
            found = retrain(
                champion, asked.sources, seed=asked.seed, repeats=repeats, resamples=resamples, progress=advance
            )
        written = write(found.training, asked.name, draft / MODEL)
        _, gates = judge_folder(draft / MODEL)
        text = page(replace(found, training=written), gates, asked.name, version)
        (draft / PAGE).write_text(text, encoding="utf-8")

    result = finished(folder, key, make)
    return Done(key, result, judge_folder(result.model)[1])


def register(asked: Asked, done: Done, *, reason: str | None, override: bool) -> int:
    """The version of the registered model, now the challenger; one that an interrupted attempt registered is taken.

    Raises GateRefusal when a gate refuses and `override` is not given: nothing is registered.
    """
    refused = refusing(done.gates)
    if refused and not override:
        said = "; ".join(f"{gate.code} ({gate.title}) {gate.missed}" for gate in refused)
        raise GateRefusal(
            [gate.code for gate in refused],
            f"{asked.name} has no new challenger. {said}. To register it all the same, on record: --override --reason TEXT",
        )
    version = registry.version_of_run(asked.name, KEY, done.key, asked.store)
    if version is None:
        model = artefact.load(done.result.model, asked.study)
        tracked = runs.log_folder(
            done.result.model,
            model,
            register=asked.name,
            own_study=asked.own_study,
            store=asked.store,
            tags={KEY: done.key},
            pages={
                "report.html": report_on(done.result.model, asked.study),
                PAGE: done.result.page.read_text(encoding="utf-8"),
            },
        )
        version = tracked.version or 0
    said = f"retrained on {sum(len(source.cohort) for source in asked.sources)} patients"
    if refused:
        said += f", although {', '.join(gate.code for gate in refused)} refused"
    registry.set_alias(
        asked.name, version, CHALLENGER, reason=f"{said}: {reason}" if reason else said, store=asked.store
    )
    return version


def _champion(asked: Asked) -> tuple[ResponseModel, int | None]:
    """With its version, where it is the registered one. Raises UsageError when there is none."""
    if asked.champion is not None:
        return open_model(asked.champion, None if asked.own_study is None else str(asked.own_study)), None
    version = registry.champions(asked.name, asked.store).now
    if version is None:
        raise UsageError(f"{asked.name} has no champion to compare with: acrcast train, then acrcast promote")
    with tempfile.TemporaryDirectory(prefix="acrcast-model-") as target:
        folder = registry.download(f"models:/{asked.name}/{version}", Path(target), asked.store)
        return artefact.load(folder, asked.study), version
