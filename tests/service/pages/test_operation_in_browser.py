"""The operator's page and the audit's in a real browser, against the real service: by a key, with a history."""

import json
import re
from types import SimpleNamespace

import pytest

from acrcast_service.audit.erasure import erase
from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.settings import Settings

from .looking import ENGLISH_WORDS, IS_MARKED, LATIN, SAID, overflow, reached_by_tab
from .recording import History

# What these pages name by what it is called in requests and commands.
NAMES = {"north", "acrcast", "audit", "verify", "monitor", "due", "after", "POST", "outcomes", "ACRCAST", "CHALLENGER"}
NAMES |= {"Subject", "Reference", "JSON", "Lines", "admin", "operator", "pages", "assets", "name", "auditor", "ward"}
NAMES |= {"anna", "ms", "inf", "YYYY", "MM", "DD", "health", "live", "record", "registry", "model", "page"}


@pytest.fixture(scope="module")
def site(serve_here, released, a_patient, tmp_path_factory):
    """The address of a server with a history, a key that opens both pages, and one that opens neither."""
    settings = Settings(port=0, unready_seconds=0, state=tmp_path_factory.mktemp("history"))
    chain = open_chain(settings, may_make=True)
    history = History(chain, released)
    answers = []
    for k in range(60):
        patient = a_patient(age_years=30 + k, haq_di=None if k % 9 == 0 else 1.5, tender_joint_count_28=k % 25 + 3)
        answers.append(history.prediction(patient, 260 - 4 * k, subject=f"P-{k}"))
    for k, answer in enumerate(answers[:16]):
        history.outcome(answer, responded=k % 2 == 0)
    erase(chain, "P-59", "north", "acrcast audit (anna)")

    def key(name, *scopes):
        return make_key(chain.engine, chain.keys, name=name, tenant="north", scopes=list(scopes), expires=None)[1]

    found = SimpleNamespace(key=key("operator", "admin", "audit"), other=key("ward", "predict"), answers=answers)
    found.url = serve_here(settings)
    yield found
    chain.engine.dispose()


def enter(page, site, path):
    page.goto(f"{site.url}{path}")
    page.fill("#key", site.key)
    page.click("#enter button")
    page.wait_for_selector("[data-again]")


