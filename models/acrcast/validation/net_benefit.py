"""Net benefit of treating by the model's risk, against treating everyone and no one (Vickers & Elkin 2006).

In responders per patient: those treated who respond, less those treated in vain at the threshold's own exchange rate.
A patient is treated when the risk is at or above the threshold.
"""

from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Bools, Bytes, Floats, Integers
from acrcast.validation.cross_fitted import EVERYBODY
from acrcast.validation.cross_validated import CrossValidated
from acrcast.validation.performance import log_odds_of

# Numbers that a step holds at once.
LARGEST_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class NetBenefit:
    """threshold, model, treat_all, treat_none: (t,)."""

    threshold: Floats
    model: Floats
    treat_all: Floats
    treat_none: Floats

    @property
    def gain(self) -> Floats:
        """(t,) model minus the better of treating everyone and no one."""
        return self.model - np.maximum(self.treat_all, self.treat_none)


@dataclass(frozen=True, slots=True)
class NetBenefitGain:
    """Net benefit of the model minus the better of treating everyone and no one, with its interval. All (t,)."""

    threshold: Floats
    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class CorrectedNetBenefit:
    """Net benefit less its optimism. All (t,). resamples: those used; failed: those with a risk that is not a number."""

    threshold: Floats
    apparent: Floats
    optimism: Floats
    treat_all: Floats
    resamples: int
    failed: int

    @property
    def corrected(self) -> Floats:
        """(t,) what to expect in new patients."""
        return self.apparent - self.optimism


def net_benefit(risk: Floats, y: Floats, thresholds: Floats) -> NetBenefit:
    """Net benefit at each threshold. Vickers & Elkin 2006, Med Decis Making 26:565.

    risk: (n,) from 0 to 1. y: (n,) 0 or 1. thresholds: (t,) in any order, at least 0 and below 1. ValueError outside
    these, or without patients.
    """
    _check(risk[None], y, thresholds)
    responders, others = _treated(risk[None], y, np.ones((1, len(y))), thresholds)
    model = _value(responders, others, len(y), thresholds)[0]
    return NetBenefit(thresholds, model, _treat_all(y, thresholds), np.zeros(len(thresholds)))


def net_benefit_of_each(risk: Floats, y: Floats, threshold: float) -> Floats:
    """(n,) what each patient adds, as one of those with a risk of at least `threshold`; its mean is the net benefit.

    With risks of 1 it is that of treating everyone. risk, y: (n,). threshold: below 1.
    """
    return np.where(risk >= threshold, y - (1 - y) * threshold / (1 - threshold), 0.0)


