"""What is known of measures that were not taken: their conditional distribution given those that were.

A multivariate normal on the measures' own scales, learned by EM from incomplete data (Dempster, Laird & Rubin 1977),
its correlations drawn a little towards independence. The outcome takes no part (Sisk et al. 2023, Stat Methods Med Res
32:1461: what cannot be used at deployment is not used in development). A result below the assay's limit is a normal cut
off at that limit. A missing indicator is drawn as 0 or 1 with its conditional mean as the probability.
"""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.estimators.block_design import Stacked
from acrcast.estimators.normal import normal_cdf, normal_quantile

EM_ITERATIONS = 60
EM_TOLERANCE = 1e-4
SMALLEST_VARIANCE = 1e-8
# So many rows are taken each by itself: looking for equal ones costs more than it saves.
FEW_ROWS = 16
# Rows taken at a time where every row needs q x q numbers of its own: so many stay in the processor's cache.
ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The rows that lack something. rows: (m,) positions. unknown: (m, q) what is missing or below a limit. below: (m, q)."""

    rows: Integers
    unknown: Bools
    below: Bools

    @classmethod
    def of(cls, unknown: Bools, below: Bools) -> "Incomplete":
        """unknown, below: (n, q) of all rows."""
        rows = np.flatnonzero(unknown.any(axis=1))
        return cls(rows, unknown[rows], below[rows])


@dataclass(frozen=True, slots=True)
class ConditionalNormal:
    """Joint distribution of the q standardised columns.

    mean: (q,). covariance: (q, q). low, high: (q,) standardised values of 0 and 1 for indicators, NaN elsewhere.
    block: (q,) indicators of one category share theirs, so that at most one of them is drawn.
    """

    mean: Floats
    covariance: Floats
    low: Floats
    high: Floats
    block: Integers

    @classmethod
    def fit(
        cls,
        Z: Floats,
        below: Bools,
        weights: Floats,
        *,
        low: Floats,
        high: Floats,
        block: Integers,
        start: "ConditionalNormal | None" = None,
    ) -> "ConditionalNormal":
        """Z: (n, q) standardised, NaN missing; where `below`, Z is an upper limit. weights: (n,). start: a nearby fit."""
        return cls.fit_each(
            Z[None],
            Incomplete.of(np.isnan(Z) | below, below),
            weights[None],
            low=low[None],
            high=high[None],
            block=block,
            start=start,
        )[0]

    @classmethod
    def fit_each(
        cls,
        Z: Stacked,
        incomplete: "Incomplete",
        weights: Floats,
        *,
        low: Floats,
        high: Floats,
        block: Integers,
        start: "ConditionalNormal | None" = None,
    ) -> "list[ConditionalNormal]":
        """B fits to the same n patients.

        Z: (B, n, q) standardised in each. weights: (B, n). low, high: (B, q).
        """
        lacking, unknown = incomplete.rows, incomplete.unknown
        B, q = len(weights), unknown.shape[1]
        complete = np.ones(weights.shape[1], dtype=bool)
        complete[lacking] = False
        total = weights.sum(axis=1)
        # a column of which no value is known carries nothing: it stays at zero, without spread
        seen = np.stack([(complete & (w > 0)).any() | (~unknown & (w[lacking, None] > 0)).any(axis=0) for w in weights])
        mean = np.where(seen, 0.0 if start is None else start.mean, 0.0)
        covariance = np.where(
            seen[:, :, None] & seen[:, None, :], np.eye(q) if start is None else start.covariance, 0.0
        )
        # the complete rows' part of the sums is the same in every iteration
        whole = [_moments(Z, b, w, np.flatnonzero((w > 0) & complete)) for b, w in enumerate(weights)]
        whole_sum, whole_products = (np.stack(part) for part in zip(*whole, strict=True))
        used = (weights[:, lacking] > 0).any(axis=0)
        rows = lacking[used]
        of_incomplete, below, weights = Z[:, rows], incomplete.below[used], weights[:, rows]
        known, pattern = _patterns(~unknown[used])
        shrink = (q / (q + total))[:, None, None] * (1 - np.eye(q))
        active = np.arange(B)
        for _ in range(EM_ITERATIONS if len(rows) else 1):
            expected, products = _expected(
                of_incomplete[active], below, weights[active], known, pattern, mean[active], covariance[active]
            )
            new_mean = (whole_sum[active] + expected) / total[active, None]
            raw = (whole_products[active] + products) / total[active, None, None]
            raw -= new_mean[:, :, None] * new_mean[:, None, :]
            new_covariance = 0.5 * (raw + np.swapaxes(raw, 1, 2)) * (1 - shrink[active])
            change = np.maximum(
                np.abs(new_mean - mean[active]).max(axis=1, initial=0),
                np.abs(new_covariance - covariance[active]).max(axis=(1, 2), initial=0),
            )
            mean[active], covariance[active] = new_mean, new_covariance
            active = active[change >= EM_TOLERANCE]
            if active.size == 0:
                break
        return [cls(mean[b], covariance[b], low[b], high[b], block) for b in range(B)]

    def draw(self, Z: Floats, below: Bools, nodes: Floats) -> Floats:
        """(n, K, q) completed rows. Z: (n, q) with NaN; nodes: (K, q) or (n, K, q) standard normal draws.

        What is known stays as it is; every unknown is drawn given the known and what was drawn before it: first the results
        below a limit, then the other numbers, then the indicators.
        """
        n, q = Z.shape
        K = nodes.shape[-2]
        nodes = np.broadcast_to(nodes, (n, K, q))
        completed = np.repeat(Z[:, None, :], K, axis=1)
        unknown = np.isnan(Z)
        known = ~(unknown | below)
        indicator = ~np.isnan(self.low)
        for j in np.flatnonzero(below.any(axis=0)):
            self._draw_below(int(j), np.flatnonzero(below[:, j]), completed, known, Z, nodes)
        for j in np.flatnonzero(unknown.any(axis=0) & ~indicator):
            rows = np.flatnonzero(unknown[:, j])
            centre, sd = self._given(int(j), rows, completed, known)
            completed[rows, :, j] = centre + sd[:, None] * nodes[rows, :, j]
            known[rows, j] = True
        for number in np.unique(self.block[unknown.any(axis=0) & indicator]):
            members = np.flatnonzero(self.block == number)
            # a category is missing with all of its indicators
            self._draw_category(members, np.flatnonzero(unknown[:, members[0]]), completed, known, nodes)
        return completed

    def _draw_below(self, j: int, rows: Integers, completed: Floats, known: Bools, Z: Floats, nodes: Floats) -> None:
        """Each is known to be below its limit."""
        centre, sd = self._given(j, rows, completed, known)
        level = normal_cdf(nodes[rows, :, j])
        completed[rows, :, j] = below_limit(centre, sd[:, None], Z[rows, None, j], level)
        known[rows, j] = True

    def _draw_category(self, members: Integers, rows: Integers, completed: Floats, known: Bools, nodes: Floats) -> None:
        """One draw decides which level, if any, of the category's indicators is 1."""
        level = normal_cdf(nodes[rows, :, members[0]])
        upper = np.zeros(level.shape)
        for j in members:
            centre, _ = self._given(int(j), rows, completed, known)
            step = self.high[j] - self.low[j]
            share = np.clip((centre - self.low[j]) / step, 0.0, 1.0) if step > 0 else np.zeros_like(upper)
            chosen = (level >= upper) & (level < upper + share)
            completed[rows, :, j] = np.where(chosen, self.high[j], self.low[j])
            upper = upper + share
        known[np.ix_(rows, members)] = True

    def _given(self, j: int, rows: Integers, completed: Floats, known: Bools) -> tuple[Floats, Floats]:
        """Conditional mean (r, K) and standard deviation (r,) of column j in these rows, given what is known of each."""
        masks, pattern = _patterns(known[rows])
        regressions, covariances = conditionals_on(self.covariance[None], masks)
        regression, variance = regressions[0, :, j], covariances[0, :, j, j]
        deviation = np.where(known[rows][:, None, :], completed[rows] - self.mean, 0.0)
        centre = self.mean[j] + (deviation @ regression[pattern][:, :, None])[:, :, 0]
        return centre, np.sqrt(np.maximum(variance, 0.0))[pattern]


