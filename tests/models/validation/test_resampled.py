"""Figures of resamples: what is counted, what is set aside, and who was left out of which."""

import numpy as np
import pytest

from acrcast.validation.resampled import apparent_figures, resampled_figures

Y = np.array([1.0, 0.0, 1.0, 0.0])
WEIGHTS = np.array([[2.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 2.0]])
ONE_ARM = np.zeros(4)
RISK = np.array([[0.8, 0.3, 0.5, 0.4], [0.6, 0.2, 0.5, 0.7]])


def test_figures_within_a_resample_and_on_all_patients_by_hand():
    figures = resampled_figures(Y, WEIGHTS, RISK, ONE_ARM)
    # first resample: Brier (2 x .04 + .09 + .25) / 4 within, (.04 + .09 + .25 + .16) / 4 on all
    assert figures.within[1] == pytest.approx([0.105, (0.16 + 0.04 + 2 * 0.49) / 4])
    assert figures.original[1] == pytest.approx([0.135, (0.16 + 0.04 + 0.25 + 0.49) / 4])
    # C on all in the second: .6 above .2 only, .5 above .2 only: 2 of 4; within, the responder .6 against .2, .7, .7
    assert figures.original[0].tolist() == [1.0, 0.5]
    assert figures.within[0] == pytest.approx([1.0, 1 / 3])


def test_c_is_within_arms():
    figures = resampled_figures(Y, WEIGHTS, RISK, np.array([0.0, 0.0, 1.0, 1.0]))
    # the second fit: .6 above .2 in one arm, .5 below .7 in the other; in its resample only the first arm has a pair
    assert figures.original[0].tolist() == [1.0, 0.5]
    assert figures.within[0].tolist() == [1.0, 1.0]


def test_a_patient_counts_as_left_out_in_the_resamples_without_the_patient():
    left_out = resampled_figures(Y, WEIGHTS, RISK, ONE_ARM).left_out_loss
    assert left_out[0] == pytest.approx([np.nan, np.nan, 0.25, 0.16], nan_ok=True)
    assert left_out[1] == pytest.approx([np.nan, np.nan, np.log(2), -np.log(0.6)], nan_ok=True)


def test_one_patient_left_out_has_no_c():
    assert np.isnan(resampled_figures(Y, WEIGHTS, RISK, ONE_ARM).left_out_c).all()


def test_failed_fits_and_resamples_of_one_class_are_counted_and_not_used():
    weights = np.vstack([WEIGHTS, [2.0, 0.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 4.0, 0.0, 0.0]])
    risk = np.vstack([RISK, RISK, RISK[:1]])
    risk[3, 2] = np.nan
    risk[4] = np.nan
    figures = resampled_figures(Y, weights, risk, ONE_ARM)
    assert (figures.given, figures.failed, figures.one_class) == (5, 2, 1)
    assert figures.within.shape == figures.original.shape == (5, 2)
    assert figures.nothing_usable == "of 5 resamples 2 failed and 1 hold one class of outcome"


def test_apparent_figures_of_a_fit_by_maximum_likelihood(reference, golden_table, golden_design):
    trial = golden_table("trial.csv")
    coefficients = np.array(list(reference["logistic"]["coefficients"].values()))
    risk = 1 / (1 + np.exp(-golden_design(trial) @ coefficients))
    expected = [0.7442203639941, 0.2028043948099, 0.5858436294552, 1.0, 0.0]
    assert apparent_figures(trial["y"], risk, np.zeros(240)) == pytest.approx(expected, abs=1e-8)
