"""Members' log-odds of patients of whom the same measures are known, prepared once for which measures those are.

What is unknown is drawn as `ConditionalNormal.draw` draws it with one node for each member: a number is then an affine
function of what is known, with a constant of each member's own, and so are the members' log-odds. For patients of one
pattern they are one matrix product. Only results below a limit and indicators, whose draws are no such functions, are drawn
for each patient.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from acrcast.arrays import Bools, Floats, Floats32, Integers
from acrcast.estimators.missing import ConditionalNormal, below_limit, conditionals_on
from acrcast.estimators.normal import normal_cdf

# A pattern of a study with 17 measures and 200 members takes about 150 kB.
PATTERNS_KEPT = 128


@dataclass(frozen=True, slots=True)
class Linear:
    """Log-odds that are linear in the columns, for each arm and member: its own, and the estimate's as many times.

    intercept: (arms, 2, M). slope: (arms, 2, M, q). The treated arm comes first.
    """

    intercept: Floats
    slope: Floats


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A column that is not an affine function of the known ones.

    constant: of its conditional mean, without the known columns. noise: (M,) what the numbers drawn before add to it. on: its
    coefficients on the columns of this kind that were drawn before. weight: (arms, 2, M) on the log-odds.
    above: (M,) of an indicator that is the only one of its category: 1 where what the known columns and `on` add is above it.
    """

    column: int
    spread: float
    constant: float
    noise: Floats
    is_noisy: bool
    on: dict[int, float]
    weight: Floats
    above: Floats


Draws = dict[int, Floats]
"""(n, M) draws of the columns that are not affine."""


class Pattern:
    """Patients of whom the same columns are known.

    known: (q,) columns whose value is known. below: (q,) columns of which an upper limit is known.
    """

    def __init__(
        self, conditional: ConditionalNormal, known: Bools, below: Bools, nodes: Floats, levels: Floats, linear: Linear
    ) -> None:
        self.known: Integers = np.flatnonzero(known)
        self.is_complete = len(self.known) == len(known)
        self.linear = linear
        self._conditional, self._levels = conditional, levels
        self._below = [int(j) for j in np.flatnonzero(below)]
        blocks = [step for step in _order(conditional, known, below) if not np.isnan(conditional.low[step[0]])]
        self._blocks = blocks
        self._rule, self._noise, centre = _rules(conditional, known, below, nodes)
        folded = linear.slope @ self._rule
        constant = linear.intercept + folded[..., 0] + np.einsum("aemq,qm->aem", linear.slope, self._noise)
        self._constant: Floats = constant.ravel()
        self._slope: Floats = np.ascontiguousarray(
            folded[..., 1 + self.known].reshape(constant.size, len(self.known)).T
        )
        self._drawn = {
            j: _Drawn(
                column=j,
                spread=spread,
                constant=float(affine[0]),
                noise=noise,
                is_noisy=bool(noise.any()),
                on={i: float(affine[1 + i]) for i in centre if affine[1 + i] != 0},
                weight=folded[..., 1 + j],
                above=conditional.low[j] + levels[j] * (conditional.high[j] - conditional.low[j]) - affine[0] - noise,
            )
            for j, (affine, noise, spread) in centre.items()
        }
        affine = [coefficients[1 + self.known] for coefficients, _, _ in centre.values()]
        self._given: Floats = np.array(affine).reshape(len(centre), len(self.known)).T
        self._affine = np.flatnonzero(~known & ~np.isin(np.arange(len(known)), list(centre)))
        # of the columns that are drawn, those that a number depends on
        self._carried = [j for j in centre if self._rule[self._affine, 1 + j].any()]

    def log_odds(self, Z: Floats, draws: Draws, arms: int) -> Floats:
        """(n, arms, 2, M) by each member, and by the estimate on each member's draw. Z: (n, q), read where it is known."""
        shape = (arms, *self.linear.intercept.shape[1:])
        size = arms * shape[1] * shape[2]
        flat = Z[:, self.known] @ self._slope[:, :size]
        flat += self._constant[:size]
        log_odds: Floats = flat.reshape(len(Z), *shape)
        for j, drawn in draws.items():
            log_odds += drawn[:, None, None] * self._drawn[j].weight[:arms]
        return log_odds

    def members(self, arm: int, Z: Floats, draws: Draws) -> Floats:
        """(n, M) of `log_odds` what the members say of one arm: 0 the treated, 1 the control."""
        size = self.linear.intercept.shape[-1]
        own = slice(2 * arm * size, (2 * arm + 1) * size)
        members: Floats = Z[:, self.known] @ self._slope[:, own]
        members += self._constant[own]
        for j, drawn in draws.items():
            members += drawn * self._drawn[j].weight[arm, 0]
        return members

    def draws(self, Z: Floats) -> Draws:
        """Of what is below a limit, then of the indicators. Z: (n, q) with the limits."""
        found: Draws = {}
        if not self._drawn:
            return found
        # (n, 1) each: what the known columns add to the conditional mean
        given = dict(zip(self._drawn, (Z[:, self.known] @ self._given).T[..., None], strict=True))
        for j in self._below:
            centre = self._centre(j, given[j], found)
            found[j] = below_limit(centre, self._drawn[j].spread, Z[:, j, None], self._levels[j])
        for block in self._blocks:
            self._draw_category(block, given, found)
        return found

    def _draw_category(self, block: list[int], given: Draws, found: Draws) -> None:
        """One draw decides which level, if any, of the category's indicators is 1."""
        level = self._levels[block[0]]
        upper: Floats | float = 0.0
        chosen: Draws = {}
        for j in block:
            low, high = self._conditional.low[j], self._conditional.high[j]
            step = high - low
            if step <= 0:
                chosen[j] = np.full((len(given[j]), len(level)), low)
                continue
            if len(block) == 1:
                chosen[j] = np.where(self._excess(j, given[j], found) > 0, high, low)
                continue
            share = np.clip((self._centre(j, given[j], found) - low) / step, 0.0, 1.0)
            chosen[j] = np.where((level >= upper) & (level < upper + share), high, low)
            upper = upper + share
        found |= chosen

    def _centre(self, j: int, given: Floats, found: Draws) -> Floats:
        """Conditional mean of column j, (n, M), or (n, 1) when it is the same for all members."""
        drawn = self._drawn[j]
        centre: Floats = drawn.constant + given
        if drawn.is_noisy:
            centre = centre + drawn.noise
        for i, coefficient in drawn.on.items():
            centre = centre + coefficient * found[i]
        return centre

    def _excess(self, j: int, given: Floats, found: Draws) -> Floats:
        """(n, M) how far an indicator's conditional mean is above the level of its draw, which is above 0 and below 1."""
        drawn = self._drawn[j]
        excess: Floats = given - drawn.above
        for i, coefficient in drawn.on.items():
            excess += coefficient * found[i]
        return excess

    def column(self, j: int, Z: Floats, draws: Draws) -> Floats:
        """(n, M) draws of one unknown column."""
        if j in draws:
            return draws[j]
        rule = self._rule[j]
        column: Floats = (rule[0] + Z[:, self.known] @ rule[1 + self.known])[:, None] + self._noise[j]
        for i in draws:
            if rule[1 + i] != 0:
                column += rule[1 + i] * draws[i]
        return column

    def completed(self, Z: Floats, draws: Draws, members: slice) -> Floats32:
        """(q, n x m) columns with the unknown ones drawn, one draw for each of m members, in the trees' precision."""
        noise = self._noise[self._affine, members]
        completed = np.empty((Z.shape[1], len(Z), noise.shape[1]), dtype=np.float32)
        completed[self.known] = Z.T[self.known, :, None]
        rule = self._rule[self._affine]
        affine = (rule[:, :1] + rule[:, 1 + self.known] @ Z[:, self.known].T)[..., None] + noise[:, None]
        for j, drawn in draws.items():
            completed[j] = drawn[:, members]
        for j in self._carried:
            affine += rule[:, 1 + j, None, None] * draws[j][:, members]
        completed[self._affine] = affine
        return completed.reshape(len(completed), -1)


