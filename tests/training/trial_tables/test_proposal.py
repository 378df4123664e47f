"""What `acrcast map` proposes: by names, labels and units; what they do not tell is asked, and a number as a code is never guessed."""

import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

from acrcast.cli import root
from acrcast.contract import Measure
from acrcast.contract.fields import ContractField
from acrcast.studies import load_study
from acrcast_training.data.cohort import check
from acrcast_training.data.mapping.matching import Candidate, match_of
from acrcast_training.data.mapping.proposing import proposal, questions
from acrcast_training.data.table import table_of

from .conftest import LD_IL2

AURANOFIN = load_study("auranofin-ra")


def a_table(file="trial.csv", labels=None, **columns):
    count = len(next(iter(columns.values())))
    return table_of(file, list(columns), list(columns.values()), range(1, count + 1), labels)


def columns_of(text, table=0):
    return tomllib.loads(text)["tables"][table]["columns"]


ADSL = {"USUBJID": ["1", "2"], "TRT01P": ["Placebo", "Auranofin"], "AGE": ["54", "60"], "SEX": ["1", "2"]}


def test_a_number_as_a_code_is_asked_and_never_guessed():
    columns = columns_of(proposal(LD_IL2, [a_table(**ADSL)]))
    assert columns["sex"] == {"from": "SEX", "codes": {"1": "?", "2": "?"}}


def test_letters_of_a_category_are_its_levels_and_others_are_asked():
    columns = columns_of(proposal(LD_IL2, [a_table(**ADSL | {"SEX": ["F", "U"]})]))
    assert columns["sex"]["codes"] == {"F": "female", "U": "?"}


@pytest.mark.parametrize(
    ("texts", "codes"),
    [
        (["Y", "N"], {"Y": True, "N": False}),
        (["1", "0"], {"1": "?true", "0": "?false"}),
        (["1", "2"], {"1": "?true", "2": "?"}),
        (["POSITIVE", "NEGATIVE"], {"POSITIVE": "?true", "NEGATIVE": "?false"}),
        (["true", "false"], None),
    ],
)
def test_yes_and_no_are_known_by_their_letters_and_else_asked(texts, codes):
    columns = columns_of(proposal(LD_IL2, [a_table(**ADSL, RF_POSITIVE=texts)]))
    assert columns["rf_positive"].get("codes") == codes


def test_arms_are_known_by_key_or_title_and_others_are_asked():
    columns = columns_of(proposal(AURANOFIN, [a_table(**ADSL)]))
    # every text is a key or a title, capitals apart
    assert columns["arm"] == {"from": "TRT01P", "codes": {"Placebo": "placebo", "Auranofin": "auranofin"}}
    asked = columns_of(proposal(AURANOFIN, [a_table(**ADSL | {"TRT01P": ["A", "B"]})]))
    assert asked["arm"]["codes"] == {"A": "?", "B": "?"}


@pytest.mark.parametrize(
    ("label", "proposed"),
    [
        ("Pain VAS (mm)", "mm"),
        ("Pain VAS (cm)", "cm"),
        ("Pain VAS (CM)", "?cm"),
        ("Pain VAS (inch)", "?"),
        ("Pain VAS", "?"),
    ],
)
def test_a_unit_is_that_of_the_label_or_it_is_asked(label, proposed):
    table = a_table(labels={"PAIN": label}, **ADSL, PAIN=["5", "6"])
    assert columns_of(proposal(LD_IL2, [table]))["pain_mm"] == {"from": "PAIN", "unit": proposed}


def test_a_unit_in_a_column_of_its_own_is_taken_from_there_and_its_words_translated():
    table = a_table(**ADSL, AGEU=["YEARS", "MONTHS"])
    columns = columns_of(proposal(AURANOFIN, [table]))
    assert columns["age_years"] == {"from": "AGE", "unit_from": "AGEU", "units": {"YEARS": "years", "MONTHS": "?"}}


def test_what_the_study_must_have_is_asked_where_nothing_resembles_it():
    columns = columns_of(proposal(AURANOFIN, [a_table(**ADSL)]))
    assert columns["self_assessment_month_5"] == {"from": "?"}
    assert columns["self_assessment"] == {"from": "?"}


def test_what_is_optional_and_nowhere_is_named_in_a_comment():
    text = proposal(LD_IL2, [a_table(**ADSL)])
    (comment,) = [line for line in text.splitlines() if line.startswith("# Optional, given by no line here")]
    assert "methotrexate_mg_per_week" in comment
    assert "methotrexate_mg_per_week" not in columns_of(text)


def test_what_is_optional_and_may_be_either_of_two_columns_is_left_to_the_person():
    text = proposal(LD_IL2, [a_table(**ADSL, crp0=["5", "6"], crp1=["4", "3"])])
    assert "crp_mg_per_l (perhaps crp0, crp1)" in text
    assert "crp_mg_per_l" not in columns_of(text)


BDS = {
    "USUBJID": ["1", "1", "1", "1"],
    "PARAMCD": ["CRP", "CRP", "CRP", "CRP"],
    "PARAM": ["C-Reactive Protein (mg/dL)"] * 4,
    "AVISIT": ["Baseline", "Week 24", "End of Treatment", "Week 2"],
    "AVAL": ["2", "1", "1", "1"],
}


def test_visits_are_weeks_of_the_study_or_left_out_and_others_are_asked():
    table = a_table("adlb.xpt", **BDS)
    assert columns_of(proposal(LD_IL2, [table]))["week"] == {
        "from": "AVISIT",
        "codes": {"Baseline": 0, "Week 24": 24, "End of Treatment": "?", "Week 2": "leave out"},
    }


