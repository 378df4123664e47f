"""Smooth curves through outcomes: loess and lowess as R computes them, and a restricted cubic spline on the log-odds.

Each takes points in any order and answers at the points, or at `at` from the same fit. None takes missing values.
Time grows in proportion to the points, whatever their number.
"""

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.estimators.block_design import Design, row_blocks
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit

# R's loess fits where the data are cut until a cell holds at most this share of the neighbourhood.
CELL = 0.2
# The box round the data is this share of their range wider on each side (Cleveland & Grosse 1991, Stat Comput 1:47).
BOX_MARGIN = 0.005
# R's lowess fits points this share of the range apart and joins them by lines.
LOWESS_DELTA = 0.01
# A neighbour this close to the edge of the neighbourhood has hardly any weight.
NEARLY_EDGE = 0.999
# lowess fits no slope to neighbours within this share of the range.
SMALLEST_SPREAD = 0.001
PSEUDO_INVERSE_TOLERANCE = 100 * float(np.finfo(np.float64).eps)
# Harrell 2015, Regression Modeling Strategies, table 2.3; below 100 points the fifth from each end.
KNOT_QUANTILES = (0.05, 0.275, 0.5, 0.725, 0.95)
FEW_FOR_OUTER_QUANTILES = 100
FIFTH = 5
FEWEST_KNOTS = 3
# Numbers that a step holds at once: few enough for a processor's cache.
LARGEST_BLOCK = 60_000
# Numbers in the weights of one batch of fits.
LARGEST_BATCH = 1_000_000


def loess(x: Floats, y: Floats, span: float = 0.75, degree: int = 2, *, at: Floats | None = None) -> Floats:
    """Local polynomials with tricube weights, as R's `loess(y ~ x)`; NaN where `at` lies outside the range of x.

    x, y: (n,). span: share of the points in a neighbourhood, above 0, at most 1. degree: 0, 1 or 2.
    Like R, fits value and slope at the cuts of a tree over x and blends them by cubics. Where a neighbourhood has fewer
    distinct x than the polynomial needs, the degree is lowered (R takes a pseudo-inverse and warns); where it is one
    value only, it is widened to all points (R stops). Cleveland & Devlin 1988; Cleveland & Grosse 1991.
    """
    at = x if at is None else at
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    n = len(x)
    if x[0] == x[-1]:
        return _mean_there(x, y, at)
    places = _tree_places(x, int(n * span * CELL))
    count = min(n, max(int(n * span + 1e-5), degree + 1))
    value, slope = _local_polynomials(x, y, places, count, degree)
    cell = np.clip(np.searchsorted(places, at) - 1, 0, len(places) - 2)
    width = places[cell + 1] - places[cell]
    h = (at - places[cell]) / width
    blended = (1 - h) ** 2 * ((1 + 2 * h) * value[cell] + h * width * slope[cell]) + h**2 * (
        (3 - 2 * h) * value[cell + 1] + (h - 1) * width * slope[cell + 1]
    )
    fitted: Floats = np.where((at >= x[0]) & (at <= x[-1]), blended, np.nan)
    return fitted


