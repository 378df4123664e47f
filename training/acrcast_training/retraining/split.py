"""Which patients the champion has not seen, and which of these are held out from the retrained model too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from acrcast.arrays import Bools, Integers
from acrcast.errors import FitError
from acrcast.estimators.folds import stratified_folds
from acrcast.response_model import ResponseModel
from acrcast_training.evaluate import known_fingerprints, recorded_until
from acrcast_training.sources import Source, joined

# One in four of the new patients is held out, and with fewer new patients than this nothing could be compared.
ONE_IN = 4
FEWEST_NEW = 40
# Of responders, and of others, among those held out.
FEWEST_OF_EACH = 2

LATEST, AT_RANDOM = "the latest by the day of prediction", "drawn at random within arm and outcome"


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """new: (n,) patients whom the champion has not seen. held_out: (n,) of these. how: which of them are."""

    new: Bools
    held_out: Bools
    how: str


def split(sources: Sequence[Source], champion: ResponseModel, *, seed: int) -> Split:
    """In the order of the joined sources.

    A table that the champion was made from was seen, by its fingerprint; so were recorded patients who were predicted for up
    to the day until which it learned from records. Where the day of every new patient is known, the latest are held out: that
    is how the model will be used. Raises FitError when there are too few new patients to compare anything.
    """
    cohort = joined(sources)
    new = np.concatenate([_new(source, champion) for source in sources])
    if int(new.sum()) < FEWEST_NEW:
        raise FitError(
            f"{int(new.sum())} patients whom the champion has not seen: at least {FEWEST_NEW} are needed to compare it with"
        )
    day = None if any(s.day is None for s in sources if _new(s, champion).any()) else _days(sources)
    held_out = np.zeros(len(new), dtype=bool)
    rows = np.flatnonzero(new)
    if day is not None:
        held_out[rows[np.argsort(day[rows], kind="stable")[-(len(rows) // ONE_IN) :]]] = True
    else:
        arm, y = cohort.treated[rows].astype(np.float64), cohort.responded[rows].astype(np.float64)
        held_out[rows[stratified_folds(arm, y, ONE_IN, np.random.default_rng([seed, 11])) == 0]] = True
    responders = int(cohort.responded[held_out].sum())
    if min(responders, int(held_out.sum()) - responders) < FEWEST_OF_EACH:
        raise FitError(
            f"{responders} of the {int(held_out.sum())} patients held out responded: at least {FEWEST_OF_EACH} responders and "
            f"{FEWEST_OF_EACH} others are needed to compare anything"
        )
    return Split(new, held_out, AT_RANDOM if day is None else LATEST)


def _new(source: Source, champion: ResponseModel) -> Bools:
    """(n,) of one source."""
    if source.cohort.fingerprint in known_fingerprints(champion):
        return np.zeros(len(source.cohort), dtype=bool)
    until: date | None = recorded_until(champion)
    if source.day is None or until is None:
        return np.ones(len(source.cohort), dtype=bool)
    return np.asarray(source.day > until.toordinal())


def _days(sources: Sequence[Source]) -> Integers:
    """(n,) day of prediction, 0 where a patient who was seen has none."""
    return np.concatenate([np.zeros(len(s.cohort), dtype=np.int64) if s.day is None else s.day for s in sources])
