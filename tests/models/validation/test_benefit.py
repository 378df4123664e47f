"""All figures of benefit together: one arm, a handful of patients, and an arm in which nothing happens."""

import math
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from acrcast.validation.benefit import benefit_performance
from acrcast.validation.performance import Estimate
from acrcast.validation.randomised import NotApplicable, two_arms


def unexplained(result, reason=""):
    """Names of figures that are NaN although nothing around them says why."""
    reason = getattr(result, "reason", reason)
    for field in fields(result):
        value = getattr(result, field.name)
        if isinstance(value, Estimate | float):
            parts = (value.value, value.low, value.high) if isinstance(value, Estimate) else (value,)
            if any(map(math.isnan, parts)) and not reason:
                yield field.name
        elif isinstance(value, tuple):
            for part in value:
                yield from unexplained(part)
        elif is_dataclass(value):
            yield from unexplained(value, reason)


def test_one_arm_is_not_applicable():
    y = np.array([1.0, 0.0, 1.0])
    found = benefit_performance(two_arms(y, np.ones(3, dtype=bool), None, y), np.random.default_rng(1))
    assert found == NotApplicable("one arm only: a benefit is a difference between two")


def test_two_arms_answer_everything(a_randomised_trial):
    found = benefit_performance(
        a_randomised_trial(1, patients=80), np.random.default_rng(1), thresholds=(0.0, 0.1), groups=3, resamples=20
    )
    assert found.average.treated == found.average.control == 40
    assert len(found.policies) == 2
    assert len(found.calibration.groups) == 3
    assert found.pairs.pairs == 40
    assert found.ranking.curve.share[-1] == 1.0
    assert list(unexplained(found)) == []


@pytest.mark.parametrize("patients", [2, 3, 5])
@pytest.mark.parametrize("responders", ["nobody", "everybody", "the treated", "the first"])
@pytest.mark.parametrize("predictions", ["equal", "different"])
def test_a_handful_of_patients_gives_numbers_or_reasons(patients, responders, predictions):
    treated = np.arange(patients) % 2 == 0
    y = {
        "nobody": np.zeros(patients),
        "everybody": np.ones(patients),
        "the treated": treated.astype(float),
        "the first": (np.arange(patients) == 0).astype(float),
    }[responders]
    risk = np.full(patients, 0.5) if predictions == "equal" else np.linspace(0.2, 0.9, patients)
    found = benefit_performance(
        two_arms(y, treated, np.full(patients, 0.4), risk), np.random.default_rng(1), resamples=20
    )
    assert list(unexplained(found)) == []
