"""Designs are made in blocks of rows that together are the whole design, and fits do not depend on the blocks."""

import numpy as np
import pytest

from acrcast.estimators import block_design
from acrcast.estimators.averaged import fit_averaged
from acrcast.estimators.block_design import Design
from acrcast.estimators.candidates import LogisticPoints
from acrcast.estimators.design import Terms
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit

# More rows of three columns than a block holds, and than are kept.
MANY = 300_000
ALL = np.arange(1)


def joined(design, fits=ALL):
    return np.concatenate([X for _, X in design.blocks(fits)], axis=1)


@pytest.mark.parametrize("rows", [1, 1000, 100_000, 800_000])
def test_the_blocks_are_the_design_each_time_that_they_are_gone_through(rows):
    X = np.arange(rows * 3.0).reshape(1, rows, 3)
    design = Design.of(X)
    np.testing.assert_array_equal(joined(design), X)
    np.testing.assert_array_equal(joined(design), X)


def test_no_block_is_larger_than_the_largest():
    blocks = list(Design.of(np.zeros((2, MANY, 3))).blocks(np.arange(2)))
    assert len(blocks) == 7  # 262,144 numbers in 43,690 rows of twice three columns
    assert max(X.size for _, X in blocks) <= block_design.LARGEST_BLOCK


def test_only_the_designs_of_these_fits_are_given():
    X = np.arange(24.0).reshape(4, 2, 3)
    np.testing.assert_array_equal(joined(Design.of(X), np.array([1, 3])), X[[1, 3]])


def test_one_design_is_shared_by_all_fits():
    X = np.arange(6.0).reshape(1, 2, 3)
    np.testing.assert_array_equal(joined(Design.of(X), np.array([1, 3])), X)


def test_rows_that_stand_for_one_patient_are_in_one_block():
    design = Design.of(np.zeros((1, MANY, 3))).only(np.arange(MANY - 7), together=7)
    assert all((rows.stop - rows.start) % 7 == 0 for rows, _ in design.blocks(ALL) if rows.stop < MANY - 7)


@pytest.mark.parametrize("firth", [False, True])
def test_a_fit_to_many_blocks_is_that_of_weights_on_few_rows(firth):
    rng = np.random.default_rng(0)
    few = np.column_stack([np.ones(100), rng.standard_normal((100, 2))])
    y = (rng.random(100) < expit(few @ [0.2, 1.0, -0.5])).astype(float)
    weighted = fit_logistic(few[None], y, np.full((1, 100), MANY / 100), np.ones(3), firth=firth)
    whole = fit_logistic(np.resize(few, (1, MANY, 3)), np.resize(y, MANY), np.ones((1, MANY)), np.ones(3), firth=firth)
    np.testing.assert_allclose(whole.coefficients, weighted.coefficients, rtol=0, atol=1e-9)
    np.testing.assert_allclose(whole.information, weighted.information, rtol=1e-9)


def test_a_fit_to_many_incomplete_patients_is_that_of_weights_on_few():
    rng = np.random.default_rng(1)
    few = np.column_stack([np.ones(300), rng.standard_normal((300, 2))])
    y = (rng.random(100) < 0.4).astype(float)
    times = MANY // 300
    weighted = fit_averaged(few[None], y, np.full((1, 100), float(times)), np.arange(0, 300, 3), np.ones(3))
    whole = fit_averaged(
        np.resize(few, (1, MANY, 3)),
        np.resize(y, 100 * times),
        np.ones((1, 100 * times)),
        np.arange(0, MANY, 3),
        np.ones(3),
    )
    np.testing.assert_allclose(whole.coefficients, weighted.coefficients, rtol=0, atol=1e-9)


def test_the_risks_of_many_patients_are_those_of_each(auranofin):
    terms = Terms.of(auranofin)
    rng = np.random.default_rng(2)
    Z, arm = rng.standard_normal((1, MANY, len(terms.columns))), rng.choice([-0.5, 0.5], MANY)
    coefficients = rng.standard_normal((1, terms.size))
    risk = LogisticPoints(terms, coefficients).risk(arm, Z)
    some = [0, 50_000, MANY - 1]
    expected = expit(terms.matrix(arm[some], Z[0, some]) @ coefficients[0])
    np.testing.assert_allclose(risk[0, some], expected, rtol=1e-12)