def below_limit(centre: Floats, spread: Floats | float, limit: Floats, level: Floats) -> Floats:
    """Draws of a normal cut off at the limit, at these levels (0 to 1) of its distribution function. All broadcast."""
    share = level * normal_cdf((limit - centre) / np.maximum(spread, SMALLEST_VARIANCE))
    drawn = centre + spread * normal_quantile(np.clip(share, 1e-300, 1 - 1e-16))
    return np.minimum(drawn, limit)


def _patterns(known: Bools) -> tuple[Bools, Integers]:
    """The different rows of a mask (P, q), and for each of its rows (n,) which one it is."""
    if len(known) <= FEW_ROWS:
        return known, np.arange(len(known))
    # rows as bytes: NumPy finds the different ones several times as fast as rows of booleans
    packed = np.packbits(known, axis=1)
    rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, first, pattern = np.unique(rows, return_index=True, return_inverse=True)
    return known[first], pattern


def conditionals_on(covariance: Floats, known: Bools) -> tuple[Floats, Floats]:
    """What each of P masks (P, q) of known columns tells of the others, under b covariances (b, q, q); each (b, P, q, q).

    Coefficients of every unknown column on the known ones, and the covariances that are left among the unknown; 0 elsewhere.
    Both come from the inverse of the whole covariance, of which each mask then inverts no more than its unknown columns.
    """
    q = known.shape[1]
    # the unknown columns first; where a mask has fewer than most, known ones fill up
    at = np.argsort(known, axis=1, kind="stable")[:, : int((~known).sum(axis=1).max(initial=0))]
    unknown = ~np.take_along_axis(known, at, axis=1)
    both = unknown[:, :, None] & unknown[:, None, :]
    identity, mask = np.eye(at.shape[1]), np.arange(len(known))[:, None]
    precision = np.linalg.inv(covariance + SMALLEST_VARIANCE * np.eye(q))
    left = np.linalg.inv(np.where(both, precision[:, at[:, :, None], at[:, None, :]], identity))
    left = np.where(both, left, 0.0)
    regressions, covariances = np.zeros((2, len(covariance), len(known), q, q))
    regressions[:, mask, at] = -left @ np.where(known[:, None, :], precision[:, at], 0.0)
    covariances[:, mask[:, :, None], at[:, :, None], at[:, None, :]] = left - SMALLEST_VARIANCE * np.where(
        both, identity, 0.0
    )
    return regressions, covariances