class Patterns:
    """The patterns of one model, each prepared when it is first met; the latest are kept. Threads may share it."""

    def __init__(self, conditional: ConditionalNormal, nodes: Floats, linear: Linear) -> None:
        self._conditional, self._nodes, self._linear = conditional, nodes, linear
        self._levels = normal_cdf(nodes).T
        self._kept = lru_cache(maxsize=PATTERNS_KEPT)(self._prepare)

    def of(self, known: Bools, below: Bools) -> Pattern:
        """known, below: (q,)."""
        return self._kept(known.tobytes(), below.tobytes())

    def _prepare(self, known: bytes, below: bytes) -> Pattern:
        masks = np.frombuffer(known, dtype=bool), np.frombuffer(below, dtype=bool)
        return Pattern(self._conditional, *masks, self._nodes, self._levels, self._linear)


def _order(conditional: ConditionalNormal, known: Bools, below: Bools) -> list[list[int]]:
    """Columns in the order in which they are drawn: below a limit, numbers, and indicators, those of a category together."""
    indicator = ~np.isnan(conditional.low)
    unknown = ~known & ~below
    single = [*np.flatnonzero(below), *np.flatnonzero(unknown & ~indicator)]
    blocks = sorted(set(conditional.block[unknown & indicator].tolist()))
    return [[int(j)] for j in single] + [np.flatnonzero(conditional.block == block).tolist() for block in blocks]


def _rules(
    conditional: ConditionalNormal, known: Bools, below: Bools, nodes: Floats
) -> tuple[Floats, Floats, dict[int, tuple[Floats, Floats, float]]]:
    """How every column follows from 1 and the columns that are known or are not affine.

    Returns (q, 1 + q) coefficients, (q, M) what the nodes add, and for each column that is not affine its conditional mean
    in the same two parts, with its conditional standard deviation.
    """
    q = len(known)
    rule, noise = np.zeros((q, 1 + q)), np.zeros((q, len(nodes)))
    rule[known, 1 + np.flatnonzero(known)] = 1.0
    centre: dict[int, tuple[Floats, Floats, float]] = {}
    order = _order(conditional, known, below)
    given = list(_given(known, order))
    masks = np.array(given, dtype=bool).reshape(-1, q)
    (regressions,), (covariances,) = conditionals_on(conditional.covariance[None], masks)
    for step, regression_of, covariance in zip(order, regressions, covariances, strict=True):
        for j in step:
            regression = regression_of[j]
            affine, drawn = regression @ rule, regression @ noise
            affine[0] += conditional.mean[j] - regression @ conditional.mean
            spread = float(np.sqrt(max(covariance[j, j], 0.0)))
            if below[j] or not np.isnan(conditional.low[j]):
                centre[j] = (affine, drawn, spread)
            else:
                rule[j], noise[j] = affine, drawn + spread * nodes[:, j]
        for j in step:
            if j in centre:
                rule[j, 1 + j] = 1.0
    return rule, noise, centre


def _given(known: Bools, order: list[list[int]]) -> Iterator[Bools]:
    """What is known, or drawn, before each step."""
    known = known.copy()
    for step in order:
        yield known.copy()
        known[step] = True
