"""Data that a method may stumble over: each ends in a sentence or in a whole model with its report, and never in a NaN."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from acrcast.cli import root
from acrcast.errors import FitError

NO_NUMBER = re.compile(r"\b(nan|NaN|None|inf|Infinity|Undefined)\b")
CANDIDATES = {"prevalence", "prespecified", "hierarchical", "firth", "elastic-net", "xgboost"}

STUDY = '''
"""A trial of two arms with three measures, for the tests."""

from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study


class TestPatient(Patient):
    age_years: Annotated[float, Field(ge=18, le=100), Measure(label="Age", unit="years")]
    stage: Annotated[Literal["I", "II", "III"] | None, Measure(label="Stage")] = None
    pain_mm: Annotated[float | None, Field(ge=0, le=100), Measure(label="Pain", unit="mm")] = None
    worst_pain_mm: Annotated[float | None, Field(ge=0, le=200), Measure(label="Worst pain", unit="mm")] = None


STUDY = Study(
    key="hard",
    title="A hard trial",
    patient=TestPatient,
    arms=(Arm("new", "The new drug"), Arm("old", "The old drug")),
    control="old",
    endpoint=OutcomeColumn("Better", "better", frozenset({"yes"}), frozenset({"no"})),
    effect_modifiers=("pain_mm",),
    prespecified=("age_years",),
    intended_use="Research use only: made up.",
)
'''


def a_table(patients=48, seed=1):
    """Patients of both arms; older ones respond a little more often."""
    rng = np.random.default_rng(seed)
    age = np.round(rng.uniform(25, 80, patients))
    pain = np.round(rng.uniform(10, 90, patients))
    return pd.DataFrame(
        {
            "patient_id": [f"P{i:03}" for i in range(patients)],
            "arm": np.where(np.arange(patients) % 2, "new", "old"),
            "age_years": age,
            "stage": rng.choice(["I", "II", "III"], patients),
            "pain_mm": pain,
            "worst_pain_mm": np.round(rng.uniform(0, 200, patients)),
            "better": np.where(rng.random(patients) < 0.2 + 0.5 * (age > 50), "yes", "no"),
        }
    )


@dataclass(frozen=True)
class Run:
    """What the commands said and wrote."""

    folder: Path
    output: str

    @property
    def card(self):
        return json.loads((self.folder / "model" / "card.json").read_text())

    @property
    def page(self):
        return (self.folder / "report.html").read_text(encoding="utf-8")

    @property
    def words(self):
        return " ".join(re.sub("<[^>]*>", " ", self.page).split())

    @property
    def predictions(self):
        return pd.read_csv(self.folder / "predictions.csv")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the study, and one state for all runs."""
    folder = tmp_path_factory.mktemp("hard")
    (folder / "study.py").write_text(STUDY)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ACRCAST_STATE", str(folder / "state"))
        environment.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture
def acrcast(workplace):
    """Runs `acrcast COMMAND` for the study; warnings are errors."""

    def run(command, *arguments):
        options = [command, "--study", workplace / "study.py", *arguments]
        return CliRunner().invoke(root, [str(option) for option in options])

    return run


@pytest.fixture
def train(acrcast, tmp_path):
    def run(table):
        table.to_csv(tmp_path / "table.csv", index=False)
        options = ("--table", tmp_path / "table.csv", "--out", tmp_path / "model", "--repeats", 1, "--resamples", 20)
        return acrcast("train", *options)

    return run


@pytest.fixture
def whole(train, acrcast, tmp_path):
    """Trains on a table, makes its report and predicts its patients; all must succeed and hold numbers only."""

    def run(table):
        trained = train(table)
        assert trained.exit_code == 0, trained.output + repr(trained.exception)
        model = ("--model", tmp_path / "model")
        for command in (
            ("report", *model, "--out", tmp_path / "report.html"),
            ("predict", *model, "--in", tmp_path / "patients.csv", "--out", tmp_path / "predictions.csv"),
        ):
            table.drop(columns=["arm", "better"]).to_csv(tmp_path / "patients.csv", index=False)
            done = acrcast(*command)
            assert done.exit_code == 0, done.output + repr(done.exception)
        found = Run(tmp_path, trained.output)
        assert not NO_NUMBER.search(found.output)
        assert not NO_NUMBER.search(found.page)
        for part in ("card.json", "evidence.json", "manifest.json"):
            assert not re.search(r"\b(NaN|Infinity)\b", (tmp_path / "model" / part).read_text())
        for arm in ("treated", "control"):
            parts = [found.predictions[f"{arm}_{end}"] for end in ("low", "probability", "high")]
            assert all(np.isfinite(part).all() for part in parts)
            assert (parts[0] <= parts[1]).all()
            assert (parts[1] <= parts[2]).all()
        return found

    return run


