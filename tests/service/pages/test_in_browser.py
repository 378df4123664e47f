"""The page in a real browser, against the real service.

A picture of each screen stays in tests/pictures, for whoever wants to look.
"""

import re
from types import SimpleNamespace

import pytest
from docs.page_picture import LARGEST_BYTES, PICTURE, picture_of

from acrcast import artefact
from acrcast.studies import load_study
from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.settings import Settings

from .looking import ENGLISH_WORDS, IS_MARKED, LATIN, SAID, overflow, reached_by_tab

REQUIRED = {"age_years": "54", "tender_joint_count_28": "14", "swollen_joint_count_28": "9"}


@pytest.fixture(scope="module")
def site(serve_here, tmp_path_factory):
    """The address of a server with the model that ships, which asks nobody for a key."""
    return serve_here(Settings(port=0, unready_seconds=0, state=tmp_path_factory.mktemp("site")))


@pytest.fixture(scope="module")
def one_arm_site(serve_here, one_arm_folder, own_study, tmp_path_factory):
    settings = Settings(port=0, unready_seconds=0, state=tmp_path_factory.mktemp("one-arm"))
    return serve_here(settings, artefact.load(one_arm_folder, load_study(str(own_study))))


@pytest.fixture(scope="module")
def keyed_site(serve_here, tmp_path_factory):
    """The address of a server that asks for keys, with a key."""
    settings = Settings(port=0, unready_seconds=0, state=tmp_path_factory.mktemp("keyed"))
    chain = open_chain(settings, may_make=True)
    key = make_key(chain.engine, chain.keys, name="ward 7", tenant="north", scopes=["predict"], expires=None)[1]
    chain.engine.dispose()
    return SimpleNamespace(url=serve_here(settings), key=key)


def fill(page, **more):
    for name, value in (REQUIRED | more).items():
        page.fill(f"#{name}", value)
    page.check("input[name=sex][value=female]")


def predict(page):
    page.click("button.primary")
    page.wait_for_selector(".headline")


def is_said(page, words):
    """To whoever listens: in the live region."""
    page.wait_for_selector(f"#said:text-is('{words}')", state="attached")


def open_details(page):
    for details in page.locator("details").all():
        details.evaluate("(details) => { details.open = true; }")


def test_from_the_empty_form_to_an_answer_that_is_compared(open_page, site, picture):
    page = open_page(site)
    picture(page, "empty")
    fill(page, esr_mm_per_h="48", patient_global_mm="6.5")
    page.select_option("select[name='unit.patient_global_mm']", "cm")
    # scores appear while somebody types; 0.56 sqrt(14) + 0.28 sqrt(9) + 0.70 ln(48) + 0.014 65 is 6.56
    page.wait_for_selector("#scores >> text=6.6")
    before = page.url
    predict(page)
    assert page.evaluate("document.activeElement.id") == "answer-title"
    is_said(page, "The answer is ready.")
    assert page.url == before
    headline = page.inner_text(".headline")
    assert re.fullmatch(r"Of 100 patients like this, about \d+ would respond on .* and about \d+ on .*\.", headline)
    counts = [int(figure) for figure in page.locator(".figure strong").all_inner_texts()]
    for arm, count in zip(page.locator(".people").all(), counts, strict=True):
        assert (arm.locator(".yes").count(), arm.locator(".no").count()) == (count, 100 - count)
    picture(page, "answer")
    # changed values make the answer an old one, which says so, until they are as they were
    page.fill("#haq_di", "2.5")
    assert page.is_visible("text=Values have changed since this answer was made.")
    page.fill("#haq_di", "")
    assert page.is_hidden("text=Values have changed since this answer was made.")
    page.check("input[name='page.keep']")
    page.fill("#treg_percent_of_cd4", "3")
    page.click("button.primary")
    page.wait_for_selector("#compared")
    assert "Treg frequency: not known → 3 %" in page.inner_text(".compared")
    assert str(counts[0]) in page.inner_text(".compared tbody tr:first-child")
    picture(page, "compared")
    page.set_viewport_size({"width": 320, "height": 800})
    assert overflow(page) == 0
    page.set_viewport_size({"width": 1280, "height": 900})


