"""The page as the server makes it: what it asks, what it answers, and what it keeps."""

import json
import re
from html import unescape

import orjson
import pytest

from acrcast import artefact
from acrcast_service.app import create_app
from acrcast_service.audit.export import exported
from acrcast_service.auth.api_keys import make_key
from acrcast_service.settings import Settings

FORM = {"content-type": "application/x-www-form-urlencoded"}


def text_of(response):
    """What a reader sees, in one line."""
    main = response.text.partition("<main")[2].partition("</main>")[0].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def sent(site, form, path="/", **headers):
    return site.request("POST", path, data=form, headers=headers)


def test_every_field_of_the_study_is_asked_for_by_its_label_and_no_other(site, one_arm_site):
    names = set(re.findall(r'<(?:input|select) [^>]*?name="([a-z]\w*)"', site.get("/").text))
    assert names == {field["name"] for field in site.get("/model").json()["fields"]}
    page = one_arm_site.get("/").text
    assert set(re.findall(r'<(?:input|select) [^>]*?name="([a-z]\w*)"', page)) == {
        "age_years",
        "stage",
        "marker_ng_per_ml",
    }
    assert "<legend>Stage</legend>" in page


def test_the_answer_is_that_of_the_api(site, a_form, a_patient):
    page, answer = text_of(sent(site, a_form())), site.predict(a_patient()).json()
    treated, control = round(100 * answer["treated"]["probability"]), round(100 * answer["control"]["probability"])
    assert (
        f"Of 100 patients like this, about {treated} would respond on Low-dose IL-2 with methotrexate and about {control} "
        "on Methotrexate alone." in page
    )
    low, high = (round(100 * end) for end in answer["treated"]["interval"])
    assert f"{low} to {high} of 100 (95 % interval)" in page
    for caution in answer["cautions"]:
        assert caution in page
    assert "DAS28-ESR 6.6 high disease activity" in page
    assert page.count("Research use only: not a medical device, not for diagnosis or treatment decisions.") >= 2


def test_an_answered_form_is_recorded_as_a_prediction_before_it_leaves(audited_site, chain, a_form, a_patient):
    page = sent(audited_site, a_form(crp_mg_per_l="2.2") | {"unit.crp_mg_per_l": "mg/dL"}).text
    (line,) = [orjson.loads(line) for line in exported(chain)]
    assert line["kind"] == "prediction"
    assert line["record_id"] in page
    assert line["inputs"] == a_patient()
    assert line["answer"]["prediction_id"] == line["record_id"]
    same = audited_site.predict(a_patient()).json()
    assert line["answer"] | {"prediction_id": ""} == same | {"prediction_id": ""}


def test_no_answer_leaves_when_it_cannot_be_recorded(audited_site, chain, a_form):
    audited_site.get("/")
    with chain.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE audit_records")
    refused = sent(audited_site, a_form(haq_di=2.25))
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    page = text_of(refused)
    assert "The audit cannot be written" in page
    assert "about" not in page.partition("When to use it")[0].partition("The answer")[2]
    assert 'value="2.25"' in refused.text


def test_what_is_wrong_stands_beside_its_field_in_the_words_of_the_api_and_nothing_typed_is_lost(site, a_form):
    form = a_form(age_years=7, sex=None, treg_percent_of_cd4="0.05", haq_di="high", rf_positive=None)
    refused = sent(site, form)
    assert refused.status_code == 422
    told = {
        "age_years": "expected a number from 18 to 100 years",
        "sex": "required: one of female, male",
        "treg_percent_of_cd4": "expected a number from 0.2 to 100 % (a value below 0.2 is most likely a fraction: "
        "give the percentage of CD4+ T cells)",
        "haq_di": "expected a number from 0 to 3",
    }
    beside = dict(re.findall(r'<p class="error" id="(\w+)-error">(.*?)</p>', refused.text))
    assert beside == told
    for name in told:
        assert f'aria-describedby="{name}-error {name}-hint" aria-invalid="true"' in refused.text
        assert f'<li><a href="#{name}">' in refused.text
    patient = {"age_years": 7, "treg_percent_of_cd4": 0.05, "haq_di": "high", "tender_joint_count_28": 14}
    for problem in site.predict(patient | {"swollen_joint_count_28": 9}).json()["errors"]:
        assert problem["message"].startswith(told[problem["field"]])
    for name in ("age_years", "treg_percent_of_cd4", "haq_di", "esr_mm_per_h", "treg_gating"):
        assert f'value="{form[name]}"' in refused.text


def test_errors_are_told_in_chinese_too(site, a_form):
    page = text_of(sent(site, a_form(age_years=7, pain_mm=-1, sex=None), "/?lang=zh"))
    assert "年龄 ：应为18至100的数值（岁）" in page
    assert "疼痛 ：应为0至100的数值（mm）" in page
    assert "性别 ：必填：女、男之一" in page


def test_a_field_that_the_study_has_not_is_refused_on_top(site, a_form):
    refused = sent(site, a_form() | {"weight": "70"})
    assert refused.status_code == 422
    assert "<li>an unknown field" in refused.text


