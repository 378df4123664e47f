"""The audit's page: what is found, in what order and by whom; one record in full; what was erased; the file."""

import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import orjson
import pytest

from acrcast_service.audit import search
from acrcast_service.audit.erasure import erase, retain
from acrcast_service.audit.export import exported
from acrcast_service.audit.records import KINDS
from acrcast_service.pages.languages import CHINESE, words_of
from acrcast_service.store.database import writing


def text_of(response):
    main = response.text.partition("<main")[2].partition("</main>")[0].partition(">")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", main)).split())


def found(page):
    """Numbers of the records of the list, as they stand there."""
    return re.findall(r'name="page.open" value="([^"]*)"', page.text)


@pytest.fixture
def asked(keyed_client, keys):
    """The page's answer to what was typed or pressed, by a key with the scope."""

    def ask(*, status=200, tenant="north", path="/audit", **form):
        form = {name.replace("page_", "page."): value for name, value in form.items()}
        answered = keyed_client.request("POST", path, data={"page.key": keys("audit", tenant)} | form)
        assert answered.status_code == status, text_of(answered)
        return answered

    return ask


def test_before_a_key_nothing_is_shown(keyed_client, history, a_patient):
    history.prediction(a_patient())
    page = keyed_client.get("/audit")
    assert page.status_code == 200
    assert found(page) == []
    assert 'name="page.key" type="password"' in page.text


@pytest.mark.parametrize("scope", ["predict", "outcome", "admin"])
def test_only_the_scope_audit_opens_it(keyed_client, keys, scope, history, a_patient):
    history.prediction(a_patient())
    refused = keyed_client.request("POST", "/audit", data={"page.key": keys(scope)})
    assert refused.status_code == 403
    assert "lacks the scope audit" in text_of(refused)
    assert found(refused) == []


def test_every_record_stands_there_the_newest_first(asked, history, a_patient):
    first, second = history.prediction(a_patient(), 2), history.prediction(a_patient(), 1)
    outcome = history.outcome(first, responded=True)
    assert found(asked()) == [outcome, second.prediction_id, first.prediction_id]


def test_a_number_finds_a_prediction_and_what_is_about_it(asked, history, a_patient):
    first, _ = history.prediction(a_patient()), history.prediction(a_patient())
    outcome = history.outcome(first, responded=True)
    assert found(asked(number=f" {first.prediction_id} ")) == [outcome, first.prediction_id]


def test_a_pseudonym_finds_its_patient_and_no_other(asked, history, a_patient):
    mine = history.prediction(a_patient(), subject="P-1042")
    history.prediction(a_patient(), subject="P-104")
    assert found(asked(subject="P-1042")) == [mine.prediction_id]


def test_days_are_found_whole(asked, history, chain, a_patient):
    answers = [history.prediction(a_patient(), days_ago) for days_ago in (10, 5, 0)]
    days = [line["time"][:10] for line in map(orjson.loads, exported(chain))]
    assert found(asked(since=days[1], until=days[1])) == [answers[1].prediction_id]
    assert found(asked(since=days[1])) == [answers[2].prediction_id, answers[1].prediction_id]
    assert found(asked(until=days[0])) == [answers[0].prediction_id]


@pytest.mark.parametrize("beginning", ["sha256:aaaaaa", "aaaaaa"])
def test_the_beginning_of_a_digest_finds_its_records(asked, history, a_patient, beginning):
    mine = history.prediction(a_patient(), model="sha256:" + "a" * 64)
    history.prediction(a_patient())
    assert found(asked(model=beginning)) == [mine.prediction_id]


def test_a_kind_finds_its_records(asked, history, a_patient):
    outcome = history.outcome(history.prediction(a_patient()), responded=True)
    assert found(asked(kind="outcome")) == [outcome]


def test_every_kind_has_its_words_in_both_languages(asked):
    page, chinese = asked().text, asked(path="/audit?lang=zh").text
    for kind in KINDS:
        words = re.search(rf'<option value="{kind}">(.*?)</option>', page)[1]
        assert words_of(CHINESE).of(unescape(words)) == re.search(rf'<option value="{kind}">(.*?)</option>', chinese)[1]