def test_errors_stand_beside_their_fields_and_links_lead_to_them(open_page, site, picture, axe):
    page = open_page(site)
    page.fill("#age_years", "7")
    page.fill("#haq_di", "high")
    page.click("button.primary")
    page.wait_for_selector("#problems")
    assert page.evaluate("document.activeElement.id") == "problems"
    is_said(page, "Some entries cannot be used as they are")
    assert page.input_value("#haq_di") == "high"
    page.click("#problems a[href='#haq_di']")
    assert page.evaluate("document.activeElement.id") == "haq_di"
    page.click("#problems a[href='#sex']")
    assert page.evaluate("document.activeElement.name") == "sex"
    described = page.get_attribute("#haq_di", "aria-describedby").split()
    assert page.inner_text(f"#{described[0]}").lower() == "expected a number from 0 to 3"
    assert axe(page) == []
    picture(page, "errors")


def test_without_scripts_the_form_is_asked_and_answered(open_page, site):
    page = open_page(site, java_script_enabled=False)
    page.click("button.primary")
    assert page.is_visible("text=Some entries cannot be used as they are")
    fill(page, haq_di="1.5")
    page.click("button.primary")
    assert page.is_visible(".headline")
    assert page.input_value("#haq_di") == "1.5"
    assert page.url.partition("?")[2] == "lang=en"
    # what only a script can do is not offered
    assert page.locator(".tools button:visible").count() == 0
    page.check("input[name='page.keep']")
    page.fill("#haq_di", "2.5")
    page.click("button.primary")
    assert "HAQ disability index: 1.5 → 2.5" in page.inner_text(".compared")


def test_another_language_keeps_what_was_typed(open_page, site):
    page = open_page(site)
    page.fill("#haq_di", "2.5")
    page.click(".languages a")
    page.wait_for_selector("html[lang=zh-Hans]", state="attached")
    assert page.input_value("#haq_di") == "2.5"
    assert page.url == f"{site}?lang=zh"
    page.click(".languages a")
    page.wait_for_selector("html[lang=en]", state="attached")
    assert page.input_value("#haq_di") == "2.5"


def test_with_the_keyboard_alone(open_page, site):
    page = open_page(site)

    def to(wanted):
        reached_by_tab(page, wanted)
        assert page.evaluate(IS_MARKED)

    to("Skip to the content")
    page.keyboard.press("Enter")
    to("age_years")
    page.keyboard.type("54")
    to("sex")
    page.keyboard.press("Space")
    to("tender_joint_count_28")
    page.keyboard.type("14")
    to("swollen_joint_count_28")
    page.keyboard.type("9")
    # a group is reached at what is chosen: "not known"
    to("rf_positive3")
    page.keyboard.press("ArrowLeft")
    assert page.is_checked("input[name=rf_positive][value=false]")
    to("methotrexate_mg_per_week")
    page.keyboard.type("12.5")
    page.keyboard.press("Enter")
    page.wait_for_selector(".headline")
    assert page.evaluate("document.activeElement.id") == "answer-title"
    assert "12.5 mg/week" in page.inner_text(".tell")
    to("Copy as text")


def test_in_chinese_no_english_is_left(open_page, site, picture, axe):
    page = open_page(site, locale="zh-CN")
    assert page.get_attribute("html", "lang") == "zh-Hans"
    page.click("button.primary")
    page.wait_for_selector("#problems")
    texts = [page.evaluate(SAID)]
    fill(page, treg_percent_of_cd4="3", treg_gating="FoxP3+")
    predict(page)
    open_details(page)
    texts += [page.evaluate(SAID), page.input_value("#as-text").partition("模型 ")[0]]
    for text in texts:
        assert {word for word in re.findall(ENGLISH_WORDS, text) if word not in LATIN} == set()
    assert page.title() == "预测结果 · 低剂量白细胞介素-2联合甲氨蝶呤治疗活动性类风湿关节炎 · acrcast"
    assert axe(page) == []
    picture(page, "chinese")


def test_axe_finds_nothing(open_page, site, picture, axe):
    page = open_page(f"{site}?example")
    assert axe(page) == []
    predict(page)
    open_details(page)
    page.fill("#haq_di", "2.5")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert axe(page) == []
        picture(page, f"example-{theme}")


def test_axe_finds_nothing_with_one_arm_and_a_study_of_ones_own(open_page, one_arm_site, picture, axe):
    page = open_page(one_arm_site)
    page.fill("#age_years", "50")
    page.check("input[name=stage][value=II]")
    predict(page)
    assert page.locator(".people").count() == 1
    assert axe(page) == []
    picture(page, "one-arm")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_at_320_pixels_nothing_is_cut_off(open_page, site, language, picture):
    page = open_page(f"{site}?lang={language}", width=320)
    assert overflow(page) == 0
    page.click("button.primary")
    page.wait_for_selector("#problems")
    assert overflow(page) == 0
    fill(page, treg_percent_of_cd4="3")
    predict(page)
    open_details(page)
    assert overflow(page) == 0
    picture(page, f"320-{language}")


