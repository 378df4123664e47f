"""The studies that ship, a study of one's own, and what is refused."""

import re
from dataclasses import replace

import pytest

from acrcast.contract import Patient
from acrcast.errors import UsageError
from acrcast.studies import AcrResponse, Arm, OutcomeColumn, load_study, shipped_studies

OWN = """
from typing import Annotated

from pydantic import Field

from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study


class MyPatient(Patient):
    age_years: Annotated[float, Field(ge=18, le=90), Measure(label="Age", unit="years")]


STUDY = Study(
    key="my-study",
    title="Mine",
    patient=MyPatient,
    arms=(Arm("a", "A"), Arm("b", "B")),
    control="a",
    endpoint=OutcomeColumn("Response", "response", frozenset({"1"}), frozenset({"0"})),
    effect_modifiers=("age_years",),
    intended_use="Research use only.",
)
"""


@pytest.fixture
def own_file(tmp_path):
    """Writes a study file, with one text replaced by another."""

    def write(old="", new="", name="my_study.py"):
        path = tmp_path / name
        path.write_text(OWN.replace(old, new) if old else OWN)
        return str(path)

    return write


# what ships


def test_two_studies_ship():
    assert shipped_studies() == ("auranofin-ra", "ld-il2-ra")


@pytest.mark.parametrize("key", ["auranofin-ra", "ld-il2-ra"])
def test_a_shipped_study_is_loaded_by_its_key(key):
    study = load_study(key)
    assert study.key == key
    assert study.has_control
    assert "Research use only" in study.intended_use


def test_ld_il2_ra_is_acr20_at_week_24_with_two_named_biomarkers(ld_il2):
    assert ld_il2.endpoint.title == "ACR20 at week 24"
    assert ld_il2.control == "placebo+mtx"
    assert ld_il2.treated.key == "ld-il2+mtx"
    assert ld_il2.control_arm.key == "placebo+mtx"
    assert ld_il2.small_set == ("treg_percent_of_cd4", "il21_pg_per_ml")
    assert [field.name for field in ld_il2.contract if field.required] == [
        "age_years",
        "sex",
        "tender_joint_count_28",
        "swollen_joint_count_28",
    ]


def test_every_shipped_measure_has_a_label_and_a_source():
    for key in shipped_studies():
        for field in load_study(key).contract:
            assert field.measure.label, field.name
            assert field.measure.source, field.name


def test_every_example_in_a_shipped_study_is_valid():
    for key in shipped_studies():
        patient = load_study(key).patient
        examples = {name: info.examples[0] for name, info in patient.model_fields.items()}
        assert patient.model_validate(examples)


def test_no_field_of_a_follow_up_is_in_a_contract():
    for key in shipped_studies():
        assert not [field.name for field in load_study(key).contract if "week" in field.name.split("_per_")[0]]


# one's own


def test_a_study_of_ones_own_is_loaded_by_the_path_of_its_file(own_file):
    study = load_study(own_file())
    assert (study.key, study.control, study.effect_modifiers) == ("my-study", "a", ("age_years",))


def test_two_files_of_the_same_name_are_two_studies(own_file, tmp_path):
    first = load_study(own_file())
    (tmp_path / "other").mkdir()
    path = tmp_path / "other" / "my_study.py"
    path.write_text(OWN.replace("my-study", "another"))
    assert (load_study(str(path)).key, first.key) == ("another", "my-study")


def test_an_unknown_key_says_what_there_is():
    with pytest.raises(UsageError, match=re.escape("study 'ld-il3-ra' not found: use auranofin-ra, ld-il2-ra or")):
        load_study("ld-il3-ra")


@pytest.mark.parametrize("name", ["study", "__init__", "acrcast.studies.study", "", ".", "/", "my_study.py"])
def test_what_is_no_study_is_not_found(name):
    with pytest.raises(UsageError, match="not found"):
        load_study(name)