# what cannot be learned from


@pytest.mark.parametrize(("answer", "responders"), [("yes", 48), ("no", 0)])
def test_one_class_of_outcome_is_refused_in_one_sentence(train, tmp_path, answer, responders):
    refused = train(a_table().assign(better=answer))
    assert isinstance(refused.exception, FitError)
    assert refused.exception.exit_code == 1
    assert str(refused.exception) == (
        f"{responders} of 48 patients responded: at least 2 responders and 2 non-responders are needed"
    )
    assert not (tmp_path / "model").exists()


def test_five_patients_are_refused_in_one_sentence(train, tmp_path):
    refused = train(a_table(5))
    assert str(refused.exception) == "5 patients: at least 10 are needed to fit and validate anything"
    assert not (tmp_path / "model").exists()


# what can be learned from, and what is then said of it


def test_an_arm_without_an_event_has_a_small_risk_with_an_interval(whole):
    table = a_table()
    found = whole(table.assign(better=table["better"].where(table["arm"] == "new", "no")))
    risk = found.predictions["control_probability"]
    # 0 of 24: the rule of three puts the upper end of a 95 % interval of the rate at 0.125
    assert 0.005 < risk.mean() < 0.125
    assert risk.gt(0.0005).all()
    assert found.predictions["control_high"].gt(5 * risk / 4).all()
    assert "The old drug 24 24 0 of 24 (0.0 %)" in found.words


@pytest.mark.slow
def test_an_arm_without_a_non_event_has_a_large_risk_with_an_interval(whole):
    table = a_table()
    found = whole(table.assign(better=table["better"].where(table["arm"] == "new", "yes")))
    risk = found.predictions["control_probability"]
    assert 0.875 < risk.mean() < 0.995
    assert risk.lt(0.9995).all()
    assert found.predictions["control_low"].lt(0.98).all()


@pytest.mark.slow
def test_a_covariate_that_nobody_has_is_said_to_be_missing_in_all(whole):
    found = whole(a_table().assign(worst_pain_mm=None))
    assert "Worst pain 100.0 %" in found.words
    assert "none known; 48 missing" in found.words


@pytest.mark.slow
def test_a_category_and_an_effect_modifier_that_nobody_has(whole):
    found = whole(a_table().assign(stage=None, pain_mm=None))
    assert "Stage 100.0 %" in found.words
    assert "Pain 100.0 %" in found.words


@pytest.mark.slow
def test_a_constant_covariate_changes_no_prediction(whole):
    found = whole(a_table().assign(pain_mm=40, stage="II"))
    assert set(found.predictions["support"]) <= {"inside", "edge", "outside"}
    assert "Pain, mm 40 (40 to 40)" in found.words


@pytest.mark.slow
def test_a_covariate_that_repeats_another(whole):
    table = a_table()
    found = whole(table.assign(worst_pain_mm=2 * table["pain_mm"]))
    assert set(found.card["validation"]["candidates"]) == CANDIDATES


@pytest.mark.slow
def test_a_named_measure_that_separates_the_outcomes(whole):
    table = a_table()
    found = whole(table.assign(better=np.where(table["age_years"] > 50, "yes", "no")))
    # what separates these 48 may not separate the next: nobody but the farthest has a risk that rounds to 0 or 1
    for arm in ("treated", "control"):
        assert found.predictions[f"{arm}_probability"].between(1e-6, 1 - 1e-6).mean() > 0.95
    assert found.card["validation"]["candidates"]["firth"]["c_statistic"]["value"] > 0.9


def test_resamples_that_hold_one_class_of_outcome_are_counted_and_left_out(whole):
    table = a_table(12)
    found = whole(table.assign(better=["yes", "yes"] + ["no"] * 10))
    failed = found.card["validation"]["optimism"]["failed"]
    # (10 / 12)^12 = 0.11 of resamples have none of the two responders, of 20 some 2
    assert 1 <= failed <= 8
    assert f"by 20 bootstrap resamples ({failed} failed)" in found.output
    assert f"{failed} of 20 resamples failed" in found.words
