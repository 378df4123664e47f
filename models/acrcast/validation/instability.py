"""How much each patient's risk depends on who happened to be in the trial. Riley & Collins 2023, Biom J 65:2200302."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from acrcast.arrays import Floats, Integers
from acrcast.validation.weighted import blocks

QUANTILES = (0.025, 0.5, 0.975)
THRESHOLDS = (0.5,)


@dataclass(frozen=True, slots=True)
class Instability:
    """The spread of n patients' risks over refits of the whole procedure in resamples.

    risk: (n,) from the model fitted to all patients.
    levels: of the quantiles. quantiles: (len(levels), n) of each patient's risks over the resamples.
    mape: (n,) mean absolute difference of a patient's resample risks from `risk`; 0 is stable. mean_mape, worst_mape:
    over patients.
    thresholds: at or above which a patient is classified as a responder. classification: (len(thresholds), n) share
    of resamples that classify the patient otherwise than `risk` does. mean_classification: (len(thresholds),) over
    patients.
    resamples: given. failed: of them, fits that failed and are not used.
    reason: why everything is NaN; empty when nothing is.
    """

    risk: Floats
    levels: tuple[float, ...]
    quantiles: Floats
    mape: Floats
    mean_mape: float
    worst_mape: float
    thresholds: tuple[float, ...]
    classification: Floats
    mean_classification: Floats
    resamples: int
    failed: int
    reason: str


@dataclass(frozen=True, slots=True)
class InstabilityPlot:
    """What the plots of Riley & Collins show, patients in the order of their risk.

    patient: (n,) positions in the order that was given. risk, low, high, mape: (n,) x, the outermost quantiles, and
    the mean absolute difference. classification: (len(thresholds), n).
    points: (k, 2) pairs of risk and resample risk, at most as many as were asked for, spread evenly over patients and
    resamples.
    """

    patient: Integers
    risk: Floats
    low: Floats
    high: Floats
    mape: Floats
    classification: Floats
    points: Floats


def instability(
    apparent: Floats,
    risk: Floats,
    thresholds: Sequence[float] = THRESHOLDS,
    levels: Sequence[float] = QUANTILES,
) -> Instability:
    """Spread of the risks of n patients over B resamples.

    apparent: (n,) from the model fitted to all patients. risk: (B, n) of all patients by the fit of each resample.
    A row that is not all numbers is a failed fit and counted. thresholds, levels: each between 0 and 1.
    """
    worked = np.isfinite(risk).all(axis=1)
    used, n = (risk if worked.all() else risk[worked]), len(apparent)
    quantiles, classification = np.full((len(levels), n), np.nan), np.full((len(thresholds), n), np.nan)
    mape = np.full(n, np.nan)
    failed = int(np.sum(~worked))
    if len(used):
        for block in blocks(n, len(used)):
            part, own = used[:, block], apparent[block]
            quantiles[:, block] = np.quantile(part, levels, axis=0)
            mape[block] = np.abs(part - own).mean(axis=0)
            for k, threshold in enumerate(thresholds):
                classification[k, block] = ((part >= threshold) != (own >= threshold)).mean(axis=0)
    return Instability(
        risk=apparent,
        levels=tuple(levels),
        quantiles=quantiles,
        mape=mape,
        mean_mape=float(mape.mean()),
        worst_mape=float(mape.max()),
        thresholds=tuple(thresholds),
        classification=classification,
        mean_classification=classification.mean(axis=1),
        resamples=len(risk),
        failed=failed,
        reason="" if len(used) else _why_nothing(len(risk)),
    )


def instability_plot(found: Instability, risk: Floats, most_points: int = 20_000) -> InstabilityPlot:
    """risk: (B, n) as given to `instability`."""
    order = np.argsort(found.risk, kind="stable")
    return InstabilityPlot(
        patient=order,
        risk=found.risk[order],
        low=found.quantiles[int(np.argmin(found.levels)), order],
        high=found.quantiles[int(np.argmax(found.levels)), order],
        mape=found.mape[order],
        classification=found.classification[:, order],
        points=_points(found.risk[order], risk[np.isfinite(risk).all(axis=1)][:, order], most_points),
    )


def _points(own: Floats, resampled: Floats, most: int) -> Floats:
    """Of the table of resamples and patients, cells that are evenly spread when it is read patient by patient."""
    count = min(most, resampled.size)
    cell = np.arange(count) * resampled.size // max(1, count)
    patient, resample = np.divmod(cell, max(1, len(resampled)))
    return np.column_stack([own[patient], resampled[resample, patient]])


def _why_nothing(given: int) -> str:
    return f"all {given} resamples failed" if given else "no resamples"