def test_an_operator_enters_looks_and_verifies(open_page, site, picture, axe):
    page = open_page(f"{site.url}operator")
    assert page.evaluate("document.activeElement.id") == "key"
    picture(page, "enter")
    # what is wrong with the key stands beside it
    page.fill("#key", site.other)
    page.keyboard.press("Enter")
    page.wait_for_selector("#key-error")
    assert "lacks the scope admin" in page.inner_text("#key-error")
    assert axe(page) == []
    page.fill("#key", site.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=At a glance")
    assert page.url == f"{site.url}operator?lang=en"
    assert page.evaluate("[document.activeElement.id, scrollY]") == ["content", 0]
    assert "8 of 16, expected" in page.inner_text("#outcomes >> xpath=..")
    page.click("text=Verify now")
    page.wait_for_selector("#verdict")
    assert page.evaluate("document.activeElement.id") == "verdict"
    assert "It is whole: every record is as it was written." in page.inner_text("#verdict")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert axe(page) == []
        picture(page, f"operator-{theme}")
    page.set_viewport_size({"width": 320, "height": 800})
    assert overflow(page) == 0
    picture(page, "operator-320")
    # the key is kept by this tab, and nowhere in the page
    assert site.key not in page.content()
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


def test_an_auditor_searches_opens_a_record_and_comes_back(open_page, site, picture, axe):
    page = open_page(f"{site.url}audit")
    enter(page, site, "audit")
    assert page.locator(".records tbody tr").count() == 50
    assert axe(page) == []
    picture(page, "audit")
    page.click("button:has-text('Older')")
    page.wait_for_selector("text=There is none before.")
    page.fill("#number", "1d0c")
    page.keyboard.press("Enter")
    page.wait_for_selector("#number-error")
    assert page.locator("#number").get_attribute("aria-describedby").split() == ["number-error", "number-hint"]
    assert axe(page) == []
    picture(page, "audit-wrong")
    page.click(".alert a")
    assert page.evaluate("document.activeElement.id") == "number"
    page.fill("#number", "")
    page.fill("#subject", "P-3")
    page.click("button:has-text('Search')")
    page.wait_for_selector("text=Record 4.")
    page.click(".open")
    page.wait_for_selector(".headline")
    assert page.locator("h1").inner_text() == "Record 4: prediction"
    assert page.locator(".people").count() == 2
    page.click("summary:has-text('As it was recorded')")
    assert axe(page) == []
    picture(page, "record")
    page.set_viewport_size({"width": 320, "height": 800})
    assert overflow(page) == 0
    # back by the browser's own button, on again, and back by the page's
    page.go_back()
    page.wait_for_selector("#search")
    page.go_forward()
    page.wait_for_selector(".headline")
    page.click("button:has-text('Back to the records')")
    page.wait_for_selector("#search")
    assert page.input_value("#subject") == "P-3"
    assert overflow(page) == 0
    with page.expect_download() as kept:
        page.click("button:has-text('Export what was found')")
    assert kept.value.suggested_filename == "audit.jsonl"
    (line,) = [json.loads(line) for line in kept.value.path().read_text().splitlines()]
    assert line["record_id"] == site.answers[3].prediction_id


def test_what_was_erased_is_said_so(open_page, site, picture):
    page = open_page(f"{site.url}audit")
    enter(page, site, "audit")
    page.click("tr:has-text('erased') .open >> nth=0")
    page.wait_for_selector("text=Its contents were erased.")
    assert page.locator(".headline").count() == 0
    picture(page, "record-erased")


def test_the_key_is_typed_once_for_each_tab_and_can_be_forgotten(open_page, site):
    page = open_page(f"{site.url}audit")
    enter(page, site, "audit")
    page.goto(f"{site.url}operator")
    page.wait_for_selector("text=At a glance")
    # the empty form is not in the history: going back does not come to it, which would only go on again
    page.go_back()
    page.wait_for_selector("#search")
    page.click("text=Forget the key")
    page.wait_for_selector("#enter")
    assert page.input_value("#key") == ""
    assert page.evaluate("sessionStorage.length") == 0


def test_a_key_that_opens_nothing_is_not_kept(open_page, site):
    page = open_page(f"{site.url}audit")
    page.fill("#key", "acr_0_0")
    page.keyboard.press("Enter")
    page.wait_for_selector("#key-error")
    assert page.input_value("#key") == ""
    assert page.evaluate("sessionStorage.length") == 0


def test_without_scripts_the_key_is_typed_with_each_form(open_page, site):
    page = open_page(f"{site.url}audit", java_script_enabled=False)
    page.fill("#key", site.key)
    page.click("#enter button")
    page.fill("#key", site.key)
    page.fill("#subject", "P-5")
    page.click("button:has-text('Search')")
    assert page.is_visible("text=Record 6.")
    assert page.input_value("#key") == ""
    page.fill("#key", site.key)
    page.click(".open")
    assert page.is_visible(".headline")
    page.goto(f"{site.url}operator")
    page.fill("#key", site.key)
    page.click("#enter button")
    assert page.is_visible("text=At a glance")


def test_with_the_keyboard_alone(open_page, site):
    page = open_page(f"{site.url}audit")
    # the place for the key has the focus
    page.keyboard.type(site.key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#search")
    reached_by_tab(page, "subject")
    page.keyboard.type("P-7")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Record 8.")
    reached_by_tab(page, f"prediction {site.answers[7].prediction_id[:8]}")
    assert page.evaluate(IS_MARKED)
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Record 8')")


def test_in_chinese_no_english_is_left(open_page, site, picture, axe):
    page = open_page(f"{site.url}operator", locale="zh-CN")
    assert page.locator("h1").inner_text() == "运行情况"
    enter(page, site, "operator")
    said = [page.evaluate(SAID)]
    assert axe(page) == []
    picture(page, "operator-zh")
    page.goto(f"{site.url}audit")
    page.wait_for_selector("#search")
    said.append(page.evaluate(SAID))
    # what was searched is shown in the other language
    page.fill("#subject", "P-3")
    page.click(".languages a")
    page.wait_for_selector("html[lang=en] #search", state="attached")
    assert page.inner_text("#records + .aside").startswith("Record 4.")
    page.click(".languages a")
    page.wait_for_selector("html[lang=zh-Hans] #search", state="attached")
    page.click(".open")
    page.wait_for_selector(".headline")
    said.append(page.evaluate(SAID))
    picture(page, "record-zh")
    for text in said:
        words = {word for word in re.findall(ENGLISH_WORDS, text) if not re.fullmatch("[0-9a-f]+", word)}
        assert words - LATIN - NAMES == set()
