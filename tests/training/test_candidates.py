"""The candidates behave as scikit-learn's own estimators do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from acrcast.errors import InputError, UsageError
from acrcast.estimators.candidates import CANDIDATES
from acrcast.studies import load_study
from acrcast_training.candidates import ResponseClassifier
from acrcast_training.data.examples import example_table
from acrcast_training.data.patients import patients_of_frame


@pytest.fixture(scope="module")
def trial():
    table = pd.read_csv(example_table("auranofin-ra"), dtype={"sex_code": str})
    y = table["self_assessment_month_5"].isin([4, 5]).to_numpy()
    return table[["arm", "age_years", "sex_code", "self_assessment"]], y


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_every_candidate_fits_and_gives_two_probabilities_that_add_up(trial, name):
    X, y = trial
    probabilities = ResponseClassifier("auranofin-ra", name).fit(X, y).predict_proba(X)
    assert probabilities.shape == (302, 2)
    assert np.all((probabilities > 0) & (probabilities < 1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_clone_is_unfitted_and_fits_to_the_same(trial):
    X, y = trial
    first = ResponseClassifier("auranofin-ra", "hierarchical", seed=3).fit(X, y)
    second = clone(first)
    assert not hasattr(second, "points_")
    np.testing.assert_array_equal(second.fit(X, y).predict_proba(X), first.predict_proba(X))


def test_scikit_learns_cross_validation_runs_it(trial):
    X, y = trial
    scores = cross_val_score(ResponseClassifier("auranofin-ra", "prespecified"), X, y, scoring="neg_log_loss", cv=3)
    # quoting the rate of the arm scores -0.681
    assert -0.66 < scores.mean() < -0.58


def test_prevalence_is_each_arms_jeffreys_mean(trial):
    X, y = trial
    given = ResponseClassifier("auranofin-ra", "prevalence").fit(X, y).predict_proba(X)[:, 1]
    # 58 of 149 and 73 of 153 responded
    np.testing.assert_allclose(given[X["arm"] == "placebo"], 58.5 / 150)
    np.testing.assert_allclose(given[X["arm"] == "auranofin"], 73.5 / 154)


def test_weights_stand_for_repeated_patients(trial):
    X, y = trial
    twice = np.repeat(np.arange(len(X)), 2)
    repeated = ResponseClassifier("auranofin-ra", "prespecified").fit(X.iloc[twice], y[twice])
    weighted = ResponseClassifier("auranofin-ra", "prespecified").fit(X, y, sample_weight=np.full(len(X), 2.0))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-9)


def test_an_unknown_arm_or_candidate_is_refused_in_words(trial):
    X, y = trial
    with pytest.raises(InputError, match="placebo or auranofin"):
        ResponseClassifier("auranofin-ra").fit(X.assign(arm="other"), y)
    with pytest.raises(UsageError, match="prevalence, prespecified"):
        ResponseClassifier("auranofin-ra", "forest").fit(X, y)
    with pytest.raises(InputError, match="two classes"):
        ResponseClassifier("auranofin-ra").fit(X, np.ones(len(X)))


def test_every_kind_of_missing_value_of_pandas_is_missing():
    study = load_study("ld-il2-ra")
    required = {"age_years": 54.0, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}
    frame = pd.DataFrame([required] * 4).assign(
        rf_positive=pd.array([True, None, False, None], dtype="boolean"),
        crp_mg_per_l=pd.array([22.0, None, 3.5, None], dtype="Float64"),
        haq_di=[1.5, np.nan, None, 0.5],
    )
    values = patients_of_frame(study, frame).values
    names = [field.name for field in study.contract.covariates]
    np.testing.assert_array_equal(values[:, names.index("rf_positive")], [1, np.nan, 0, np.nan])
    np.testing.assert_array_equal(values[:, names.index("crp_mg_per_l")], [22, np.nan, 3.5, np.nan])
    np.testing.assert_array_equal(values[:, names.index("haq_di")], [1.5, np.nan, np.nan, 0.5])
