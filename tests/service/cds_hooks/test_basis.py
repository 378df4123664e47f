"""The page behind a card: it opens by the card's own link and by nothing else, and shows the record in full."""

import json
import re
import time
from html import unescape
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from acrcast_service.audit.erasure import erase
from acrcast_service.audit.records import PREDICTION, Entry, now, seal
from acrcast_service.auth import signed_links
from acrcast_service.auth.signed_links import signed_link
from acrcast_service.settings import Settings
from acrcast_service.store.database import writing

from .conftest import PUBLIC, SERVICES, VIEW, bearer
from .records import a_condition, a_prefetch, a_value, the_values


@pytest.fixture
def link(client, a_token, a_hook):
    """The path and query of the link on a new card."""

    def make(**changed):
        headers = bearer(a_token(f"{SERVICES}/{VIEW}"))
        answered = client.request(
            "POST", f"/cds-services/{VIEW}", json=a_hook(prefetch=a_prefetch(**changed)), headers=headers
        )
        return answered.json()["cards"][0]["links"][0]["url"].removeprefix(PUBLIC)

    return make


def test_the_link_opens_without_a_key_and_tells_its_address_to_nobody(client, link):
    answered = client.get(link())
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "text/html; charset=utf-8"
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["referrer-policy"] == "no-referrer"
    assert '<meta name="referrer" content="no-referrer">' in answered.text
    assert "script-src 'self'; style-src 'self'" in answered.headers["content-security-policy"]
    assert re.findall(r"<script(?![^>]*src=)|style=|<form", answered.text) == []


def test_the_page_shows_the_record_in_full(client, link, recorded):
    text = client.get(link(conditions=[a_condition(onsetDateTime="2021-09-14")])).text
    (record,) = recorded("prediction")
    answer = record["answer"]
    for said in (
        answer["prediction_id"],
        answer["model"]["digest"],
        "The model was trained on simulated patients: its numbers show the method, not the treatment.",
        "Research use only: not a medical device, not for diagnosis or treatment decisions.",
        f"about {100 * answer['treated']['probability']:.0f} would respond on",
        f"{100 * answer['control']['interval'][0]:.0f} to {100 * answer['control']['interval'][1]:.0f} of 100",
        "The estimate conditions on everything measured.",
        "2.2 mg/dL; converted to 22 mg/L",
        "<code>Observation/p1-1988-5</code>",
        "<code>Condition/p1-69896004</code>",
        "DAS28-ESR 6.56",
        *answer["cautions"],
        *(item["label"] for item in answer["explanation"]),
        *(item["label"] for item in answer["missing"]),
    ):
        assert said in text
    assert "1972" not in text


def test_what_is_not_known_is_shown_as_not_known(client, link):
    text = client.get(link(values=[a_value("88981-6", 14, "{#}"), a_value("88980-8", 9, "{#}")])).text
    assert text.count('<span class="value unknown">not known</span>') == 15


def test_text_of_the_record_is_text_on_the_page_and_no_markup(client, link):
    text = client.get(
        link(values=[the_values()[0] | {"method": {"text": "<script>alert(1)</script>"}}, *the_values()[1:]])
    ).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>" not in text


def test_the_page_is_chinese_too_and_stays_open_when_its_language_is_changed(client, link):
    opened = link()
    text = client.get(f"{opened}&lang=zh").text
    assert "患者的已知资料" in text
    assert "病历中为：2.2 mg/dL；换算为22 mg/L" in text
    (other,) = re.findall(r'<a href="(\?[^"]*)" lang="en" hreflang="en">English', text)
    again = client.get(opened.split("?")[0] + unescape(other))
    assert again.status_code == 200
    assert "What was known of the patient" in again.text


def test_a_prediction_of_another_study_is_shown_as_it_was_recorded(client, chain):
    """The server may serve another study by the time that somebody follows the link."""
    name = str(uuid4())
    answer = {"study": "other", "endpoint": "Response", "model": {"training_data": "trial"}, "risk": 0.25}
    entry = Entry(PREDICTION, name, inputs=b'{"marker": 12.5}', answer=json.dumps(answer).encode(), study="other")
    with writing(chain.engine) as connection:
        chain.append(connection, [seal(chain.keys, entry, now())])
    text = unescape(client.get(signed_link(chain.keys, f"/basis/{name}")).text)
    assert '"marker": 12.5' in text
    assert '"risk": 0.25' in text
    assert "Response: what this prediction rests on" in text


@pytest.mark.parametrize("change", ["none", "seal", "until", "path", "twice"])
def test_a_link_that_was_tampered_with_leads_nowhere(client, link, change):
    good, other = link(), link()
    path, query = good.split("?")
    until, seal = (parse_qs(query)[name][0] for name in ("until", "seal"))
    changed = {
        "none": path,
        "seal": f"{path}?until={until}&seal={'0' * 64}",
        "until": f"{path}?until={int(until) + 1}&seal={seal}",
        "path": f"{other.split('?')[0]}?{query}",
        "twice": f"{path}?until={until}&seal=x&seal={seal}",
    }[change]
    answered = client.get(changed)
    assert answered.status_code == 404
    assert answered.headers["content-type"].startswith("text/html")
    assert "There is nothing at this address" in answered.text


@pytest.mark.parametrize("until", ["", "x", "nan", "1e9", "-1", "\u00b2", "9" * 30])
def test_a_time_that_this_server_did_not_write_leads_nowhere(client, link, until):
    path, query = link().split("?")
    seal = parse_qs(query)["seal"][0]
    assert client.request("GET", path, params={"until": until, "seal": seal}).status_code == 404


def test_an_old_link_says_so(client, link, chain, monkeypatch):
    path = link().split("?")[0]
    monkeypatch.setattr(signed_links, "GOOD_FOR_SECONDS", -1)
    answered = client.get(signed_link(chain.keys, path))
    assert answered.status_code == 410
    assert "This link is no longer good" in answered.text


def test_a_link_is_good_for_an_hour(link):
    until = int(parse_qs(urlsplit(link()).query)["until"][0])
    assert until - time.time() == pytest.approx(3600, abs=5)


def test_neither_a_clients_token_nor_a_key_opens_the_page(client, link, a_token):
    path = link().split("?")[0]
    assert client.request("GET", path, headers=bearer(a_token(f"{PUBLIC}{path}"))).status_code == 404


def test_what_was_erased_is_gone(client, link, chain):
    opened = link()
    erase(chain, "Patient/p1", "north", "tests")
    answered = client.get(opened)
    assert answered.status_code == 404
    assert answered.headers["content-type"].startswith("text/html")


def test_a_link_to_a_prediction_that_does_not_exist_leads_nowhere(client, chain):
    assert client.get(signed_link(chain.keys, "/basis/d1577c69-dfbe-44ad-ba6d-3e05e953b2ea")).status_code == 404


def test_without_an_audit_a_card_has_no_link(client_of, tmp_path, a_hook):
    client = client_of(Settings(state=tmp_path, audit=False))
    (card,) = client.request("POST", f"/cds-services/{VIEW}", json=a_hook(prefetch=a_prefetch())).json()["cards"]
    assert "links" not in card
    assert client.get(f"/basis/{card['uuid']}").status_code == 400