def test_without_a_column_of_visits_the_dates_are_named_and_the_column_is_asked():
    table = a_table(
        "adlb.xpt", **{name: texts for name, texts in BDS.items() if name != "AVISIT"}, ADT=["2014-01-03"] * 4
    )
    text = proposal(LD_IL2, [table])
    assert columns_of(text)["week"] == {"from": "?"}
    assert "# dates, which are not turned into weeks: ADT" in text


def test_several_analysis_flags_are_asked():
    (table,) = tomllib.loads(proposal(LD_IL2, [a_table("adlb.xpt", **BDS, ANL01FL=["Y"] * 4, ANL02FL=["Y"] * 4)]))[
        "tables"
    ]
    assert table["keep_after_baseline"] == {"ANL01FL": ["?Y"], "ANL02FL": ["?Y"]}


def test_derived_records_are_left_out_and_named():
    text = proposal(LD_IL2, [a_table("adlb.xpt", **BDS, DTYPE=["", "", "LOCF", "WOCF"])])
    assert tomllib.loads(text)["tables"][0]["keep_after_baseline"] == {"DTYPE": [""]}
    assert "derived here: LOCF, WOCF" in text


def test_a_table_of_several_rows_a_patient_is_one_of_visits():
    table = a_table("visits.csv", USUBJID=["1", "1"], VISIT=["Week 4", "Week 12"], ESR=["12", "13"])
    text = proposal(LD_IL2, [table])
    assert tomllib.loads(text)["tables"][0]["a_row_is"] == "visit"
    assert columns_of(text)["esr_mm_per_h"] == {"from": "ESR", "unit": "?"}


def test_hard_texts_of_a_file_stay_valid_toml():
    table = a_table(labels={"AGE": 'Age "years"\nof # life = \x7f'}, **ADSL | {"TRT01P": ['a"b\\c', "d\x7f\ne = '"]})
    assert set(columns_of(proposal(AURANOFIN, [table]))["arm"]["codes"]) == {'a"b\\c', "d\x7f\ne = '"}


def field(label, unit="", name="x"):
    return ContractField(name, "number", Measure(label=label, unit=unit), required=False)


@pytest.mark.parametrize(
    ("target", "of", "name", "label", "sure"),
    [
        ("crp_mg_per_l", field("CRP", "mg/L"), "LBTEST3", "C-Reactive Protein (mg/L)", False),
        ("crp_mg_per_l", field("CRP", "mg/L"), "crp", "", True),
        ("crp_mg_per_l", field("CRP", "mg/L"), "CRP_mg_per_L", "", True),
        ("esr_mm_per_h", field("ESR", "mm/h"), "SEDRATE", "Erythrocyte Sedimentation Rate", False),
        ("tender_joint_count_28", field("Tender joint count (28)", "joints"), "TJC28", "", False),
        ("tender_joint_count_28", field("Tender joint count (28)", "joints"), "X", "Tender Joints, 28 counted", False),
        ("haq_di", field("HAQ disability index"), "X", "Health Assessment Questionnaire - Disability Index", False),
    ],
)
def test_a_measure_is_found_by_its_name_its_words_or_their_initials(target, of, name, label, sure):
    others = [Candidate("SWELL", "Joints with swelling"), Candidate("WEIGHT", "Weight (kg)")]
    match = match_of(target, of, [*others, Candidate(name, label)])
    assert (match.best.name, match.sure) == (name, sure)


def test_what_shares_too_few_words_is_no_match():
    match = match_of("pain_mm", field("Pain", "mm"), [Candidate("ITCH", "Itching (mm)")])
    assert match.best is None


def test_two_that_fit_alike_are_both_named_and_none_is_chosen():
    match = match_of(
        "pain_mm", field("Pain", "mm"), [Candidate("PAIN0", "Pain before"), Candidate("PAIN1", "Pain after")]
    )
    assert match.best is None
    assert [other.name for other in match.others] == ["PAIN0", "PAIN1"]


def test_own_files_need_no_answer(delivery, tmp_path):
    from acrcast_training.data.mapping.reading import read_all

    text = proposal(LD_IL2, read_all([delivery / "baseline.csv", delivery / "visits.csv"]))
    assert questions(text) == 0
    (tmp_path / "map.toml").write_text(text, encoding="utf-8")
    files = {"baseline": delivery / "baseline.csv", "visits": delivery / "visits.csv"}
    mapped = check(LD_IL2, **files, mapping=tmp_path / "map.toml").require_cohort()
    assert mapped.fingerprint == check(LD_IL2, **files).require_cohort().fingerprint


def test_the_command_writes_a_new_file_only_and_says_how_many_questions_there_are(delivery, tmp_path):
    options = ["map", "--study", "ld-il2-ra", "--in", str(delivery / "adsl.xpt"), "--out", str(tmp_path / "map.toml")]
    first = CliRunner().invoke(root, options)
    assert first.exit_code == 0
    asked = questions((tmp_path / "map.toml").read_text("utf-8"))
    assert f"{asked} questions to answer" in first.output
    again = CliRunner().invoke(root, options)
    assert "is there already" in str(again.exception)


def test_the_command_tells_what_is_wrong_with_a_file(tmp_path):
    (tmp_path / "t.xpt").write_bytes(b"x")
    result = CliRunner().invoke(
        root, ["map", "--study", "ld-il2-ra", "--in", str(tmp_path / "t.xpt"), "--out", str(tmp_path / "map.toml")]
    )
    assert "expected a SAS transport file" in str(result.exception)
    assert not (tmp_path / "map.toml").exists()


def test_a_mapping_holds_no_identifier_of_a_patient(delivery):
    text = (delivery / "map.toml").read_text("utf-8")
    assert not [name for name in np.char.add("P", np.char.zfill(np.arange(1, 61).astype(str), 5)) if name in text]