def test_at_twice_the_letter_size_and_on_a_wall_nothing_overlaps_the_edge(open_page, site, picture):
    page = open_page(f"{site}?example", width=3840, height=2160)
    predict(page)
    assert overflow(page) == 0
    picture(page, "4k")
    page.set_viewport_size({"width": 640, "height": 900})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert overflow(page) == 0


def test_the_first_view_weighs_less_than_200_kb(site, browser):
    context = browser.new_context()
    page = context.new_page()
    weights = []
    page.on("response", lambda response: weights.append(len(response.body())))
    page.goto(f"{site}?example", wait_until="networkidle")
    context.close()
    assert len(weights) >= 3
    assert sum(weights) < 200_000


def test_with_forced_colours_who_responds_is_still_told_apart(open_page, site, picture):
    page = open_page(f"{site}?example", forced_colors="active")
    predict(page)
    fill_of = "(one) => getComputedStyle(one).fill"
    yes, no = (page.locator(f".people .{kind}").first.evaluate(fill_of) for kind in ("yes", "no"))
    assert yes != no
    checked = page.locator("input[name=sex]:checked + span").evaluate("(one) => getComputedStyle(one).backgroundColor")
    other = page.locator("input[name=sex]:not(:checked) + span").evaluate(
        "(one) => getComputedStyle(one).backgroundColor"
    )
    assert checked != other
    picture(page, "forced-colours")


def test_nothing_moves_for_who_wants_no_motion(open_page, site):
    page = open_page(site, reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    assert page.evaluate("document.getAnimations().length") == 0


def test_on_paper_there_is_the_answer_and_what_it_is_for_and_not_the_form(open_page, site, picture):
    page = open_page(f"{site}?example")
    predict(page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.is_visible(".headline")
    assert page.is_visible(".used dd >> text=12.5 mg/week")
    assert page.is_visible("aside >> text=Research use only")
    assert page.is_hidden("#patient")
    assert page.is_hidden(".about")
    picture(page, "print")


def test_copied_text_has_the_answer_and_the_link_has_no_value(open_page, site):
    page = open_page(f"{site}?example", permissions=["clipboard-read", "clipboard-write"])
    predict(page)
    page.click("button:has-text('Copy as text')")
    is_said(page, "Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert page.inner_text(".headline") in text
    assert "CRP: 22 mg/L" in text
    assert "Research use only" in text
    assert "<" not in text
    page.click("button:has-text('Copy a link')")
    page.wait_for_timeout(100)
    assert page.evaluate("navigator.clipboard.readText()") == site


def test_a_key_is_typed_once_for_each_tab(open_page, keyed_site, axe):
    page = open_page(keyed_site.url)
    fill(page)
    page.fill("#key", "acr_0_0")
    page.click("button.primary")
    page.wait_for_selector("#refused")
    assert page.evaluate("document.activeElement.id") == "refused"
    assert page.input_value("#age_years") == "54"
    assert axe(page) == []
    page.fill("#key", keyed_site.key)
    predict(page)
    page.goto(keyed_site.url)
    assert page.input_value("#key") == keyed_site.key
    assert keyed_site.key not in page.content()
    fill(page)
    predict(page)
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


def test_without_scripts_the_key_is_typed_into_the_form(open_page, keyed_site):
    page = open_page(keyed_site.url, java_script_enabled=False)
    fill(page)
    page.fill("#key", keyed_site.key)
    page.click("button.primary")
    assert page.is_visible(".headline")
    assert page.input_value("#key") == ""


def test_when_the_server_cannot_be_reached_the_page_says_so_and_keeps_what_was_typed(open_page, site):
    page = open_page(site)
    fill(page)
    page.context.set_offline(True)
    page.click("button.primary")
    page.wait_for_selector("#unreachable:visible")
    assert page.input_value("#age_years") == "54"
    page.context.set_offline(False)
    predict(page)
    assert page.is_hidden("#unreachable")


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "zh")])
def test_the_models_page_reads_well_everywhere(open_page, site, theme, language, picture, axe):
    page = open_page(f"{site}model/page?lang={language}", color_scheme=theme)
    assert axe(page) == []
    picture(page, f"model-{theme}")
    page.set_viewport_size({"width": 320, "height": 800})
    assert overflow(page) == 0


def test_the_docs_picture_can_be_made_of_the_page_and_is_small(browser, site):
    made = picture_of(browser, site)
    assert made.startswith(b"\x89PNG")
    assert 20_000 < len(made) < LARGEST_BYTES
    assert PICTURE.stat().st_size < LARGEST_BYTES
