"""Evidence about shares of patients: more than there should be, or another share than in the training data."""

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.monitoring.evidence import Evidence, against_alternatives, days_of, starts, summed, together

# How many times the odds of the nominal rate are looked for.
TIMES = (1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
# Jeffreys' prior of a share.
JEFFREYS = 0.5


def above_rate(day: Integers, hit: Bools, rate: float, trained_on: int) -> Evidence:
    """Evidence that more patients are hit than `rate` leads to expect of patients like those of the training data.

    day, hit: (n,). The limits that decide who is hit were estimated from `trained_on` patients: a new patient's chance is
    then not `rate` itself, but differs from training to training as what lies beyond an order statistic does, Beta with mean
    `rate` and a weight of trained_on + 1 (Wilks 1941, Ann Math Stat 12:91). The hypothesis is that mixture: the bets are fair
    over trainings and patients together. A small training can never be shown to be far off by many patients alone.
    """
    days, position = days_of(day)
    hits, total = _counts(position, len(days), hit)
    weight = trained_on + 1
    expected = _log_chance(hits, total, rate * weight, (1 - rate) * weight)
    odds = np.array(TIMES) * rate / (1 - rate)
    looked_for = odds / (1 + odds)
    found = np.outer(hits, np.log(looked_for)) + np.outer(total - hits, np.log1p(-looked_for))
    return against_alternatives(days, found - expected[:, None])


def another_share(day: Integers, hit: Bools, hits_before: float, before: float) -> Evidence:
    """Evidence that the share of patients hit is another than in the training data, or changed since.

    hits_before, before: of the training data. The hypothesis: all are exchangeable, with a share of Jeffreys' prior. Whoever
    begins to bet holds that from then on there is another share, of the same prior.
    """
    days, position = days_of(day)
    hits, total = _counts(position, len(days), hit)
    of_all = _log_chance(hits, total, hits_before + JEFFREYS, before - hits_before + JEFFREYS)
    padded = [np.concatenate([[0], counts]) for counts in (hits, total)]
    of_none = np.concatenate([[0.0], of_all])
    first = starts(days)
    owned = np.zeros((len(first), len(days)))
    for k, at in enumerate(first):
        since = _log_chance(hits[at:] - padded[0][at], total[at:] - padded[1][at], JEFFREYS, JEFFREYS)
        owned[k, at:] = since - (of_all[at:] - of_none[at])
    return Evidence(days, together(owned))


def _counts(position: Integers, days: int, hit: Bools) -> tuple[Integers, Integers]:
    """Patients hit, and all, up to the end of each day."""
    hits = summed(position, days, hit.astype(np.float64)).astype(np.int64)
    return hits, summed(position, days, np.ones(len(hit))).astype(np.int64)


def _log_chance(hits: Integers, total: Integers, a: float, b: float) -> Floats:
    """(D,) logarithm of the chance of just these patients when their share is Beta(a, b): beta-binomial, of one order."""
    chance: Floats = _log_rising(a, hits) + _log_rising(b, total - hits) - _log_rising(a + b, total)
    return chance


def _log_rising(start: float, steps: Integers) -> Floats:
    """Logarithm of start (start + 1) ... of so many factors."""
    most = int(steps.max(initial=0))
    table = np.concatenate([[0.0], np.cumsum(np.log(start + np.arange(most)))])
    return np.asarray(table[steps], dtype=np.float64)
