"""The report on a model: what it must hold, what it must never hold, and that it needs nothing but itself."""

import itertools
import json
import re
from html.parser import HTMLParser
from typing import Annotated, Literal

import numpy as np
import pytest
from click.testing import CliRunner
from pydantic import Field

from acrcast.contract import Covariates, Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study, load_study
from acrcast_training.commands.report import report
from acrcast_training.data.cohort import Cohort, load_cohort
from acrcast_training.data.examples import example_table
from acrcast_training.report import report_on
from acrcast_training.train import train, write

OFFICIAL_ITEMS = [
    "1",
    "2",
    "3a",
    "3b",
    "3c",
    "4",
    "5a",
    "5b",
    "6a",
    "6b",
    "6c",
    "7",
    "8a",
    "8b",
    "8c",
    "9a",
    "9b",
    "9c",
    "10",
    "11",
    "12a",
    "12b",
    "12c",
    "12d",
    "12e",
    "12f",
    "12g",
    "13",
    "14",
    "15",
    "16",
    "17",
    "18a",
    "18b",
    "18c",
    "18d",
    "18e",
    "18f",
    "19",
    "20a",
    "20b",
    "20c",
    "21",
    "22",
    "23a",
    "23b",
    "24",
    "25",
    "26",
    "27a",
    "27b",
    "27c",
]
SHARED = ["1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "3.1", "3.2", "3.3", "3.4"]
DEVELOPMENT = ["4.1", "4.2", "4.3", "4.4", "4.5"]
EVALUATION = ["4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7"]
FURTHER = ["F1", "F2", "F3", "F4", "F5"]
VOID = {"meta", "line", "rect", "circle", "path"}
KINDS = ("simulated", "two_arms", "one_arm")


class OneArmPatient(Patient):
    age_years: Annotated[float, Field(ge=18, le=100), Measure(label="Age", unit="years", ucum="a", source="made up")]
    sex: Annotated[Literal["female", "male"], Measure(label="Sex", source="made up")]
    pain_mm: Annotated[float | None, Field(ge=0, le=100), Measure(label="Pain", unit="mm", source="made up")] = None


ONE_ARM = Study(
    key="one-arm",
    title="One <arm> & nothing to learn",
    patient=OneArmPatient,
    arms=(Arm("drug", "The drug"),),
    endpoint=OutcomeColumn(title="Better", column="better", responder=frozenset({"yes"}), others=frozenset({"no"})),
    prespecified=("pain_mm",),
    intended_use="Research use only: made up.",
)


def noise(patients, seed=1):
    """A one-arm cohort whose outcome has nothing to do with its covariates."""
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [rng.uniform(20, 80, patients), rng.integers(0, 2, patients), rng.uniform(0, 100, patients)]
    )
    values[0, 2] = np.nan
    responded = rng.permutation(np.arange(patients) < 0.6 * patients)
    return Cohort(
        study=ONE_ARM,
        patient_ids=np.array([f"SECRET-{i:04}" for i in range(patients)]),
        treated=np.ones(patients, dtype=bool),
        covariates=Covariates(ONE_ARM.contract, values, np.zeros(values.shape, dtype=bool), {}),
        responded=responded,
        assessed=np.ones(patients, dtype=bool),
        data_kind="trial",
    )


@pytest.fixture(scope="module")
def models(tmp_path_factory, trained):
    """Folder and study of a model of each kind."""
    folder = tmp_path_factory.mktemp("models")
    auranofin = load_study("auranofin-ra")
    cohort = load_cohort(auranofin, table=example_table("auranofin-ra"))
    for name, patients in (("two_arms", cohort), ("one_arm", noise(40))):
        write(train(patients, seed=1, repeats=1, resamples=20), name, folder / name)
    return {
        "simulated": (trained.folder / "model", None),
        "two_arms": (folder / "two_arms", None),
        "one_arm": (folder / "one_arm", ONE_ARM),
    }


@pytest.fixture(scope="module")
def pages(models):
    return {kind: report_on(*model) for kind, model in models.items()}


