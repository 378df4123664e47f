"""Instability of risks over resamples: R's values, worked examples, and what happens where there is nothing to judge."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.validation.instability import instability, instability_plot

APPARENT = np.array([0.6, 0.2, 0.5])
RISK = np.array([[0.7, 0.1, 0.5], [0.4, 0.2, 0.45], [0.6, 0.5, 0.7], [0.5, 0.2, 0.3]])
PROBABILITIES = st.floats(0, 1)


def test_mape_and_classification_of_r(golden, golden_table, golden_design):
    trial = golden_table("trial.csv")
    with (golden / "resamples.csv").open(newline="") as file:
        picked = np.array(list(csv.reader(file)), dtype=int) - 1
    weights = np.stack([np.ones(240), *(np.bincount(row, minlength=240) for row in picked)]).astype(float)
    X = golden_design(trial)
    risk = expit(fit_logistic(X[None], trial["y"], weights, np.zeros(8)).coefficients @ X.T)
    found = instability(risk[0], risk[1:])
    assert found.mean_mape == pytest.approx(0.0644247086773, abs=1e-8)
    assert found.worst_mape == pytest.approx(0.1330495833836, abs=1e-8)
    assert found.mean_classification == pytest.approx([0.1244166666667], abs=1e-8)
    assert (found.resamples, found.failed, found.reason) == (100, 0, "")


def test_each_patient_by_hand():
    found = instability(APPARENT, RISK, thresholds=(0.5, 0.2), levels=(0.0, 0.5, 1.0))
    assert found.mape == pytest.approx([0.1, 0.1, 0.1125])
    assert found.mean_mape == pytest.approx(0.3125 / 3)
    assert found.worst_mape == pytest.approx(0.1125)
    assert found.quantiles == pytest.approx(np.array([[0.4, 0.1, 0.3], [0.55, 0.2, 0.475], [0.7, 0.5, 0.7]]))
    # a risk of exactly the threshold is at or above it
    assert found.classification.tolist() == [[0.25, 0.25, 0.5], [0.0, 0.25, 0.0]]
    assert found.mean_classification == pytest.approx([1 / 3, 0.25 / 3])


def test_refits_that_agree_are_stable():
    found = instability(APPARENT, np.tile(APPARENT, (5, 1)))
    assert (found.mean_mape, found.worst_mape, found.mean_classification.tolist()) == (0.0, 0.0, [0.0])
    assert (found.quantiles == APPARENT).all()


def test_failed_fits_are_counted_and_not_used():
    broken = np.vstack([RISK, [0.5, np.nan, 0.5], [np.inf, 0.1, 0.1]])
    found, clean = instability(APPARENT, broken), instability(APPARENT, RISK)
    assert (found.resamples, found.failed) == (6, 2)
    assert found.mape == pytest.approx(clean.mape)
    assert found.quantiles == pytest.approx(clean.quantiles)


@pytest.mark.parametrize(
    ("risk", "reason"), [(np.full((2, 3), np.nan), "all 2 resamples failed"), (np.empty((0, 3)), "no resamples")]
)
def test_without_a_refit_that_worked_the_reason_is_given(risk, reason):
    found = instability(APPARENT, risk)
    assert found.reason == reason
    assert math.isnan(found.mean_mape)
    assert np.isnan(found.quantiles).all()
    plot = instability_plot(found, risk)
    assert plot.points.shape == (0, 2)
    assert plot.risk.tolist() == [0.2, 0.5, 0.6]


def test_the_plot_shows_patients_by_risk_with_their_band():
    plot = instability_plot(instability(APPARENT, RISK, levels=(0.0, 0.5, 1.0)), RISK)
    assert plot.patient.tolist() == [1, 2, 0]
    assert plot.risk.tolist() == [0.2, 0.5, 0.6]
    assert plot.low.tolist() == [0.1, 0.3, 0.4]
    assert plot.high.tolist() == [0.5, 0.7, 0.7]
    assert plot.mape == pytest.approx([0.1, 0.1125, 0.1])
    assert plot.classification.tolist() == [[0.25, 0.5, 0.25]]
    assert plot.points.tolist() == [
        *([0.2, r] for r in (0.1, 0.2, 0.5, 0.2)),
        *([0.5, r] for r in (0.5, 0.45, 0.7, 0.3)),
        *([0.6, r] for r in (0.7, 0.4, 0.6, 0.5)),
    ]


def test_the_plot_thins_its_points_evenly():
    points = instability_plot(instability(APPARENT, RISK), RISK, most_points=6).points
    assert points[:, 0].tolist() == [0.2, 0.2, 0.5, 0.5, 0.6, 0.6]
    assert points[:, 1].tolist() == [0.1, 0.5, 0.5, 0.7, 0.7, 0.6]


@given(
    arrays(float, 7, elements=PROBABILITIES),
    arrays(float, (9, 7), elements=PROBABILITIES),
    st.permutations(range(7)),
    st.permutations(range(9)),
)
def test_the_order_of_patients_and_resamples_does_not_matter(apparent, risk, patients, resamples):
    patients, resamples = list(patients), list(resamples)
    plain, shuffled = instability(apparent, risk), instability(apparent[patients], risk[resamples][:, patients])
    assert shuffled.mape == pytest.approx(plain.mape[patients])
    assert shuffled.quantiles == pytest.approx(plain.quantiles[:, patients])
    assert shuffled.mean_classification == pytest.approx(plain.mean_classification)


@given(arrays(float, 7, elements=PROBABILITIES), arrays(float, (9, 7), elements=PROBABILITIES))
def test_figures_stay_in_their_ranges(apparent, risk):
    found = instability(apparent, risk, thresholds=(0.0, 0.3, 1.0))
    assert ((found.mape >= 0) & (found.mape <= 1)).all()
    assert found.mean_mape <= found.worst_mape + 1e-15
    assert ((found.classification >= 0) & (found.classification <= 1)).all()
    assert (found.classification[0] == 0).all()  # everybody is at or above 0
    assert (np.diff(found.quantiles, axis=0) >= 0).all()
