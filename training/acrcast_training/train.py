"""From a cohort to a chosen model: compare the candidates, fit the winner, write its card."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from acrcast import artefact
from acrcast.response_model import ResponseModel
from acrcast_training.card import model_card
from acrcast_training.data.cohort import Cohort
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.provenance import provenance
from acrcast_training.select import REPEATS, Comparison, compare


@dataclass(frozen=True)
class Training:
    """A finished training: the model that serves, and what it was chosen from."""

    cohort: Cohort
    comparison: Comparison
    model: ResponseModel
    seed: int


def train(
    cohort: Cohort, *, seed: int, repeats: int = REPEATS, progress: Callable[[int], None] = lambda _: None
) -> Training:
    """Compare all candidates, choose, and fit the chosen one to all patients. progress: called with the folds done.

    Raises FitError when the data cannot be fitted.
    """
    comparison = compare(trial_rows(cohort), seed=seed, repeats=repeats, progress=progress)
    model = fit_model(cohort, comparison.chosen, seed=seed, card=model_card(cohort, comparison))
    return Training(cohort, comparison, model, seed)


def write(training: Training, name: str, folder: Path) -> Training:
    """Save the model; returns the training with the model's identity. Raises UsageError when the folder is not empty."""
    identity = artefact.save(training.model, provenance(training.cohort, name, training.seed), folder)
    return replace(training, model=replace(training.model, identity=identity))