class Reader(HTMLParser):
    """Keeps elements, the headings' levels and the text; fails on an element that is closed out of turn."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.text, self.contents = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    def of(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


def words(page):
    return " ".join(" ".join(Reader(page).text).split())


@pytest.mark.parametrize("kind", KINDS)
def test_every_element_is_closed_in_turn_and_no_id_is_used_twice(pages, kind):
    page = Reader(pages[kind])
    assert page.open == []
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"].removeprefix("#") for a in page.of("a")} <= set(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_it_loads_nothing_from_elsewhere(pages, kind):
    assert not re.search(r"https?:|src=|url\(|@import|<script|<link|<iframe", pages[kind])
    assert len(pages[kind].encode()) < 600_000


@pytest.mark.parametrize("kind", KINDS)
def test_no_figure_is_not_a_number(pages, kind):
    assert not re.search(r"\b(nan|NaN|None|inf|Undefined)\b", pages[kind])


def test_no_patient_is_in_the_report_or_in_the_model(models, pages, trained):
    ids = [line.split(",")[0] for line in (trained.folder / "trial" / "baseline.csv").read_text().splitlines()[1:]]
    assert len(ids) == 80
    evidence = (models["simulated"][0] / "evidence.json").read_text()
    assert not [name for name in ids if re.search(rf"\b{re.escape(name)}\b", pages["simulated"] + evidence)]
    one_arm = (models["one_arm"][0] / "evidence.json").read_text()
    assert "SECRET" not in pages["one_arm"] + one_arm


@pytest.mark.parametrize("kind", KINDS)
def test_no_list_of_the_evidence_has_an_entry_for_each_patient(models, kind):
    evidence = json.loads((models[kind][0] / "evidence.json").read_text())

    def lists(part):
        if isinstance(part, list):
            yield part
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from lists(inner)

    patients = {"simulated": 80, "two_arms": 302, "one_arm": 40}[kind]
    assert patients not in {len(found) for found in lists(evidence)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_tripod_item_is_there_once_in_the_official_order(pages, kind):
    assert len(OFFICIAL_ITEMS) == 52
    assert [a["data-tripod"] for a in Reader(pages[kind]).of("th") if "data-tripod" in a] == OFFICIAL_ITEMS


@pytest.mark.parametrize("kind", KINDS)
def test_every_question_of_probast_has_its_official_number_and_a_result(pages, kind):
    assert len(SHARED) + len(DEVELOPMENT) == 16
    assert len(SHARED) + len(EVALUATION) == 18
    asked = [a["data-probast"] for a in Reader(pages[kind]).of("th") if "data-probast" in a]
    assert asked == [
        *(f"both {number}" for number in SHARED),
        *(f"development {number}" for number in DEVELOPMENT),
        *(f"evaluation {number}" for number in EVALUATION),
        *(f"further {number}" for number in FURTHER),
    ]
    questions = pages[kind][pages[kind].index('<section id="probast">') :]
    results = re.findall(r'<span class="status [a-z-]+">([a-z ]+)</span>', questions)
    assert len(results) == len(asked)
    assert set(results) <= {"passed", "failed", "cannot judge", "not applicable"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_gate_to_become_champion_is_there_with_its_result(pages, kind):
    rows = re.findall(r'<th scope="row">(GATE\d{3})</th>.*<span class="status [a-z-]+">([a-z ]+)</span>', pages[kind])
    assert [code for code, _ in rows] == [
        "GATE001",
        "GATE002",
        "GATE003",
        "GATE004",
        "GATE005",
        "GATE006",
        "GATE007",
        "GATE008",
        "GATE009",
    ]
    assert {result for _, result in rows} <= {"passed", "failed", "recorded", "not applicable"}


@pytest.mark.parametrize("kind", KINDS)
def test_tables_have_captions_pictures_have_words_and_headings_skip_no_level(pages, kind):
    page = Reader(pages[kind])
    assert len(page.of("caption")) == len(page.of("table"))
    assert len(page.of("figcaption")) == len(page.of("figure"))
    assert all(svg["role"] == "img" and len(svg["aria-label"]) > 20 for svg in page.of("svg"))
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_research_use_only_and_not_validated_before_anything_else(pages, kind):
    start = words(pages[kind])[:1200]
    assert "Research use only" in start
    assert "Externally validated no" in words(pages[kind])


def test_simulated_data_are_named_at_the_top_and_at_the_bottom(pages):
    text = words(pages["simulated"])
    assert "Simulated data. No patient was treated for this model." in text[:600]
    assert "simulated data" in text[-200:]
    assert "Anything about real patients" in text


def test_trial_data_are_not_called_simulated(pages):
    assert "simulated" not in words(pages["two_arms"]).lower()


def test_two_arms_have_a_benefit_section(pages):
    text = words(pages["two_arms"])
    assert "Benefit of treatment" in text
    assert "Difference, intention to treat (primary) +0.09" in text
    assert "Calibration slope of the benefit" in text


def test_the_flow_has_intention_to_treat_and_per_protocol(pages):
    text = words(pages["two_arms"])
    assert "Randomised: 302" in text
    assert "Placebo 149 147 58 of 149 (38.9 %) 58 of 147 (39.5 %)" in text
    assert "Auranofin 153 146 73 of 153 (47.7 %) 73 of 146 (50.0 %)" in text


def test_one_arm_has_no_benefit_section(pages):
    text = words(pages["one_arm"])
    assert 'id="benefit"' not in pages["one_arm"]
    assert "Benefit" not in text
    assert "Randomised" not in text
    assert "Enrolled: 40" in text


def test_where_the_response_rate_wins_it_says_that_there_is_no_evidence(models, pages):
    assert json.loads((models["one_arm"][0] / "manifest.json").read_text())["candidate"] == "prevalence"
    text = words(pages["one_arm"])
    assert "No evidence for individual prediction" in text
    assert "That it tells patients apart" in text
    assert "Net benefit" not in text
    assert "Smooth curve" not in text


def test_text_of_a_study_is_escaped(pages):
    assert "<h1>One &lt;arm&gt; &amp; nothing to learn</h1>" in pages["one_arm"]


def test_too_few_to_judge_is_an_answer(pages):
    assert "too few to judge" in words(pages["one_arm"])


def test_the_command_writes_one_file_and_refuses_another_ending(models, tmp_path):
    folder = str(models["two_arms"][0])
    done = CliRunner().invoke(report, ["--model", folder, "--out", str(tmp_path / "report.html")])
    assert done.exit_code == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    refused = CliRunner().invoke(report, ["--model", folder, "--out", str(tmp_path / "report.pdf")])
    assert "give a file that ends in .html" in str(refused.exception)
