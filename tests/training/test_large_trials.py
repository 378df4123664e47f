"""With thousands of patients less is repeated: what resampling adds to the uncertainty stays the same share of it."""

import numpy as np
import pytest

from acrcast.memory import given_back
from acrcast.studies import load_study
from acrcast.validation import resampling
from acrcast.validation.resampling import bootstrap_weights, resampled_risks, risks_in_batches
from acrcast_training import validate as module
from acrcast_training.commands.train import show_size
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.examples import example_table
from acrcast_training.fit import trial_rows
from acrcast_training.select import folds_of, usual_repeats
from acrcast_training.validate import nested_repeats, usual_resamples, validate


@pytest.mark.parametrize(
    ("patients", "folds", "repeats", "resamples", "nested"),
    [
        (47, 10, 5, 200, 2),
        (5_000, 10, 5, 200, 2),
        (10_000, 5, 2, 100, 1),
        (25_000, 3, 1, 40, 1),
        (1_000_000, 3, 1, 40, 1),
    ],
)
def test_folds_repeats_and_resamples_of_so_many_patients(patients, folds, repeats, resamples, nested):
    responded = np.arange(patients) % 2 == 0
    assert (folds_of(responded), usual_repeats(patients), usual_resamples(patients)) == (folds, repeats, resamples)
    assert nested_repeats(patients) == nested


def test_no_fold_is_without_a_responder():
    assert folds_of(np.arange(20_000) < 2) == 2


@pytest.mark.parametrize(("patients", "said"), [(5_000, False), (5_001, True)])
def test_it_is_said_that_less_is_repeated(capsys, patients, said):
    cohort = load_cohort(load_study("auranofin-ra"), table=example_table("auranofin-ra"))
    show_size(cohort.rows(np.resize(np.arange(len(cohort)), patients)))
    assert ("fewer folds, repeats and resamples" in capsys.readouterr().out) == said


def test_of_many_patients_some_show_how_stable_the_risks_are(monkeypatch):
    monkeypatch.setattr(module, "SMALL_TRIAL", 30)
    cohort = load_cohort(load_study("auranofin-ra"), table=example_table("auranofin-ra")).rows(slice(100))
    found = validate(trial_rows(cohort), "prespecified", resamples=3, seed=1)
    assert found.served.resampled.shape == (3, 30)
    assert found.served.apparent.shape == (30,)
    monkeypatch.setattr(module, "SMALL_TRIAL", 100)
    everybody = validate(trial_rows(cohort), "prespecified", resamples=3, seed=1)
    assert set(found.served.apparent) < set(everybody.served.apparent)
    assert repr(found.optimism) == repr(everybody.optimism)


class Backwards:
    """An engine that finishes the last task first."""

    def map(self, function, shared, tasks):
        for task in reversed([*tasks]):
            yield task, function(shared, task)


def test_resamples_are_taken_in_their_order_whoever_finishes_first(monkeypatch):
    monkeypatch.setattr(resampling, "LARGEST_BATCH", 2)
    cohort = load_cohort(load_study("auranofin-ra"), table=example_table("auranofin-ra")).rows(slice(60))
    rows = trial_rows(cohort)
    weights = bootstrap_weights(rows.arm, 7, np.random.default_rng(1))
    expected = resampled_risks(rows, ("prespecified",), weights, seed=(1,))["prespecified"]
    parts = list(risks_in_batches(rows, ("prespecified",), weights, seed=(1,), engine=Backwards()))
    assert [part.start for part, _ in parts] == [0, 2, 4, 6]
    np.testing.assert_array_equal(np.concatenate([risks["prespecified"] for _, risks in parts]), expected)


def test_memory_is_given_back_whether_or_not_the_reading_succeeds():
    with pytest.raises(ValueError, match="unreadable"), given_back():
        raise ValueError("unreadable")
