"""The model's page: what the card and the evidence hold, and nothing that they do not."""

import re
from dataclasses import replace
from html import unescape

import pytest

from acrcast import artefact
from acrcast.promotion import JudgedGate, Promotion
from acrcast.studies import load_study
from acrcast_service.app import create_app
from acrcast_service.pages.evidence_view import evidence_of
from acrcast_service.pages.languages import CHINESE, words_of
from acrcast_service.pages.source_attributes import source_attributes
from acrcast_service.settings import Settings


def text_of(response):
    main = response.text.partition("<main")[2].partition("</main>")[0].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


@pytest.fixture(scope="module")
def page(site):
    return site.get("/model/page")


def test_it_says_what_the_card_says(page, released):
    text, card = text_of(page), released.card
    assert "600 simulated patients" in text
    for name, decimals in (("c_statistic", 2), ("calibration_slope", 2)):
        figure = card["validation"]["procedure"]["figures"][name]
        low, high = figure["interval"]
        assert f"{figure['value']:.{decimals}f} (95 % interval {low:.{decimals}f} to {high:.{decimals}f})" in text
    assert card["sample_size"]["verdict"] in text
    for caution in card["cautions"]:
        assert caution in text
    assert released.identity.digest in text


def test_it_draws_the_flow_the_validation_and_the_benefit(page):
    names = [
        unescape(name).partition(".")[0] for name in re.findall(r'<svg [^>]*role="img" aria-label="([^"]*)"', page.text)
    ]
    assert names == [
        "Flow of patients",
        "Calibration",
        "Predicted risks by outcome",
        "Net benefit",
        "Instability",
        "Changed classification",
        "Gain over quoting the response rate, by candidate",
        "Calibration of the benefit",
        "Gain of treating by predicted benefit",
    ]


def test_it_says_what_may_not_be_claimed(page):
    text = text_of(page)
    assert "Anything about real patients: the data are simulated, and show what the method does." in text
    assert "That 600 patients were enough: 1500 are asked for." in text


def test_each_of_the_31_source_attributes_is_answered_or_said_to_be_for_who_deploys(page):
    rows = re.findall(r'<tr><th scope="row">(\d\.\d)</th><td>(.*?)</td><td[^>]*>(.*?)</td></tr>', page.text)
    assert [row[0] for row in rows] == [
        f"{k}.{i}" for k, n in enumerate((4, 4, 2, 4, 2, 4, 5, 4, 2), 1) for i in range(1, n + 1)
    ]
    answers = {number: unescape(answer) for number, _, answer in rows}
    assert all(answers.values())
    assert answers["1.1"] == "Not on the card: for whoever deploys it to say."
    assert answers["4.2"] == "Age, Sex"
    assert answers["4.3"].startswith("Age 52 years (quartiles 44 and 59.2), Sex: female 522 of 600")
    assert answers["6.4"] == "Not done."


def test_its_pictures_and_sentences_are_chinese_too(site):
    page = site.get("/model/page?lang=zh")
    assert page.headers["content-language"] == "zh-Hans"
    assert "预测的应答概率" in page.text
    assert "关于真实患者的任何结论" in page.text
    assert "predicted risk" not in page.text
    assert "年龄中位数52岁（四分位数44和59.2）、性别：600名中522名为女" in page.text


def test_every_source_attribute_has_its_chinese(released, one_arm_folder, own_study):
    of_one_arm = artefact.load(one_arm_folder, load_study(str(own_study)))
    for model in (released, of_one_arm):
        said = words_of(CHINESE, model.study.patient)
        groups = source_attributes(model, evidence_of(model))
        texts = [text for group in groups for text in (group.title, *(each.subject for each in group.attributes))]
        assert [text for text in texts if said.of(text) is None] == []
    said = words_of(CHINESE, released.study.patient)
    answers = [
        each.answer.parts for group in source_attributes(released, evidence_of(released)) for each in group.attributes
    ]
    assert [part.text for parts in answers for part in parts if said.of(part.text, part.about) is None] == []


def test_gates_that_refused_are_told_with_the_reason(serving, released):
    gate = JudgedGate(
        code="GATE002",
        title="Calibration slope within limits",
        status="failed",
        measured="slope 0.60",
        limit="0.8 to 1.25",
        missed="0.20 below",
    )
    promotion = Promotion(
        name="acr20",
        version=3,
        digest=released.identity.digest,
        when="2026-01-31T09:30:00+00:00",
        reason="a pilot",
        gates=(gate,),
    )
    updated = {"when": "2026-02-01", "what": "recalibrated", "patients": 80, "parent": {"name": "m", "version": "1"}}
    model = replace(released, promotion=promotion, card={**released.card, "history": [updated]})
    text = text_of(serving(create_app(Settings(audit=False), model)).get("/model/page"))
    assert "acr20 version 3 was made champion on 2026-01-31T09:30:00+00:00." in text
    assert "Gates had refused it. Reason given: a pilot" in text
    assert "GATE002 Calibration slope within limits failed slope 0.60; 0.20 below 0.8 to 1.25" in text
    assert "2026-02-01: recalibrated on 80 patients; before that m 1" in text


def test_a_card_that_holds_next_to_nothing_still_has_a_page(one_arm_site):
    page = one_arm_site.get("/model/page")
    assert page.status_code == 200
    text = text_of(page)
    assert "How well the model predicts is not on its card." in text
    assert "Benefit of treatment" not in text
    assert "<svg" not in page.text


def test_the_response_rate_shows_no_curve_that_it_does_not_have(serving, released):
    card = {**released.card, "candidate": "prevalence"}
    kept = {name: released.evidence[name] for name in ("form", "table_one", "subgroups")}
    model = replace(released, candidate="prevalence", card=card, evidence=kept)
    text = text_of(serving(create_app(Settings(audit=False), model)).get("/model/page"))
    assert "No evidence for individual prediction: no model beat quoting the response rate" in text
    assert "there is no calibration curve" in text
    assert "That it tells patients apart" in text
    assert "C statistic" not in text.partition("Source attributes")[0]
