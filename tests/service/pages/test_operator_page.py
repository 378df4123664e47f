"""The operator's page: who may see it, what it says of few and of many, and that it says no more than it knows."""

import re
from dataclasses import replace
from html import unescape

import orjson
import pytest

from acrcast.answer import Bedside
from acrcast.response_model import DEFAULT_LEVEL
from acrcast_service.app import create_app
from acrcast_service.audit.export import exported
from acrcast_service.audit.verified import last_verified
from acrcast_service.operation import look
from acrcast_service.pages import operator_page
from acrcast_service.store.database import writing


def text_of(response):
    main = response.text.partition("<main")[2].partition("</main>")[0].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def figure(page, label):
    """What stands in the row or tile of that label."""
    return " ".join(
        unescape(
            re.sub(
                r"<[^>]*>",
                " ",
                re.search(rf"{re.escape(label)}</(?:dt|th)>(.*?)(?:</div>|</tr>)", page.text, re.DOTALL)[1],
            )
        ).split()
    )


@pytest.fixture
def shown(keyed_client, keys):
    """The page, by a key with the scope."""

    def show(site=keyed_client, key=None, path="/operator", **form):
        answered = site.request("POST", path, data={"page.key": key or keys("admin")} | form)
        assert answered.status_code == 200
        return answered

    return show


def test_before_a_key_there_is_nothing_but_its_place(keyed_client):
    page = keyed_client.get("/operator")
    assert page.status_code == 200
    assert 'name="page.key" type="password"' in page.text
    assert "At a glance" not in page.text


@pytest.mark.parametrize("typed", ["", "acr_0_0", "Zz81734"])
def test_a_key_that_opens_nothing_is_told_so_beside_its_field(keyed_client, typed):
    refused = keyed_client.request("POST", "/operator", data={"page.key": typed})
    assert refused.status_code == 401
    assert (
        'id="key-error" role="alert">This key opens nothing: it is missing, unknown, expired or revoked.'
        in refused.text
    )
    assert 'aria-describedby="key-error key-hint" aria-invalid="true"' in refused.text
    assert "At a glance" not in refused.text
    assert "Zz81734" not in refused.text


@pytest.mark.parametrize("scope", ["predict", "outcome", "audit"])
def test_a_key_without_the_scope_is_told_which_one_it_lacks(keyed_client, keys, scope):
    refused = keyed_client.request("POST", "/operator", data={"page.key": keys(scope)})
    assert refused.status_code == 403
    assert "lacks the scope admin" in text_of(refused)
    assert "At a glance" not in refused.text


def test_the_key_is_in_no_answer_and_no_cookie_is_set(keys, shown):
    key = keys("admin")
    page = shown(key=key)
    assert key not in page.text
    assert "set-cookie" not in page.headers
    assert page.headers["cache-control"] == "no-store"
    assert "script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]


def test_a_form_of_another_sites_page_is_refused(keyed_client, keys):
    refused = keyed_client.request(
        "POST", "/operator", data={"page.key": keys("admin")}, headers={"sec-fetch-site": "cross-site"}
    )
    assert refused.status_code == 400


def test_without_a_prediction_nothing_is_said_of_any(shown):
    page = text_of(shown())
    assert "No prediction of this model to look at." in page
    assert "No outcome counts yet: nothing can be said." in page
    assert "Never verified, as far as it says itself." in page


def test_outcomes_that_count_are_told_with_what_was_expected(shown, history, a_patient):
    answers = [history.prediction(a_patient(age_years=50 + k), 250) for k in range(4)]
    for k, answer in enumerate(answers[:3]):
        history.outcome(answer, responded=k < 2)
    page = shown()
    expected = sum(answer.treated.probability for answer in answers[:3])
    assert figure(page, "Responders, and how many were expected").startswith(f"2 of 3, expected {expected:.1f}")
    assert figure(page, "Received, and count") == "3"
    assert figure(page, "Overdue") == "1"
    # the fourth as one who did not respond, at the risk of the arm of the three
    everybody = expected + answers[3].treated.probability
    assert figure(page, "Responders, and how many were expected").endswith(f"2 of 4, expected {everybody:.1f}")
    assert (
        figure(page, "Gain in log loss over the response rate; below 0 is worse") == "too few to judge too few to judge"
    )
    assert "Outcomes do not contradict them; too few to be sure." in text_of(page)


def test_an_outcome_that_is_known_before_it_is_due_does_not_count(shown, history, a_patient):
    """Week 24 and 28 days: 196 days after the prediction."""
    early, due = history.prediction(a_patient(), 195), history.prediction(a_patient(), 197)
    history.outcome(early, responded=False)
    history.outcome(due, responded=True)
    page = shown()
    assert figure(page, "Known early, and do not count yet") == "1"
    assert figure(page, "Responders, and how many were expected").startswith("1 of 1")


def test_an_outcome_without_its_arm_judges_neither_risk(shown, history, a_patient):
    history.outcome(history.prediction(a_patient(), 250), responded=True, arm=None)
    page = text_of(shown())
    assert "1 outcomes name no arm" in page
    assert "No outcome counts yet: nothing can be said of the risks." in page


def test_risks_that_outcomes_contradict_are_said_to_be_contradicted(shown, history, a_patient):
    for k in range(60):
        history.outcome(history.prediction(a_patient(age_years=20 + k), 250), responded=False)
    page = shown()
    assert "Outcomes contradict them." in text_of(page)
    assert figure(page, "Responders over expected; 1 is ideal").startswith("0.00 ")


