"""Evidence against a hypothesis that may be looked at as often as one likes.

It is what a gambler owns who began with 1 and bets against the hypothesis at odds that are fair if it holds: a test
martingale. If the hypothesis holds, the chance that he ever owns 1 / alpha is at most alpha (Ville 1939), so that looking
every week costs nothing. Ramdas, Grunwald, Vovk & Shafer 2023, Stat Sci 38:576.

Nobody knows when a change begins. One gambler begins on the first day and a further one every four weeks, with shares of the
1 that were fixed beforehand; together they are again a test martingale, and those who begin late did not lose in good years.
"""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats, Integers

DAYS_BETWEEN_STARTS = 28


@dataclass(frozen=True, slots=True)
class Evidence:
    """day: (D,) days on which something was added, ascending ordinals. log_e: (D,) logarithm of what is owned at their end.

    Without a day nothing was gathered, and 1 is owned.
    """

    day: Integers
    log_e: Floats

    @property
    def now(self) -> float:
        return float(self.log_e[-1]) if len(self.log_e) else 0.0

    @property
    def largest(self) -> float:
        """The most that was ever owned, of which Ville's inequality speaks."""
        return float(self.log_e.max(initial=0.0))

    def crossed(self, log_line: float) -> int | None:
        """The first day at whose end so much was owned; None when it never was."""
        found = np.flatnonzero(self.log_e >= log_line)
        return int(self.day[found[0]]) if found.size else None


def days_of(day: Integers) -> tuple[Integers, Integers]:
    """The different days (D,), and for each of n patients (n,) the position of the own day. day: (n,), in any order."""
    days, position = np.unique(day, return_inverse=True)
    return days, position


def starts(days: Integers) -> Integers:
    """(K,) positions of the days with which each gambler begins: the first on the first day, then one every four weeks."""
    if len(days) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.searchsorted(days, np.arange(days[0], days[-1] + 1, DAYS_BETWEEN_STARTS))


def summed(position: Integers, days: int, values: Floats) -> Floats:
    """(D,) sum of the patients' values (n,) up to the end of each day."""
    return np.cumsum(np.bincount(position, weights=values, minlength=days))


def against_alternatives(days: Integers, cumulative: Floats) -> Evidence:
    """Evidence of those who bet on several alternatives in equal parts.

    cumulative: (D, G) logarithm of the likelihood ratio of each alternative to the hypothesis, of all patients up to the end
    of each day.
    """
    first = starts(days)
    before = np.vstack([np.zeros((1, cumulative.shape[1])), cumulative])
    owned = np.zeros((len(first), len(days)))
    for k, at in enumerate(first):
        owned[k, at:] = log_mean(cumulative[at:] - before[at])
    return Evidence(days, together(owned))


def together(owned: Floats) -> Floats:
    """(D,) logarithm of what all gamblers own. owned: (K, D) logarithm of what each made of 1, 0 before the begin.

    Gambler k has the share 1 / ((k + 1) (k + 2)): the shares of all who may ever begin add up to 1, and those who have not
    begun own what they had.
    """
    begun = len(owned)
    k = np.arange(1, begun + 1)
    waiting = np.full((1, owned.shape[1]), -np.log(begun + 1))
    total: Floats = np.logaddexp.reduce(np.vstack([owned - np.log(k * (k + 1))[:, None], waiting]), axis=0)
    return total


def log_mean(logs: Floats) -> Floats:
    """Logarithm of the mean over the last axis of what these are the logarithms of."""
    mean: Floats = np.logaddexp.reduce(logs, axis=-1) - np.log(logs.shape[-1])
    return mean
