"""Training anew on what is known now, and comparing what comes of it with the champion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from acrcast.errors import FitError, OtherContractError, UsageError
from acrcast.response_model import ResponseModel
from acrcast.validation.cross_validated_losses import cross_validated_gain
from acrcast.validation.performance import Estimate, log_loss
from acrcast_training.card import figure_of
from acrcast_training.data.cohort import Cohort
from acrcast_training.evaluate import OwnArm
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.retraining.changes import Coefficient, Moved, coefficients, moved
from acrcast_training.retraining.comparison import Paired, paired
from acrcast_training.retraining.split import Split, split
from acrcast_training.select import compare
from acrcast_training.sources import Source, accepted, described, joined
from acrcast_training.train import Training, train


@dataclass(frozen=True)
class Retraining:
    """A finished retraining. cohort: all patients, in the order of the sources. parts: who is new, and who was held out.

    crossed: gain over the champion by nested cross-validation, among the new patients. held_out: of a twin that was trained,
    choice included, on everybody else.
    """

    champion: ResponseModel
    training: Training
    cohort: Cohort
    parts: Split
    crossed: Estimate
    held_out: Paired
    coefficients: tuple[Coefficient, ...]
    moved: tuple[Moved, ...]


def retrain(
    champion: ResponseModel,
    sources: Sequence[Source],
    *,
    seed: int,
    repeats: int,
    resamples: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Retraining:
    """Train on all patients, and compare with the champion on those whom it has not seen.

    The model is trained on everybody, those held out included: of so few patients none is wasted. What is judged on those
    held out is its twin. progress: called with the resamples done, as by `train`.
    Raises UsageError for another study, FitError when nothing can be fitted or compared.
    """
    cohort = joined(sources)
    if cohort.study.key != champion.study.key:
        raise UsageError(
            f"the champion is of the study {champion.study.key!r}, the patients are of {cohort.study.key!r}"
        )
    if cohort.study.contract.digest != champion.study.contract.digest:
        raise OtherContractError(
            f"the fields of study {cohort.study.key!r} have changed since the champion was trained"
        )
    parts = split(sources, champion, seed=seed)
    rows = trial_rows(cohort)
    training = train(
        cohort, seed=seed, repeats=repeats, resamples=resamples, accepted=accepted(sources), progress=progress
    )
    before = OwnArm.of(champion, cohort).risk()
    procedure = training.validation.procedure
    crossed = cross_validated_gain(procedure.judged, rows.y, log_loss(before, rows.y), among=parts.new)
    if not np.isfinite(crossed.value):
        raise FitError(
            "a part of the cross-validation could not be fitted, so that nothing can be compared: too few patients"
        )
    twin = _twin(cohort.rows(~parts.held_out), seed=seed, repeats=repeats)
    held = cohort.rows(parts.held_out)
    judged = paired(
        before[parts.held_out], OwnArm.of(twin, held).risk(), rows.y[parts.held_out], rows.arm[parts.held_out]
    )
    card = dict(training.model.card)
    card["training_data"] = card["training_data"] | {"sources": described(sources)}
    card["comparison"] = _comparison(champion, parts, crossed, judged)
    model = replace(training.model, card=card)
    after = OwnArm.of(model, cohort).risk()
    return Retraining(
        champion=champion,
        training=replace(training, model=model),
        cohort=cohort,
        parts=parts,
        crossed=crossed,
        held_out=judged,
        coefficients=coefficients(champion, model),
        moved=moved(cohort, before, after),
    )


def _twin(cohort: Cohort, *, seed: int, repeats: int) -> ResponseModel:
    """Chosen and fitted as the model is, on these patients alone."""
    chosen = compare(trial_rows(cohort), seed=seed, repeats=repeats).chosen
    return fit_model(cohort, chosen, seed=seed)


def _comparison(champion: ResponseModel, parts: Split, crossed: Estimate, judged: Paired) -> dict[str, Any]:
    """What the card says of it, and the gate GATE006 reads."""
    return {
        "champion": champion.identity.digest,
        "cross_validated": {"patients": int(parts.new.sum()), "gain": figure_of(crossed)},
        "held_out": {"patients": judged.patients, "how": parts.how, "gain": figure_of(judged.gain)},
    }
