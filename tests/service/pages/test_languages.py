"""Which language, and that everything can be said in it."""

import ast
import re
import string
from pathlib import Path

import pytest
from starlette.requests import Request

from acrcast import answer as answering
from acrcast import pictures
from acrcast.errors import UsageError
from acrcast.estimators.candidates import CANDIDATES
from acrcast.studies import load_study, shipped_studies
from acrcast.translations import read_catalogue, texts_of, translated
from acrcast_service.pages.languages import CATALOGUES, CHINESE, ENGLISH, PLACE, Words, language_of, words_of
from acrcast_service.pages.rendering import HERE, environment
from acrcast_training import card as cards
from acrcast_training.select import Comparison

# For who writes programs.
IN_ENGLISH = {"problem.html", "problems.html"}
# What Chinese clinics write as it is.
AS_IT_IS = re.compile(r"(?:[^A-Za-z]|mm|mg|pg|mL|[dL]|/h|IU|U|ELISA|API|Predict)*|API")


def asked(query="", accept=""):
    headers = [(b"accept-language", accept.encode())] if accept else []
    return language_of(Request({"type": "http", "query_string": query.encode(), "headers": headers}))


@pytest.mark.parametrize(
    ("query", "accept", "language"),
    [
        ("", "", ENGLISH),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("", "en-GB,en;q=0.9,zh;q=0.8", ENGLISH),
        ("", "de,fr;q=0.9,zh-Hans;q=0.1", CHINESE),
        ("", "zh;q=0, en;q=0.1", ENGLISH),
        ("", "zh;q=nonsense", ENGLISH),
        ("lang=zh", "en", CHINESE),
        ("lang=en", "zh", ENGLISH),
        ("lang=tlh", "zh", CHINESE),
    ],
)
def test_the_query_decides_then_the_browser_then_english(query, accept, language):
    assert asked(query, accept) is language


def words(**catalogue):
    return Words(CHINESE, catalogue)


def test_a_sentence_with_values_in_it_is_recognised_and_said_anew():
    said = Words(CHINESE, {"%(n)d of %(m)d %(what)s": "%(m)d名中%(n)d名%(what)s", "patients": "患者"})
    assert said.of("3 of 46 patients") == "46名中3名患者"
    assert said.of("three of 46 patients") is None


def test_a_list_in_a_sentence_is_said_item_by_item_or_left_as_it_is():
    said = Words(CHINESE, {"one of %(levels)s": "%(levels)s之一", "male": "男", "female": "女"})
    assert said.of("one of female, male") == "女、男之一"
    assert said.of("one of I, II, III") == "I, II, III之一"


def test_of_several_sentences_that_fit_the_one_with_the_most_words_of_its_own_is_meant():
    said = Words(CHINESE, {"a %(x)s": "1", "a number from %(low)d to %(high)d": "2", "a number %(unit)s": "3"})
    assert said.of("a number from 0 to 28") == "2"


def test_a_unit_may_read_differently_with_one_measure():
    said = Words(
        CHINESE, {"years": "年", "years (Age)": "岁", "%(n)d %(unit)s": "%(n)d%(unit)s"}
    )  # own home: the rule itself
    assert (str(said.told("years", "Age")), str(said.told("years", "Disease duration"))) == ("岁", "年")
    assert said.of("5 years", "Age") == "5岁"


def test_what_cannot_be_said_is_marked_as_english_and_escaped():
    assert words().told("<b>Stage</b>") == '<span lang="en">&lt;b&gt;Stage&lt;/b&gt;</span>'
    assert words_of(ENGLISH).told("<b>") == "&lt;b&gt;"


