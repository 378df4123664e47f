"""From a cohort to a chosen model: compare the candidates, fit the winner, write its card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from acrcast import artefact
from acrcast.engine import HERE, Engine
from acrcast.estimators.rows import TrialRows
from acrcast.memory import give_back
from acrcast.response_model import ResponseModel
from acrcast.validation.sample_size import SampleSize, development_size, usual_r2
from acrcast_training.card import model_card
from acrcast_training.data.cohort import Cohort
from acrcast_training.evidence import evidence
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.provenance import provenance
from acrcast_training.select import Comparison, compare, folds_of
from acrcast_training.validate import Validation, usual_resamples, validate, validation_steps


@dataclass(frozen=True)
class Training:
    """A finished training: the model that serves, and what it was chosen from."""

    cohort: Cohort
    comparison: Comparison
    validation: Validation
    needed: SampleSize
    model: ResponseModel
    seed: int


def train(
    cohort: Cohort,
    *,
    seed: int,
    repeats: int | None = None,
    resamples: int | None = None,
    accepted: Mapping[str, int] = MappingProxyType({}),
    progress: Callable[[int], None] = lambda _: None,
    engine: Engine = HERE,
) -> Training:
    """Compare all candidates, choose, validate what was chosen, and fit it to all patients.

    repeats: of the cross-validation that chooses. resamples: of the bootstrap that corrects for optimism. None is as many as
    are usual for so many patients.
    accepted: problems of the data that the user accepted, code to how many; they go on the card.
    progress: called with the resamples done, `steps` in all.
    engine: who fits the resamples; the figures are the same to the last bit.

    Raises FitError when the data cannot be fitted.
    """
    rows = trial_rows(cohort)
    comparison = compare(rows, seed=seed, repeats=repeats, progress=progress, engine=engine)
    give_back()
    resamples = usual_resamples(len(rows)) if resamples is None else resamples
    validation = validate(rows, comparison.chosen, resamples=resamples, seed=seed, progress=progress, engine=engine)
    size = needed(rows)
    card = model_card(cohort, comparison, validation, size, accepted)
    model = fit_model(cohort, comparison.chosen, seed=seed, card=card)
    model = replace(model, evidence=evidence(rows, cohort, comparison, validation, seed=seed, engine=engine))
    return Training(cohort, comparison, validation, size, model, seed)


def steps(cohort: Cohort, repeats: int, resamples: int) -> int:
    """How many resamples `train` reports to its `progress`."""
    folds = folds_of(cohort.responded)
    return repeats * folds + validation_steps(len(cohort), folds, resamples)


def needed(rows: TrialRows) -> SampleSize:
    """Patients that a model of all measures would need, assuming the usual R2 at the trial's own response rate."""
    rate = float(rows.y.mean())
    return development_size(usual_r2(rate), rows.terms.size - 1, rate)


def write(training: Training, name: str, folder: Path) -> Training:
    """Save the model; returns the training with the model's identity. Raises UsageError when the folder is not empty."""
    identity = artefact.save(training.model, provenance(training.cohort, name, training.seed), folder)
    return replace(training, model=replace(training.model, identity=identity))
