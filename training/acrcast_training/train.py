"""From a cohort to a chosen model: compare the candidates, fit the winner, write its card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from acrcast import artefact
from acrcast.estimators.rows import TrialRows
from acrcast.response_model import ResponseModel
from acrcast.validation.sample_size import SampleSize, development_size, usual_r2
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
    needed: SampleSize
    model: ResponseModel
    seed: int


def train(
    cohort: Cohort,
    *,
    seed: int,
    repeats: int = REPEATS,
    accepted: Mapping[str, int] = MappingProxyType({}),
    progress: Callable[[int], None] = lambda _: None,
) -> Training:
    """Compare all candidates, choose, and fit the chosen one to all patients.

    accepted: problems of the data that the user accepted, code to how many; they go on the card.
    progress: called with the folds done.

    Raises FitError when the data cannot be fitted.
    """
    rows = trial_rows(cohort)
    comparison = compare(rows, seed=seed, repeats=repeats, progress=progress)
    size = needed(rows)
    model = fit_model(cohort, comparison.chosen, seed=seed, card=model_card(cohort, comparison, size, accepted))
    return Training(cohort, comparison, size, model, seed)


def needed(rows: TrialRows) -> SampleSize:
    """Patients that a model of all measures would need, assuming the usual R2 at the trial's own response rate."""
    rate = float(rows.y.mean())
    return development_size(usual_r2(rate), rows.terms.size - 1, rate)


def write(training: Training, name: str, folder: Path) -> Training:
    """Save the model; returns the training with the model's identity. Raises UsageError when the folder is not empty."""
    identity = artefact.save(training.model, provenance(training.cohort, name, training.seed), folder)
    return replace(training, model=replace(training.model, identity=identity))