def net_benefit_gain(
    risk: Floats,
    y: Floats,
    thresholds: Floats,
    *,
    resamples: int = 1000,
    rng: np.random.Generator,
    level: float = 0.95,
    fits: CrossValidated | None = None,
    among: Bools | slice = EVERYBODY,
) -> NetBenefitGain:
    """What the model gains over the better of treating everyone and no one, with a percentile bootstrap interval.

    Arguments as in `net_benefit`. Each resample of patients gives the model and its rivals together, and the better rival
    is found anew in it. The risks are taken as fixed: not for the patients that the model was made from. fits: where the
    risks are means over a cross-validation. Patients then share the fits, and of two each has a part in whether the other is
    treated; to the resamples that chance is added. among: whose risks of all those fitted these are.
    """
    apparent = net_benefit(risk, y, thresholds)
    order = np.argsort(thresholds, kind="stable")
    ordered = thresholds[order]
    # Patients between the same two thresholds with the same outcome are alike: their numbers are drawn, not they.
    cells = len(thresholds) + 1
    cell = np.searchsorted(ordered, risk, side="right") + cells * (y == 1)
    share = np.bincount(cell, minlength=2 * cells) / len(y)
    drawn = rng.multinomial(len(y), share, size=resamples)
    others, responders = _at_or_above(drawn[:, :cells]), _at_or_above(drawn[:, cells:])
    model = _value(responders, others, len(y), ordered)
    rate = drawn[:, cells:].sum(axis=1, keepdims=True) / len(y)
    everyone = rate - (1 - rate) * _exchange_rate(ordered)
    gain = np.empty_like(model)
    gain[:, order] = model - np.maximum(everyone, 0)
    if fits is not None:
        gain += rng.standard_normal((resamples, 1)) * _spread_of_shared_fits(fits, risk, y, thresholds, among)
    low, high = np.quantile(gain, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return NetBenefitGain(thresholds, apparent.gain, low, high)


def _spread_of_shared_fits(
    fits: CrossValidated, risk: Floats, y: Floats, thresholds: Floats, among: Bools | slice
) -> Floats:
    """(t,) by how much the net benefit varies because of two patients each has a part in whether the other is treated."""
    log_odds, outcome = np.full((2, len(fits.arm)), np.nan)
    log_odds[among], outcome[among] = log_odds_of(risk), y
    log_odds, outcome, variances = log_odds[fits.kept], outcome[fits.kept], []
    judged = np.isfinite(log_odds)
    for threshold, exchanged in zip(thresholds, _exchange_rate(thresholds), strict=True):
        at_stake = outcome - (1 - outcome) * exchanged
        parts = at_stake**2 * fits.doubt(log_odds - log_odds_of(threshold))
        variances.append(fits.shared_variance(parts[judged]))
    return np.sqrt(variances)


class NetBenefitOfResamples:
    """Collects the optimism of the net benefit from resamples that come some at a time."""

    def __init__(self, y: Floats, thresholds: Floats) -> None:
        self._y, self._thresholds = y, thresholds
        self._optimism = np.zeros(len(thresholds))
        self._used = self._failed = 0

    def add(self, weights: Floats | Bytes, risk: Floats) -> None:
        """weights: (b, n) how often, or with what weight, a resample holds the patient; not negative, their sum above 0.

        risk: (b, n) of all patients by the model of each resample. One with a risk that is NaN is left out and counted.
        """
        y, thresholds = self._y, self._thresholds
        rows = np.flatnonzero(np.isfinite(risk).all(axis=1))
        self._used += len(rows)
        self._failed += len(risk) - len(rows)
        block = max(1, LARGEST_BLOCK // len(y))
        for first in range(0, len(rows), block):
            some = rows[first : first + block]
            held, weight = risk[some], weights[some].astype(np.float64, copy=False)
            _check(held, y, thresholds)
            total = weight.sum(axis=1, keepdims=True)
            within = _value(*_treated(held, y, weight, thresholds), total, thresholds)
            without = _value(*_treated(held, y, np.ones((1, len(y))), thresholds), len(y), thresholds)
            self._optimism += (within - without).sum(axis=0)

    def corrected(self, apparent: Floats) -> CorrectedNetBenefit:
        """apparent: (n,) risks by the model of all patients. With no resample used the optimism is NaN. ValueError as in `net_benefit`."""
        here = net_benefit(apparent, self._y, self._thresholds)
        nothing = np.full(len(self._thresholds), np.nan)
        return CorrectedNetBenefit(
            threshold=self._thresholds,
            apparent=here.model,
            optimism=self._optimism / self._used if self._used else nothing,
            treat_all=here.treat_all,
            resamples=self._used,
            failed=self._failed,
        )


def corrected_net_benefit(
    apparent_risk: Floats, resample_risk: Floats, weights: Floats | Bytes, y: Floats, thresholds: Floats
) -> CorrectedNetBenefit:
    """Net benefit corrected for optimism: Harrell's bootstrap, Harrell, Lee & Mark 1996, Stat Med 15:361.

    Optimism is the mean over resamples of the net benefit in the resample minus that in all patients. Of resamples that are
    there together: `NetBenefitOfResamples` with apparent_risk (n,), resample_risk and weights (B, n).
    """
    found = NetBenefitOfResamples(y, thresholds)
    found.add(weights, resample_risk)
    return found.corrected(apparent_risk)


def _check(risk: Floats, y: Floats, thresholds: Floats) -> None:
    if len(y) == 0:
        raise ValueError("net benefit: expected at least one patient")
    if not np.all((risk >= 0) & (risk <= 1)):
        raise ValueError("net benefit: expected risks from 0 to 1")
    if not np.all((thresholds >= 0) & (thresholds < 1)):
        raise ValueError("net benefit: expected thresholds of at least 0 and below 1")


def _exchange_rate(thresholds: Floats) -> Floats:
    """(t,) patients treated in vain that weigh as much as one responder treated, inverted."""
    return thresholds / (1 - thresholds)


def _treat_all(y: Floats, thresholds: Floats) -> Floats:
    rate = float(y.mean())
    return rate - (1 - rate) * _exchange_rate(thresholds)


def _value(responders: Floats, others: Floats, patients: Floats | float, thresholds: Floats) -> Floats:
    """(B, t) net benefit from the weights of treated responders and others."""
    value: Floats = (responders - others * _exchange_rate(thresholds)) / patients
    return value


def _treated(risk: Floats, y: Floats, weights: Floats, thresholds: Floats) -> tuple[Floats, Floats]:
    """(B, t) weights of the responders, and of the others, with a risk at or above each threshold.

    risk: (B, n). weights: (B, n) or (1, n).
    """
    order = np.argsort(thresholds, kind="stable")
    cells = len(thresholds) + 1
    cell = np.searchsorted(thresholds[order], risk, side="right") + cells * np.arange(len(risk))[:, None]
    treated = []
    for chosen in (y, 1 - y):
        held = np.broadcast_to(weights * chosen, risk.shape)
        counts = np.bincount(cell.ravel(), held.ravel(), minlength=cells * len(risk)).reshape(len(risk), cells)
        back = np.empty((len(risk), len(thresholds)))
        back[:, order] = _at_or_above(counts)
        treated.append(back)
    return treated[0], treated[1]


def _at_or_above(counts: Floats | Integers) -> Floats:
    """(B, t) sums from each threshold up. counts: (B, t + 1), the first below all thresholds."""
    return np.cumsum(counts[:, :0:-1], axis=1)[:, ::-1].astype(np.float64)