def test_another_tenant_finds_nothing_and_opens_nothing(asked, history, a_patient):
    mine = history.prediction(a_patient(), subject="P-1")
    assert "No record fits." in text_of(asked(tenant="south", number=mine.prediction_id))
    assert found(asked(tenant="south", subject="P-1")) == []
    refused = asked(status=404, tenant="south", page_open=mine.prediction_id)
    assert "There is no such record, or it is not of your tenant." in text_of(refused)


def test_older_records_are_on_further_pages(asked, history, a_patient, monkeypatch):
    monkeypatch.setattr(search, "PAGE", 2)
    names = [history.prediction(a_patient(), 5 - k).prediction_id for k in range(5)][::-1]
    first = asked()
    assert found(first) == names[:2]
    assert "Newest" not in text_of(first)
    second = asked(page_before=re.search(r'name="page.before" value="(\d+)"', first.text)[1])
    assert found(second) == names[2:4]
    third = asked(page_before=re.search(r'name="page.before" value="(\d+)"', second.text)[1])
    assert found(third) == names[4:]
    assert "Older" not in text_of(third)
    assert "There is none before." in text_of(third)


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "²"])
def test_a_place_that_no_button_names_begins_with_the_newest(asked, history, a_patient, before):
    mine = history.prediction(a_patient())
    assert found(asked(page_before=before)) == [mine.prediction_id]


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("number", "1d0c", "expected a record&#39;s whole number, 36 characters, as answers and cards give it"),
        ("subject", "x" * 201, "expected at most 200 characters"),
        ("model", "abc", "expected the beginning of a digest: at least 6 of its digits 0 to 9 and a to f"),
        ("model", "%_%_%_", "expected the beginning of a digest: at least 6 of its digits 0 to 9 and a to f"),
        ("since", "yesterday", "expected a day as YYYY-MM-DD"),
        ("until", "2026-02-32", "expected a day as YYYY-MM-DD"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_searched(asked, history, a_patient, name, typed, said):
    history.prediction(a_patient())
    refused = asked(status=422, **{name: typed})
    assert f'<p class="error" id="{name}-error">{said}</p>' in refused.text
    assert f'aria-describedby="{name}-error {name}-hint" aria-invalid="true"' in refused.text
    assert f'<li><a href="#{name}">' in refused.text
    assert found(refused) == []


def test_a_last_day_before_the_first_is_told(asked):
    refused = asked(status=422, since="2026-05-02", until="2026-05-01")
    assert "expected the day of the line before, or a later one" in text_of(refused)
    assert "不得早于起始日期" in asked(status=422, since="2026-05-02", until="2026-05-01", path="/audit?lang=zh").text


def test_a_kind_that_there_is_not_is_refused(asked):
    assert "expected one of the list" in text_of(asked(status=422, kind="secret"))


def test_one_record_is_shown_in_full_as_the_page_of_predictions_shows_it(asked, history, chain, a_patient):
    answer = history.prediction(a_patient(crp_mg_per_l=22.5, haq_di=None), subject="P-1")
    outcome = history.outcome(answer, responded=True)
    page = asked(page_open=answer.prediction_id)
    text = text_of(page)
    treated, control = (round(100 * arm.probability) for arm in (answer.treated, answer.control))
    assert (
        f"about {treated} would respond on Low-dose IL-2 with methotrexate and about {control} on Methotrexate" in text
    )
    assert "CRP 22.5 mg/L" in text
    assert "HAQ disability index not known" in text
    assert "checked now: it stands here as it was written" in text
    assert answer.model.digest in text
    assert outcome in found(page)
    (line, _) = map(orjson.loads, exported(chain))
    assert line["hash"] in text
    shown = [json.loads(unescape(part)) for part in re.findall(r"<pre[^>]*>(.*?)</pre>", page.text, re.DOTALL)]
    assert shown == [line["inputs"], line["answer"]]


def test_a_record_leads_back_to_what_was_searched(asked, history, a_patient):
    mine = history.prediction(a_patient(), subject="P-1")
    page = asked(page_open=mine.prediction_id, subject="P-1", kind="prediction").text
    assert '<input type="hidden" name="subject" value="P-1">' in page
    assert '<input type="hidden" name="kind" value="prediction">' in page


def test_an_outcome_is_shown_as_it_was_recorded_beside_its_prediction(asked, history, a_patient):
    answer = history.prediction(a_patient())
    page = asked(page_open=history.outcome(answer, responded=True))
    assert '"responded": true' in unescape(page.text)
    assert found(page)[-1] == answer.prediction_id


def test_an_answer_of_another_form_is_shown_as_it_was_recorded(asked, history, a_patient):
    mine = history.prediction(a_patient(), answer=b'{"study": "ld-il2-ra", "risk": 0.5}')
    page = asked(page_open=mine.prediction_id)
    assert '"risk": 0.5' in unescape(page.text)
    assert 'class="headline"' not in page.text


def test_what_was_erased_is_said_with_by_whom_and_nothing_of_it_is_shown(asked, history, chain, a_patient):
    mine = history.prediction(a_patient(crp_mg_per_l=33.25), subject="P-1")
    erase(chain, "P-1", "north", "acrcast audit (anna)")
    assert "erased" in text_of(asked())
    page = asked(page_open=mine.prediction_id)
    assert re.search(
        r"Its contents were erased\. By erasure on \d{4}-\d\d-\d\d, asked for by acrcast audit \(anna\)\.",
        text_of(page),
    )
    assert "33.25" not in page.text
    assert "<pre" not in page.text


def test_what_ran_out_is_said_to_have(asked, history, chain, a_patient):
    mine = history.prediction(a_patient(), 30)
    history.prediction(a_patient())
    retain(chain, datetime.now(UTC) - timedelta(days=10), "acrcast audit (anna)")
    assert "By retention on" in text_of(asked(page_open=mine.prediction_id))


@pytest.mark.parametrize("changed", ["caller = 'nobody'", "payload = x'00'"])
def test_a_record_that_was_changed_is_not_opened_and_the_operator_is_told(
    asked, history, chain, a_patient, changed, caplog
):
    mine = history.prediction(a_patient())
    with writing(chain.engine) as connection:
        connection.exec_driver_sql(f"UPDATE audit_records SET {changed}")
    page = asked(page_open=mine.prediction_id)
    assert "This record is not as it was written" in text_of(page)
    assert "<pre" not in page.text
    assert "checked now" not in page.text
    assert "audit-tampered" in caplog.text


def test_the_file_has_what_was_found_and_no_more(asked, history, chain, a_patient):
    history.prediction(a_patient(), subject="P-1")
    mine = history.prediction(a_patient(), subject="P-2")
    file = asked(subject="P-2", page_export="yes")
    assert file.headers["content-type"].startswith("application/jsonl")
    assert file.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    assert file.text.splitlines() == [line.decode().rstrip() for line in exported(chain)][1:]
    assert json.loads(file.text)["record_id"] == mine.prediction_id


def test_a_file_of_nothing_valid_is_refused_like_its_search(asked):
    assert "expected a day as YYYY-MM-DD" in text_of(asked(status=422, since="x", page_export="yes"))


def test_what_was_recorded_or_typed_is_never_markup(asked, history, a_patient):
    mine = history.prediction(a_patient(treg_gating="</pre><script>alert(1)</script>"))
    for page in (asked(page_open=mine.prediction_id), asked(subject='"><script>alert(1)</script>')):
        assert "<script>alert" not in page.text
        assert not re.search(r"<script(?![^>]*src=)|style=|\son\w+=", page.text)


def test_without_an_audit_the_page_says_so(site):
    refused = site.request("POST", "/audit", data={"kind": ""})
    assert refused.status_code == 400
    assert "This server keeps no audit" in text_of(refused)


def test_a_form_of_another_sites_page_is_refused(keyed_client, keys):
    refused = keyed_client.request(
        "POST", "/audit", data={"page.key": keys("audit")}, headers={"origin": "https://elsewhere.example"}
    )
    assert refused.status_code == 400