def test_what_was_typed_is_never_markup(site, a_form):
    refused = sent(site, a_form(treg_gating='"><script>alert(1)</script>', crp_mg_per_l="</textarea><b>"))
    assert "<script>alert" not in refused.text
    assert "</textarea><b>" not in refused.text
    answered = sent(site, a_form(treg_gating='"></textarea><script>alert(1)</script>'))
    assert answered.status_code == 200
    assert "<script>alert" not in answered.text


def test_what_was_not_measured_is_named_with_what_measuring_it_is_worth(site, a_form):
    page = text_of(sent(site, a_form(treg_percent_of_cd4=None, haq_di=None, treg_gating=None)))
    assert "What was not measured" in page
    assert re.search(r"Treg frequency \d+ to \d+ points", page)
    assert "All that were averaged over: Treg frequency, HAQ disability index." in page


def test_a_patient_outside_the_training_data_is_said_to_be(site, a_form):
    page = text_of(sent(site, a_form(treg_gating="FoxP3+CD127low")))
    assert "Outside: the model saw no patients like this, and extrapolates. What differs: Treg frequency." in page


def test_an_answer_is_compared_with_the_pinned_one_and_the_changes_are_named(site, a_form):
    def hidden(response, name):
        return unescape(re.search(f'name="{name}" value="([^"]*)"', response.text)[1])

    first = sent(site, a_form(treg_percent_of_cd4=3))
    shown = hidden(first, "page.shown")
    second = sent(site, a_form(treg_percent_of_cd4=9, sex="male") | {"page.shown": shown, "page.keep": "yes"})
    page = text_of(second)
    before = json.loads(shown)["people"]["ld-il2+mtx"]
    now = json.loads(hidden(second, "page.shown"))["people"]["ld-il2+mtx"]
    change = f"+{now - before}" if now > before else f"−{before - now}"
    assert f"Low-dose IL-2 with methotrexate {before} {now} {change}" in page
    assert "Sex: female → male Treg frequency: 3 % → 9 %" in page
    # the pinned one stays, whatever was shown in between
    third = sent(site, a_form(treg_percent_of_cd4=3) | {"page.shown": hidden(second, "page.shown"), "page.pinned": hidden(second, "page.pinned"), "page.keep": "yes"})  # fmt: skip
    assert "The same values as then." in text_of(third)
    assert "Against the pinned answer" not in text_of(sent(site, a_form() | {"page.shown": shown}))


@pytest.mark.parametrize("pinned", ["{}", "[1]", "nonsense", '{"model": "x", "people": {"a": 900}, "typed": {}}'])
def test_what_this_page_never_pinned_is_not_compared_with(site, a_form, pinned):
    answered = sent(site, a_form() | {"page.shown": pinned, "page.keep": "yes"})
    assert answered.status_code == 200
    assert "Against the pinned answer" not in answered.text


def test_an_answer_of_another_model_is_compared_with_a_warning(site, a_form):
    pinned = json.dumps({"model": "sha256:other", "people": {"ld-il2+mtx": 50}, "typed": {}})
    assert "The pinned answer came from another model" in text_of(
        sent(site, a_form() | {"page.shown": pinned, "page.keep": "yes"})
    )


def test_one_arm_is_told_without_a_difference(one_arm_site):
    page = text_of(sent(one_arm_site, {"age_years": "50", "stage": "II"}))
    assert re.search(r"Of 100 patients like this, about \d+ would respond on The drug\.", page)
    assert "difference" not in page


def test_the_form_is_shown_in_another_language_with_what_was_typed_and_no_prediction_is_made(
    audited_site, chain, a_form
):
    shown = sent(audited_site, a_form(haq_di=2.25) | {"page.only-form": "yes"}, "/?lang=zh")
    assert shown.headers["content-language"] == "zh-Hans"
    assert 'value="2.25"' in shown.text
    assert list(exported(chain)) == []


def test_the_example_is_the_contracts(site):
    page = site.get("/?example").text
    assert re.search(r'id="age_years"[^>]*value="54"', page)
    assert re.search(r'value="female" checked', page)
    assert re.search(r'name="rf_positive"[^>]*value="true" checked', page)


def test_a_study_without_examples_offers_none(one_arm_site):
    assert "Fill in an example" not in one_arm_site.get("/").text


