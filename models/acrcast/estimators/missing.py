"""What is known of measures that were not taken: their conditional distribution given those that were.

A multivariate normal on the measures' own scales, learned by EM from incomplete data (Dempster, Laird & Rubin 1977),
its correlations drawn a little towards independence. The outcome takes no part (Sisk et al. 2023, Stat Methods Med Res
32:1461: what cannot be used at deployment is not used in development). A result below the assay's limit is a normal cut
off at that limit. A missing indicator is drawn as 0 or 1 with its conditional mean as the probability.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Floats, Integers
from acrcast.estimators.normal import normal_cdf, normal_quantile

EM_ITERATIONS = 60
EM_TOLERANCE = 1e-4
SMALLEST_VARIANCE = 1e-8


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
        q = Z.shape[1]
        used = weights > 0
        Z, below, weights = Z[used], below[used], weights[used]
        patterns = [(Z[rows], weights[rows], unknown, cut) for rows, unknown, cut in _patterns(Z, below)]
        total = float(weights.sum())
        shrink = q / (q + total)
        # a column of which no value is known carries nothing: it stays at zero, without spread
        seen = np.any(~np.isnan(Z) & ~below, axis=0)
        mean = np.where(seen, 0.0 if start is None else start.mean, 0.0)
        covariance = np.where(np.outer(seen, seen), np.eye(q) if start is None else start.covariance, 0.0)
        complete = not any(unknown.any() for _, _, unknown, _ in patterns)
        for _ in range(1 if complete else EM_ITERATIONS):
            first, second = np.zeros(q), np.zeros((q, q))
            for rows, w, unknown, cut in patterns:
                expected, spread = _expected(rows, w, unknown, cut, mean, covariance)
                first += w @ expected
                second += (expected * w[:, None]).T @ expected + spread
            new_mean = first / total
            raw = second / total - np.outer(new_mean, new_mean)
            raw = 0.5 * (raw + raw.T)
            new_covariance = (1 - shrink) * raw + shrink * np.diag(np.diag(raw))
            change = max(np.abs(new_mean - mean).max(initial=0), np.abs(new_covariance - covariance).max(initial=0))
            mean, covariance = new_mean, new_covariance
            if change < EM_TOLERANCE:
                break
        return cls(mean, covariance, low, high, block)

    def draw(self, Z: Floats, below: Bools, nodes: Floats) -> Floats:
        """(n, K, q) completed rows. Z: (n, q) with NaN; nodes: (K, q) or (n, K, q) standard normal draws.

        What is known stays as it is; every unknown is drawn given the known and what was drawn before it.
        """
        q = Z.shape[1]
        K = nodes.shape[-2]
        drawn = np.repeat(Z[:, None, :], K, axis=1)
        for rows, unknown, cut in _patterns(Z, below):
            if unknown.any():
                node = nodes if nodes.ndim == 2 else nodes[rows]
                drawn[rows] = self._draw_pattern(Z[rows], unknown, cut, np.broadcast_to(node, (len(rows), K, q)))
        return drawn

    def _draw_pattern(self, Z: Floats, unknown: Bools, cut: Bools, nodes: Floats) -> Floats:
        completed = np.repeat(Z[:, None, :], nodes.shape[1], axis=1)
        given = [int(j) for j in np.flatnonzero(~unknown)]
        indicator = ~np.isnan(self.low)
        numbers = [int(j) for j in np.flatnonzero(unknown) if not indicator[j]]
        order = sorted(numbers, key=lambda j: not cut[j])
        for j in order:
            centre, sd = self._given(j, given, completed)
            if cut[j]:
                limit = normal_cdf((Z[:, None, j] - centre) / max(sd, SMALLEST_VARIANCE))
                share = np.clip(normal_cdf(nodes[:, :, j]) * limit, 1e-300, 1 - 1e-16)
                completed[:, :, j] = np.minimum(centre + sd * normal_quantile(share), Z[:, None, j])
            else:
                completed[:, :, j] = centre + sd * nodes[:, :, j]
            given.append(j)
        for number in np.unique(self.block[unknown & indicator]):
            members = np.flatnonzero((self.block == number) & unknown)
            self._draw_category(members, given, completed, nodes)
            given += [int(j) for j in members]
        return completed

    def _draw_category(self, members: Integers, given: list[int], completed: Floats, nodes: Floats) -> None:
        """One draw decides which level, if any, of the category's indicators is 1."""
        level = normal_cdf(nodes[:, :, members[0]])
        upper = np.zeros(completed.shape[:2])
        for j in members:
            centre, _ = self._given(int(j), given, completed)
            step = self.high[j] - self.low[j]
            share = np.clip((centre - self.low[j]) / step, 0.0, 1.0) if step > 0 else np.zeros_like(upper)
            chosen = (level >= upper) & (level < upper + share)
            completed[:, :, j] = np.where(chosen, self.high[j], self.low[j])
            upper = upper + share

    def _given(self, j: int, given: list[int], completed: Floats) -> tuple[Floats, float]:
        """Conditional mean (n, K) and standard deviation of column j given the columns in `given`."""
        if not given:
            return np.full(completed.shape[:2], self.mean[j]), float(np.sqrt(self.covariance[j, j]))
        regression = np.linalg.solve(
            self.covariance[given][:, given] + SMALLEST_VARIANCE * np.eye(len(given)), self.covariance[given, j]
        )
        centre = self.mean[j] + (completed[:, :, given] - self.mean[given]) @ regression
        variance = self.covariance[j, j] - regression @ self.covariance[given, j]
        return centre, float(np.sqrt(max(variance, 0.0)))


