"""Many patients at once get the risks that each gets alone."""

import numpy as np
import pytest

from acrcast.arrays import alike
from acrcast.many import risks_of_many


def _numbers(risks):
    arms = [arm for arm in (risks.treated, risks.control, risks.benefit) if arm is not None]
    return [getattr(arm, name) for arm in arms for name in ("probability", "low", "high")]


@pytest.mark.parametrize("candidate", ["prevalence", "hierarchical", "xgboost"])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_risks_of_many_are_those_of_the_model(a_model, a_trial, ld_il2, candidate, missing):
    model = a_model(candidate)
    Z, below = model.standardise(a_trial(ld_il2, 300, seed=4, missing=missing, below=missing / 2).covariates)
    expected, found = model.risks_of(Z, below, 0.9), risks_of_many(model, Z, below, 0.9)
    for one, other in zip(_numbers(found), _numbers(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.probability_positive, expected.probability_positive)


def test_rows_that_are_alike_are_found_together():
    masks = np.array([[True, False], [False, False], [True, False], [False, True]])
    assert sorted(rows.tolist() for rows in alike(masks)) == [[0, 2], [1], [3]]
    assert [rows.tolist() for rows in alike(masks[[0, 2]])] == [[0, 1]]
    assert alike(masks[:0]) == []