def _messages():
    made = environment(CHINESE)
    for path in sorted((HERE / "templates").glob("*.html")):
        for _, _, message in made.extract_translations(path.read_text()):
            yield message if isinstance(message, str) else message[0]
    for path in sorted(Path(pictures.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                yield node.args[0].value


def test_every_sentence_of_the_pages_and_their_pictures_has_its_chinese():
    catalogue = read_catalogue(CATALOGUES / "zh-Hans.toml")
    assert [message for message in _messages() if message not in catalogue] == []


def test_a_translation_fills_the_same_places():
    for text, said in read_catalogue(CATALOGUES / "zh-Hans.toml").items():
        assert {place[1] for place in PLACE.finditer(said)} == {place[1] for place in PLACE.finditer(text)}, text


@pytest.mark.parametrize("key", shipped_studies())
def test_everything_that_a_study_says_has_its_chinese(key):
    study = load_study(key)
    said = words_of(CHINESE, study.patient)
    labels = [field.measure.label for field in study.contract]
    lacking = [
        text
        for text in texts_of(study)
        if not AS_IT_IS.fullmatch(text) and not any(said.of(text, label) for label in ["", *labels])
    ]
    assert lacking == []


@pytest.mark.parametrize("key", shipped_studies())
def test_what_is_expected_of_each_field_has_its_chinese(key):
    study = load_study(key)
    said = words_of(CHINESE, study.patient)
    for field in study.contract:
        expected = said.of(field.expected, field.measure.label)
        assert expected is not None, field.name
        assert not re.search(r"number|years|joints|of", expected), expected


def test_no_catalogue_has_a_line_for_nothing():
    """Every line of a study's catalogue is something that the study says."""
    for key in shipped_studies():
        study = load_study(key)
        known = set(texts_of(study)) | {
            f"{text} ({field.measure.label})"
            for field in study.contract
            for text in (field.measure.unit, *field.levels)
        }
        assert set(translated(study.patient, CHINESE.tag)) <= known


def _sentences_made_by(module, *functions):
    """Literal sentences of functions as templates are written: what is put in becomes a place."""
    for function in functions:
        tree = ast.parse(module)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == function:
                inner = [
                    id(value) for part in ast.walk(node) if isinstance(part, ast.JoinedStr) for value in part.values
                ]
                for part in ast.walk(node):
                    if isinstance(part, ast.JoinedStr):
                        yield "".join(v.value if isinstance(v, ast.Constant) else "7" for v in part.values)
                    elif (
                        isinstance(part, ast.Constant)
                        and id(part) not in inner
                        and str(part.value)[:4] in ("That", "Anyt")
                    ):
                        yield part.value


def test_the_cautions_that_the_core_and_cards_give_have_their_chinese(project):
    said = words_of(CHINESE)
    core = (project / "models" / "acrcast" / "answer.py").read_text()
    made = [answering.NOT_TAKEN, cards.NOT_VALIDATED, cards.LOGISTIC_ASSUMES, cards.TREES_ASSUME, cards.TREES_COVERAGE]
    made += list(_sentences_made_by(core, "_cautions"))
    made += list(_sentences_made_by((project / "training" / "acrcast_training" / "card.py").read_text(), "cautions"))
    claims = (project / "models" / "acrcast" / "claims.py").read_text()
    made += list(_sentences_made_by(claims, "not_to_be_claimed"))
    made += [candidate.conditions_on for candidate in CANDIDATES.values()]
    made += ["passed", "failed", "recorded", "not applicable"]
    assert len(made) >= 30
    assert [text for text in made if said.of(text) is None] == []


def test_the_card_of_the_model_that_ships_has_its_chinese(released):
    said = words_of(CHINESE, released.study.patient)
    card = released.card
    texts = [card["verdict"], card["sample_size"]["verdict"], *card["assumptions"], *card["cautions"]]
    assert [text for text in texts if said.of(text[:1].upper() + text[1:]) is None] == []
    nothing = Comparison((), "prevalence", 10, 1)
    assert said.of(nothing.verdict) is not None


def test_a_study_without_a_catalogue_stays_english_and_a_broken_one_is_named(tmp_path, own_study):
    assert translated(load_study(str(own_study)).patient, CHINESE.tag) == {}
    beside = tmp_path / "own.py"
    beside.write_text(own_study.read_text())
    catalogue = tmp_path / "own.zh-Hans.toml"
    catalogue.write_text('"Age" = "年龄"\n"Stage" = "分期"\n')  # own home: a study of the test's own
    patient = load_study(str(beside)).patient
    assert translated(patient, CHINESE.tag)["Stage"] == "分期"
    catalogue.write_text('"Stage" = 3\n')
    with pytest.raises(UsageError, match=r"own\.zh-Hans\.toml: 'Stage': expected a text in quotes"):
        translated(patient, CHINESE.tag)
    catalogue.write_text('"Stage = "\n')
    with pytest.raises(UsageError, match=r"own\.zh-Hans\.toml"):
        translated(patient, CHINESE.tag)


def test_templates_hold_no_text_of_their_own_outside_the_catalogue():
    """Outside of tags, expressions and statements there is nothing but signs: a sentence would stay English."""
    for path in sorted((HERE / "templates").glob("*.html")):
        if path.name in IN_ENGLISH:
            continue
        source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        lexed = environment(ENGLISH).lex(source)
        markup = "".join(text for _, kind, text in lexed if kind == "data")
        visible = re.sub(r'<[^>]*>|[\w-]+="[^"]*"|&\w+;|acrcast', " ", markup)
        assert not set(visible) & set(string.ascii_letters), (path.name, re.findall(r"[A-Za-z][\w ]*", visible))