def _moments(Z: Stacked, resample: int, weights: Floats, rows: Integers) -> tuple[Floats, Floats]:
    """Weighted sums of the rows of one resample (q,) and of their products (q, q)."""
    q = Z.shape[2]
    total, products = np.zeros(q), np.zeros((q, q))
    for first in range(0, len(rows), ROWS_AT_ONCE):
        these = rows[first : first + ROWS_AT_ONCE]
        block, w = Z[resample, these], weights[these]
        total += w @ block
        products += (block * w[:, None]).T @ block
    return total, products


def _expected(
    Z: Floats, below: Bools, weights: Floats, known: Bools, pattern: Integers, mean: Floats, covariance: Floats
) -> tuple[Floats, Floats]:
    """E-step of b fits: weighted sums of the expected rows (b, q) and of their expected products (b, q, q).

    Z: (b, n, q). below: (n, q). weights: (b, n). known: (P, q) the patterns of known columns; pattern: (n,) each row's.
    mean: (b, q). covariance: (b, q, q).
    """
    regressions, conditional = conditionals_on(covariance, known)
    cut = np.asarray(below.any(axis=1))
    share = np.stack([np.bincount(pattern[~cut], weights=w[~cut], minlength=len(known)) for w in weights])
    products = np.einsum("bp,bpij->bij", share, conditional)
    total = np.zeros(mean.shape)
    at_once = max(1, ROWS_AT_ONCE // len(Z))
    for first in range(0, len(pattern), at_once):
        rows = slice(first, first + at_once)
        here, w = known[pattern[rows]], weights[:, rows]
        deviation = np.where(here, Z[:, rows] - mean[:, None], 0.0)
        told = (regressions[:, pattern[rows]] @ deviation[..., None])[..., 0]
        expected = np.where(here, Z[:, rows], mean[:, None] + told)
        if cut[rows].any():
            products += _cut_rows(expected, conditional, pattern[rows], below[rows], Z[:, rows], w)
        total += (w[:, None] @ expected)[:, 0]
        products += np.swapaxes(expected * w[:, :, None], 1, 2) @ expected
    return total, products


def _cut_rows(
    expected: Floats, conditional: Floats, pattern: Integers, below: Bools, Z: Floats, weights: Floats
) -> Floats:
    """(b, q, q) weighted sums of the conditional covariances of the rows with a limit, whose `expected` are replaced in place."""
    rows = np.flatnonzero(below.any(axis=1))
    centre, block = expected[:, rows], conditional[:, pattern[rows]]
    for j in np.flatnonzero(below.any(axis=0)):
        these = np.flatnonzero(below[rows, j])
        centre[:, these], block[:, these] = _cut_off(centre[:, these], block[:, these], int(j), Z[:, rows[these], j])
    expected[:, rows] = centre
    total: Floats = np.einsum("br,brij->bij", weights[:, rows], block)
    return total


def _cut_off(centre: Floats, block: Floats, j: int, limit: Floats) -> tuple[Floats, Floats]:
    """Means (..., q) and covariances (..., q, q) once column j is known to be below its limit (...): a truncated normal's."""
    variance = np.maximum(block[..., j, j], SMALLEST_VARIANCE)
    sd = np.sqrt(variance)
    bound = (limit - centre[..., j]) / sd
    hazard = np.exp(-0.5 * bound**2) / np.sqrt(2 * np.pi) / np.maximum(normal_cdf(bound), 1e-300)
    kept = np.clip(1 - bound * hazard - hazard**2, 1e-6, 1.0)
    carry = block[..., j] / variance[..., None]
    less = (carry[..., :, None] * carry[..., None, :]) * (variance * (1 - kept))[..., None, None]
    return centre - carry * (sd * hazard)[..., None], block - less
