"""With thousands of patients less is repeated: what resampling adds to the uncertainty stays the same share of it."""

import numpy as np
import pytest

from acrcast.studies import load_study
from acrcast_training.commands.train import show_size
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.examples import example_table
from acrcast_training.select import folds_of, usual_repeats
from acrcast_training.validate import nested_repeats, usual_resamples


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