def test_a_folder_or_another_file_is_not_a_study(tmp_path):
    (tmp_path / "notes.txt").write_text("STUDY = 1")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UsageError, match="not found"):
            load_study(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("STUDY = Study(", "MINE = Study(", "define STUDY"),
        ('STUDY = Study(\n    key="my-study"', 'STUDY = dict(\n    key="my-study"', "define STUDY"),
        ("class MyPatient(Patient):", "class MyPatient(Patient)", "could not be read: .*line 10"),
        ('    intended_use="Research use only.",\n', "", "could not be read: Study needs intended_use$"),
        ("from pydantic import Field", "import no_such_module", "could not be read: No module named"),
        ("Field(ge=18, le=90), Measure(", 'Measure(scale="log", ', "could not be read: field age_years: .* ge=0"),
        (', Measure(label="Age", unit="years")', "", "could not be read: field age_years: give exactly one Measure"),
        ('effect_modifiers=("age_years",)', 'effect_modifiers=("crp",)', "effect_modifiers: each must be a covariate"),
        ('control="a"', 'control="c"', "control: name the control arm's key"),
        ("STUDY = Study(", "raise SystemExit(3)\nSTUDY = Study(", "could not be read"),
    ],
)
def test_what_is_wrong_with_ones_own_study_is_said(own_file, old, new, message):
    path = own_file(old, new)
    with pytest.raises(UsageError, match=message) as refused:
        load_study(path)
    assert str(refused.value).startswith(path)


# what makes a study


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ()}, "arms: give one arm, or two"),
        ({"arms": (Arm("a", "A"), Arm("b", "B"), Arm("c", "C"))}, "arms: give one arm, or two"),
        ({"arms": (Arm("a", "A"), Arm("a", "B")), "control": "a"}, "arms: give one arm, or two with different keys"),
        ({"control": None}, "control: name the control arm's key"),
        ({"arms": (Arm("auranofin", "A"),)}, "control: a one-arm study has none"),
        ({"arms": (Arm("auranofin", "A"),), "control": None}, "effect_modifiers: a one-arm study has none"),
        ({"effect_modifiers": ("crp",)}, "effect_modifiers: each must be a covariate"),
        ({"prespecified": ("crp",)}, "prespecified: each must be a covariate"),
        ({"expected_directions": {"crp": 1}}, "expected_directions: each must be a covariate"),
        ({"expected_directions": {"age_years": 2}}, "expected_directions: each must be .* \\+1 or -1"),
        ({"assays": {"il21_assay": "ELISA"}}, "assays: name the one used"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(auranofin, changes, message):
    with pytest.raises(TypeError, match=message):
        replace(auranofin, **changes)


def test_the_name_of_an_assay_is_no_effect_modifier(ld_il2):
    with pytest.raises(TypeError, match="effect_modifiers"):
        replace(ld_il2, effect_modifiers=("treg_gating",))


def test_every_assay_field_needs_the_assay_that_was_used(ld_il2):
    with pytest.raises(TypeError, match="assays: name the one used for each assay field"):
        replace(ld_il2, assays={"treg_gating": "CD25+FoxP3+"})


def test_a_one_arm_study_has_no_control(one_arm):
    assert not one_arm.has_control
    assert one_arm.control_arm is None
    assert one_arm.treated.key == "drug"


def test_the_small_set_is_in_the_order_of_the_contract_and_holds_the_modifiers(ld_il2):
    study = replace(ld_il2, prespecified=("haq_di", "age_years"))
    assert study.small_set == ("age_years", "treg_percent_of_cd4", "il21_pg_per_ml", "haq_di")


def test_the_control_need_not_come_first(auranofin):
    turned = replace(auranofin, arms=auranofin.arms[::-1])
    assert (turned.treated.key, turned.control_arm.key) == ("auranofin", "placebo")


def test_titles_of_endpoints():
    assert AcrResponse(week=12, level=50).title == "ACR50 at week 12"
    assert OutcomeColumn("Good", "good", frozenset("1"), frozenset("0")).title == "Good"


def test_a_study_needs_something_to_predict_by(auranofin):
    class Nobody(Patient):
        pass

    with pytest.raises(TypeError, match="patient: give its class at least one covariate"):
        replace(auranofin, patient=Nobody, effect_modifiers=(), expected_directions={})