def test_scores_follow_from_what_is_typed_so_far_and_say_what_they_lack(site):
    typed = {
        "tender_joint_count_28": "5",
        "swollen_joint_count_28": "6",
        "esr_mm_per_h": "8",
        "patient_global_mm": "51",
    }
    scores = " ".join(re.sub(r"<[^>]*>", " ", sent(site, typed, "/pages/scores").text).split())
    assert "DAS28-ESR 4.1 moderate disease activity" in scores
    assert "DAS28-CRP needs CRP" in scores
    assert "CDAI needs Physician global assessment" in scores


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/pages/scores"])
def test_a_form_from_another_sites_page_is_refused(site, a_form, path, headers):
    refused = sent(site, a_form(), path, **headers)
    assert refused.status_code == 400
    assert refused.json()["detail"] == "this form was sent from a page of another site"


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "same-origin", "origin": "null"}, {"origin": "http://acrcast.test"}, {}]
)
def test_the_pages_own_form_and_what_is_no_browser_are_answered(site, a_form, headers):
    assert sent(site, a_form(), **headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"age_years=54&age_years=55", 400), (b"age_years=%ff", 400), (b"a=1&" * 600, 400), (b"x=" + b"a" * 70_000, 413)],
)
def test_bytes_that_are_no_form_of_this_page_are_refused(site, body, status):
    refused = site.request("POST", "/", content=body, headers=FORM)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"


def test_json_is_sent_to_another_address(site, a_patient):
    refused = site.request("POST", "/", json=a_patient())
    assert refused.status_code == 415
    assert "/predict" in refused.json()["detail"]


def test_pages_run_no_script_of_their_text_and_are_not_kept(site, a_form):
    for page in (site.get("/"), sent(site, a_form()), sent(site, a_form(age_years=None))):
        assert "script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["vary"] == "Accept-Language"
        assert not re.search(r"<script(?![^>]*src=)|style=|\son\w+=", page.text)


def test_nothing_on_a_page_comes_from_another_host(site, a_form):
    for page in (site.get("/"), sent(site, a_form())):
        addresses = re.findall(r'(?:src|href|action)="([^"]*)"', page.text)
        assert addresses
        assert [address for address in addresses if re.match(r"\w+:|//", address)] == []


def test_assets_may_be_kept_and_are_named_with_their_version(site):
    for address in re.findall(r'(?:src|href)="(pages/assets/[^"]*)"', site.get("/").text):
        assert re.fullmatch(r"pages/assets/[\w.]+\?v=[0-9a-f]{12}", address)
        answered = site.get(f"/{address}")
        assert answered.status_code == 200
        assert "immutable" in answered.headers["cache-control"]
    assert site.get("/pages/assets/routes.py").status_code == 404


@pytest.fixture
def keyed(serving, released, chain, settings):
    """A site that asks for keys, and one key that may predict and one that may not."""
    keys = [
        make_key(chain.engine, chain.keys, name="ward 7", tenant="north", scopes=[scope], expires=None)[1]
        for scope in ("predict", "outcome")
    ]
    return serving(create_app(settings, released)), *keys


def test_where_keys_are_asked_for_the_form_has_a_place_for_one(keyed, site):
    assert 'name="page.key"' in keyed[0].get("/").text
    assert 'name="page.key"' not in site.get("/").text


def test_the_key_in_the_form_opens_and_is_shown_to_nobody(keyed, chain, a_form):
    client, key, _ = keyed
    answered = sent(client, a_form() | {"page.key": f" {key} "})
    assert answered.status_code == 200
    assert key not in answered.text
    (line,) = [orjson.loads(line) for line in exported(chain)]
    assert (line["tenant"], line["caller"][:6]) == ("north", "ward 7")
    assert key not in json.dumps(line)


def test_the_key_in_the_header_opens_too(keyed, a_form):
    client, key, _ = keyed
    assert sent(client, a_form(), authorization=f"Bearer {key}").status_code == 200


@pytest.mark.parametrize("typed", ["", "acr_0_0", "Zz81734"])
def test_without_a_key_that_opens_nothing_is_answered_and_what_was_typed_stays(keyed, chain, a_form, typed):
    refused = sent(keyed[0], a_form(haq_di=2.25) | {"page.key": typed})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "This server does not know who asks" in text_of(refused)
    assert 'value="2.25"' in refused.text
    assert "Zz81734" not in refused.text
    assert list(exported(chain)) == []


def test_a_key_without_the_scope_is_told_which_one_it_lacks(keyed, a_form):
    client, _, other = keyed
    refused = sent(client, a_form() | {"page.key": other})
    assert refused.status_code == 403
    assert "one with the scope predict" in text_of(refused)


def test_a_key_that_asks_too_often_is_told_to_wait(serving, released, chain, settings, a_form):
    key = make_key(chain.engine, chain.keys, name="w", tenant="t", scopes=["predict"], expires=None)[1]
    client = serving(create_app(Settings(**settings.model_dump() | {"rate_limit": "1/minute"}), released))
    form = a_form() | {"page.key": key}
    assert [sent(client, form).status_code for _ in range(2)] == [200, 429]


def test_a_challenger_predicts_for_patients_of_the_page_too(serving, released, settings, chain, a_form):
    challenged = settings.model_copy(update={"challenger": str(artefact.RELEASED)})
    client = serving(create_app(challenged, released))
    kinds = []
    # it is loaded beside the first requests, and predicts for those after
    while "shadow" not in kinds:
        assert len(kinds) < 200
        sent(client, a_form())
        kinds = [orjson.loads(line)["kind"] for line in exported(chain)]