def _patterns(Z: Floats, below: Bools) -> Iterator[tuple[Integers, Bools, Bools]]:
    """Rows that lack the same columns: (row numbers, unknown (q,), of these only bounded from above (q,))."""
    missing = np.isnan(Z)
    if not (missing.any() or below.any()):
        yield np.arange(len(Z)), np.zeros(Z.shape[1], dtype=bool), np.zeros(Z.shape[1], dtype=bool)
        return
    key = np.concatenate([missing, below], axis=1)
    unique, inverse = np.unique(key, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(inverse.ravel(), minlength=len(unique)))
    q = Z.shape[1]
    for number, rows in enumerate(np.split(order, ends[:-1])):
        yield rows, unique[number, :q] | unique[number, q:], unique[number, q:]


def _expected(
    Z: Floats, weights: Floats, unknown: Bools, cut: Bools, mean: Floats, covariance: Floats
) -> tuple[Floats, Floats]:
    """E-step of one pattern: expected rows (n, q) and the weighted sum of their conditional covariances (q, q)."""
    n, q = Z.shape
    expected = np.where(unknown, 0.0, Z)
    spread = np.zeros((q, q))
    if not unknown.any():
        return expected, spread
    u, o = np.flatnonzero(unknown), np.flatnonzero(~unknown)
    within = covariance[u[:, None], u]
    centre = np.broadcast_to(mean[u], (n, len(u)))
    if o.size:
        regression = np.linalg.solve(
            covariance[o[:, None], o] + SMALLEST_VARIANCE * np.eye(o.size), covariance[o[:, None], u]
        )
        centre = mean[u] + (Z[:, o] - mean[o]) @ regression
        within = within - covariance[u[:, None], o] @ regression
    total = weights.sum() * within
    if cut.any():
        block = np.broadcast_to(within, (n, len(u), len(u))).copy()
        centre = centre.copy()
        for position in np.flatnonzero(cut[u]):
            _cut_off(centre, block, int(position), Z[:, u[position]])
        total = np.tensordot(weights, block, axes=1)
    expected[:, u] = centre
    spread[u[:, None], u] = total
    return expected, spread


def _cut_off(centre: Floats, block: Floats, position: int, limit: Floats) -> None:
    """Condition a row's unknowns on one of them being below its limit: mean and variance of the truncated normal, in place."""
    variance = np.maximum(block[:, position, position], SMALLEST_VARIANCE)
    sd = np.sqrt(variance)
    bound = (limit - centre[:, position]) / sd
    hazard = np.exp(-0.5 * bound**2) / np.sqrt(2 * np.pi) / np.maximum(normal_cdf(bound), 1e-300)
    shift = -sd * hazard
    kept = np.clip(1 - bound * hazard - hazard**2, 1e-6, 1.0)
    carry = block[:, :, position] / variance[:, None]
    centre += carry * shift[:, None]
    block -= (carry[:, :, None] * carry[:, None, :]) * (variance * (1 - kept))[:, None, None]