def test_a_measure_that_comes_in_another_unit_is_named(shown, history, a_patient):
    for k in range(40):
        history.prediction(a_patient(crp_mg_per_l=1 + k / 40, age_years=40 + k), k)
    page = shown()
    assert "They differ from those of the training data. What differs:" in text_of(page)
    assert re.search(r'CRP</th><td>40</td>\s*<td><svg class="verdict bad"[^>]*aria-label="differs"', page.text)


def test_a_few_patients_like_the_trials_are_too_few_to_be_sure(shown, history, a_patient):
    history.prediction(a_patient())
    assert "No sign that they differ from the training data; too few to be sure." in text_of(shown())


def test_patients_of_another_tenant_take_no_part(shown, history, keys, a_patient):
    history.outcome(history.prediction(a_patient(), 250), responded=True)
    page = text_of(shown(key=keys("admin", tenant="south")))
    assert "Tenant south" in page
    assert "No prediction of this model to look at." in page


def test_predictions_of_another_model_are_counted_and_not_judged(shown, history, a_patient):
    history.prediction(a_patient(), model="sha256:" + "0" * 64)
    assert "None of this model yet. Predictions of other models: 1." in text_of(shown())


def test_of_more_records_than_can_be_waited_for_the_command_is_named(shown, history, a_patient, monkeypatch):
    monkeypatch.setattr(look, "MOST", 1)
    for _ in range(2):
        history.prediction(a_patient())
    page = text_of(shown())
    assert "This tenant has 2 records." in page
    assert "acrcast monitor says the same of all of them." in page


def test_predictions_are_counted_by_day(shown, history, a_patient):
    for days_ago in (0, 0, 40):
        history.prediction(a_patient(), days_ago)
    assert "2 in all; 2 on the busiest day, by UTC." in text_of(shown())


def test_latencies_are_told_from_as_many_requests_as_they_need(keyed_client, shown):
    for _ in range(99):
        keyed_client.get("/model/card")
    assert figure(shown(), "<code>/model/card</code>").endswith("too few")
    keyed_client.get("/model/card")
    assert re.fullmatch(r"100 0 0 [\d.]+ ms [\d.]+ ms", figure(shown(), "<code>/model/card</code>"))


def test_verifying_says_that_it_is_whole_and_remembers_it(shown, history, chain, a_patient):
    history.prediction(a_patient())
    page = text_of(shown(**{"page.verify": "yes"}))
    assert "It is whole: every record is as it was written. 1 records, of which 0 can no longer be read." in page
    (_, verification) = [orjson.loads(line) for line in exported(chain)]
    assert (verification["kind"], verification["about"].partition(" ")[0]) == ("verification", "1")
    again = text_of(shown())
    assert re.search(r"Last found whole on \d{4}-\d\d-\d\d; 1 records since\.", again)


def test_a_chain_that_was_changed_is_told_and_not_remembered_as_whole(shown, history, chain, a_patient):
    history.prediction(a_patient())
    with writing(chain.engine) as connection:
        connection.exec_driver_sql("UPDATE audit_records SET caller = 'nobody'")
    page = text_of(shown(**{"page.verify": "yes"}))
    assert "It is not whole: 1 things are wrong record 1: was changed" in page
    assert last_verified(chain).time is None


def test_of_more_records_than_can_be_verified_meanwhile_the_command_is_named(shown, history, a_patient, monkeypatch):
    monkeypatch.setattr(operator_page, "MOST_VERIFIED", 0)
    history.prediction(a_patient())
    page = text_of(shown(**{"page.verify": "yes"}))
    assert "run acrcast audit verify --record" in page
    assert "It is whole" not in page


def test_without_an_audit_the_traffic_is_still_shown(site):
    page = text_of(site.request("POST", "/operator", data={"page.only": ""}))
    assert "The audit is off: predictions leave without a record." in page
    assert "Traffic and latency" in page


def test_a_challenger_is_held_against_the_champion(serving, released, settings, shown, history, keys, a_patient):
    other = replace(released, identity=replace(released.identity, digest="sha256:" + "1" * 64))
    server = create_app(settings, released)
    server.server.shadow._store.put(other)
    bedside = Bedside(other, DEFAULT_LEVEL)

    def higher(answer):
        said = orjson.loads(answer)
        said["treated"]["probability"] = round(said["treated"]["probability"] + 0.125, 6)
        return orjson.dumps(said)

    for k in range(30):
        patient = a_patient(age_years=40 + k)
        answer = history.prediction(patient, 250)
        history.shadow(answer, patient, bedside, higher)
    page = shown(serving(server), keys("admin"))
    assert figure(page, "Patients for whom both predicted") == "30"
    assert figure(page, "Its risk less the champion\N{RIGHT SINGLE QUOTATION MARK}s, on average").startswith("+0.125 ")
    assert figure(page, "Patients whose risk differs by 0.1 or more").startswith("100.0 %")
    assert figure(page, "Of how many the outcome counts") == "0"
    assert figure(page, "Its gain in log loss over the champion") == "too few to judge"


def test_a_server_that_asks_nobody_shows_the_page_to_its_own_machine(site):
    assert 'data-enter="yes"' in site.get("/operator").text
    assert 'name="page.key"' not in site.get("/operator").text


def test_the_page_is_chinese_too(shown, history, a_patient):
    history.prediction(a_patient())
    page = shown(path="/operator?lang=zh")
    assert page.headers["content-language"] == "zh-Hans"
    assert "没有迹象表明与训练数据不同；例数太少，尚不能确定。" in page.text