def lowess(x: Floats, y: Floats, f: float = 2 / 3, *, at: Floats | None = None) -> Floats:
    """Local lines with tricube weights, as R's `lowess(x, y, f, iter = 0)`, joined by lines; NaN outside the range of x.

    x, y: (n,). f: share of the points in a neighbourhood. Without robustness iterations, which would take the rarer
    outcome for outliers. Cleveland 1979, J Am Stat Assoc 74:829.
    """
    at = x if at is None else at
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    n = len(x)
    if x[0] == x[-1]:
        return _mean_there(x, y, at)
    anchors = _lowess_anchors(x, LOWESS_DELTA * (x[-1] - x[0]))
    count = max(2, min(n, int(f * n + 1e-7)))
    fitted = np.empty(len(anchors))
    block = max(1, LARGEST_BLOCK // count)
    for first in range(0, len(anchors), block):
        fitted[first : first + block] = _local_lines(x, y, x[anchors[first : first + block]], count)
    joined: Floats = np.interp(at, x[anchors], fitted, left=np.nan, right=np.nan)
    return joined


def spline_knots(x: Floats) -> Floats:
    """At most 5 distinct knots at Harrell's quantiles of x: .05, .275, .5, .725, .95; fewer where x is much tied.

    With fewer than 100 points the outer knots are the fifth smallest and the fifth largest, as in R's `rcs`; with fewer
    than 10 the quantiles stay.
    """
    knots = np.quantile(x, KNOT_QUANTILES)
    if 2 * FIFTH <= len(x) < FEW_FOR_OUTER_QUANTILES:
        ordered = np.sort(x)
        knots[0], knots[-1] = ordered[FIFTH - 1], ordered[-FIFTH]
    return np.unique(knots)


def restricted_cubic_spline(x: Floats, y: Floats, *, knots: Floats | None = None, at: Floats | None = None) -> Floats:
    """Probability of the outcome by logistic regression on a cubic spline of x that is straight beyond its outer knots.

    x: (n,), for calibration the log-odds. y: (n,) 0 or 1. knots: (k,) increasing; by default `spline_knots(x)`. Fewer
    than 3 knots: a straight line. One outcome only: its share, 0 or 1. Stone & Koo 1985; Harrell 2015, 2.4.5.
    """
    if np.ptp(y) == 0:
        return np.full(len(x if at is None else at), y[0])
    curve: Floats = weighted_splines(x, y, np.ones((1, len(y))), knots=knots, at=at)[0]
    return curve


def weighted_splines(
    x: Floats, y: Floats, weights: Floats, *, knots: Floats | None = None, at: Floats | None = None
) -> Floats:
    """(B, g) the same curve for B sets of weights at once, at x or `at`. weights: (B, n), such as counts of a resample.

    The knots stay where they are for all sets: they belong to the design, not to the fit.
    """
    at = x if at is None else at
    knots = spline_knots(x) if knots is None else knots
    terms = _spline_terms(x, knots)
    centre, scale = terms.mean(axis=0), terms.std(axis=0)
    scale[scale == 0] = 1
    terms -= centre
    terms /= scale
    X = Design(1, len(x), terms.shape[1] + 1, make=lambda rows: np.insert(terms[rows], 0, 1.0, axis=1)[None])
    flat = np.zeros(X.columns)
    # All sets start from the fit of their sum, which is near them.
    whole = fit_logistic(X, y, weights.sum(axis=0, keepdims=True), flat).coefficients
    coefficients = np.empty((len(weights), X.columns))
    block = max(1, LARGEST_BATCH // len(x))
    for first in range(0, len(weights), block):
        some = weights[first : first + block]
        start = np.repeat(whole, len(some), axis=0)
        coefficients[first : first + block] = fit_logistic(X, y, some, flat, start=start).coefficients
    there = _spline_terms(at, knots)
    there -= centre
    there /= scale
    return expit(coefficients[:, :1] + coefficients[:, 1:] @ there.T)


def _mean_there(x: Floats, y: Floats, at: Floats) -> Floats:
    return np.where(at == x[0], y.mean(), np.nan)


def _tree_places(x: Floats, largest_cell: int) -> Floats:
    """Increasing: the ends of the box round x, and the data values at which cells are halved. x: (n,) increasing.

    A cut never divides equal values, as far as another is within reach of the cell's middle.
    """
    margin = BOX_MARGIN * max(x[-1] - x[0], 1e-10 * max(abs(x[0]), abs(x[-1])) + 1e-30)
    places = {float(x[0] - margin), float(x[-1] + margin)}
    steps = np.flatnonzero(x[1:] > x[:-1])
    cells = [(0, len(x) - 1, min(places), max(places))]
    while cells:
        first, last, low, high = cells.pop()
        if last - first + 1 <= largest_cell:
            continue
        middle = (first + last) // 2
        reach = max(0, last - 1 - middle)
        near = steps[np.searchsorted(steps, middle - reach) : np.searchsorted(steps, middle + reach, side="right")]
        if len(near) > 0 and first < last:
            # Of two steps that are equally near, the later.
            middle = int(near[len(near) - 1 - np.argmin(np.abs(near - middle)[::-1])])
        cut = float(x[middle])
        if cut in {low, high}:
            continue
        places.add(cut)
        cells += [(first, middle, low, cut), (middle + 1, last, cut, high)]
    return np.array(sorted(places))


def _first_of_nearest(x: Floats, at: Floats, count: int) -> Integers:
    """Index from which `count` values of x, increasing, are the nearest to each of `at`."""
    first: Integers = np.searchsorted(x[: len(x) - count] + x[count:], 2 * at)
    return first


def _local_polynomials(x: Floats, y: Floats, at: Floats, count: int, degree: int) -> tuple[Floats, Floats]:
    """(m,) values and (m,) slopes at `at` of polynomials fitted to the `count` nearest points. x: (n,) increasing."""
    first = _first_of_nearest(x, at, count)
    radius = np.maximum(at - x[first], x[first + count - 1] - at)
    radius = np.where(radius > 0, radius, np.maximum(at - x[0], x[-1] - at))
    terms = degree + 1
    coefficients = np.empty((len(at), terms))
    block = max(1, LARGEST_BLOCK // len(x))
    for start in range(0, len(at), block):
        part = slice(start, start + block)
        u = (x - at[part, None]) / radius[part, None]
        distance = np.abs(u)
        # Tricube weights and their roots are products: powers that are no squares are slow.
        tricube_root = np.maximum(1 - distance * distance * distance, 0)
        column = tricube_root * np.sqrt(tricube_root)
        known = np.arange(terms) < _distinct_inside(x, distance)[:, None]
        columns = np.zeros((len(u), terms + 1, max(len(x), terms + 1)))
        columns[:, terms, : len(x)] = column * y
        for power in range(terms):
            columns[:, power, : len(x)] = column * known[:, power, None]
            column = column * u
        triangle = np.asarray(np.linalg.qr(columns.swapaxes(1, 2), mode="r"), dtype=np.float64)
        inverse = np.linalg.pinv(triangle[:, :terms, :terms], rcond=PSEUDO_INVERSE_TOLERANCE)
        coefficients[part] = (inverse @ triangle[:, :terms, terms:])[:, :, 0]
    slope = coefficients[:, 1] / radius if degree > 0 else np.zeros(len(at))
    return coefficients[:, 0], slope


def _distinct_inside(x: Floats, distance: Floats) -> Integers:
    """(m,) distinct values of x that have weight. distance: (m, n), 1 at the edge of the neighbourhood."""
    rank = np.concatenate([[0], np.cumsum(x[1:] > x[:-1])])
    inside = distance < NEARLY_EDGE
    lowest = rank[np.argmax(inside, axis=1)]
    highest = rank[len(x) - 1 - np.argmax(inside[:, ::-1], axis=1)]
    distinct: Integers = np.where(inside.any(axis=1), highest - lowest + 1, 1)
    return distinct


def _lowess_anchors(x: Floats, delta: float) -> Integers:
    """Indices of the points that lowess fits: each the last within `delta` of the one before. x: (n,) increasing."""
    anchors = [0]
    while True:
        last = int(np.searchsorted(x, x[anchors[-1]], side="right")) - 1
        if last == len(x) - 1:
            return np.array(anchors)
        beyond = int(np.searchsorted(x, x[last] + delta, side="right"))
        anchors.append(max(last + 1, beyond - 1))


def _local_lines(x: Floats, y: Floats, at: Floats, count: int) -> Floats:
    """(m,) values at `at` of lines fitted to the `count` nearest points. x: (n,) increasing; at: some of x."""
    first = _first_of_nearest(x, at, count)
    near_x = np.lib.stride_tricks.sliding_window_view(x, count)[first]
    near_y = np.lib.stride_tricks.sliding_window_view(y, count)[first]
    near_x -= at[:, None]
    radius = np.maximum(-near_x[:, 0], near_x[:, -1])
    tied = radius == 0
    radius[tied] = 1
    distance = np.abs(near_x) / radius[:, None]
    weight = 1 - distance * distance * distance
    weight *= weight * weight * (distance <= NEARLY_EDGE)
    total = weight.sum(axis=1)
    level = np.einsum("mc,mc->m", weight, near_y) / total
    centre = np.einsum("mc,mc->m", weight, near_x) / total
    near_x -= centre[:, None]
    weight *= near_x
    spread = np.einsum("mc,mc->m", weight, near_x) / total
    sloped = np.sqrt(spread) > SMALLEST_SPREAD * (x[-1] - x[0])
    steep = np.einsum("mc,mc->m", weight, near_y) / total / np.where(sloped, spread, 1)
    fitted: Floats = level - np.where(sloped, centre * steep, 0)
    # A neighbourhood of one value: the mean of all that share it, whichever of them came first.
    for k in np.flatnonzero(tied):
        fitted[k] = y[x == at[k]].mean()
    return fitted


def _spline_terms(x: Floats, knots: Floats) -> Floats:
    """(n, 1 + k - 2) x and its restricted cubic terms."""
    if len(knots) < FEWEST_KNOTS:
        return x[:, None].copy()
    before_last, last = knots[-2], knots[-1]
    inner = knots[:-2]
    terms = np.empty((len(x), 1 + len(inner)))
    terms[:, 0] = x
    for rows in row_blocks(len(x), len(knots)):
        cubes = np.maximum(x[rows, None] - knots, 0) ** 3
        bent = (
            cubes[:, :-2]
            - cubes[:, -2:-1] * (last - inner) / (last - before_last)
            + cubes[:, -1:] * (before_last - inner) / (last - before_last)
        )
        np.divide(bent, (last - knots[0]) ** 2, out=terms[rows, 1:])
    return terms
