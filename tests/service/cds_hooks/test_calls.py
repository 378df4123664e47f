"""A record system asks about a patient: who gets a card, what it says, and what is refused."""

import json
import re
from contextlib import closing

import pytest
from sqlalchemy import text

from acrcast_service.audit.erasure import erase
from acrcast_service.audit.export import exported
from acrcast_service.audit.opening import open_chain
from acrcast_service.store.database import writing

from .conftest import ORDER, PUBLIC, SERVICES, VIEW, bearer, told
from .fhir_fake import MisbehavingFhir, redirecting, slow
from .records import (
    ATC,
    SNOMED,
    UCUM,
    a_bundle,
    a_condition,
    a_person,
    a_prefetch,
    a_value,
    an_order,
    the_values,
)

COUNTS = {"88981-6": 14, "88980-8": 9}


@pytest.fixture
def call(client, a_token, a_hook):
    """Posts a hook with a token of its own."""

    def post(request=None, service=VIEW, content=None, client=client, **changed):
        token = a_token(f"{SERVICES}/{service}")
        content = json.dumps(request or a_hook(**changed)) if content is None else content
        headers = bearer(token) | {"content-type": "application/json"}
        return client.request("POST", f"/cds-services/{service}", content=content, headers=headers)

    return post


@pytest.fixture
def cards(call, conforming):
    """The cards for a prefetch, which conform."""

    def ask(prefetch, **changed):
        answered = call(prefetch=prefetch, **changed)
        assert answered.status_code == 200, answered.text
        conforming("response", answered.json())
        return answered.json()["cards"]

    return ask


def _only_counts(**changed):
    return [a_value(code, value, "{#}") for code, value in (COUNTS | changed).items()]


def _when_ordered(*drafts, selected="MedicationRequest/draft", **more):
    drafts = drafts or (an_order(name="draft", status="draft"),)
    context = {
        "userId": "Practitioner/1",
        "patientId": "p1",
        "selections": [selected],
        "draftOrders": a_bundle(*drafts),
    }
    return {"service": ORDER, "hook": "order-select", "context": context, "prefetch": a_prefetch()} | more


# who gets a card


def test_a_patient_with_ra_gets_one_card_that_informs_and_does_nothing(cards):
    (card,) = cards(a_prefetch())
    assert card["indicator"] == "info"
    assert card["source"] == {"label": "acrcast, a research model", "url": f"{PUBLIC}/"}
    assert len(card["overrideReasons"]) == 5
    assert not {"suggestions", "selectionBehavior"} & card.keys()
    (link,) = card["links"]
    assert link["url"].startswith(f"{PUBLIC}/basis/{card['uuid']}?until=")
    assert (link["type"], "autolaunchable" in link) == ("absolute", False)


@pytest.mark.parametrize(
    "changed",
    [
        {"conditions": []},
        {"conditions": [a_condition(SNOMED, "38341003")]},
        {"conditions": [a_condition(verified="refuted")]},
        {"medications": [an_order()]},
        {"values": []},
        {"values": [a_value("4537-7", 48, "mm/h", taken="2020-01-01")]},
    ],
    ids=["no diagnosis", "another disease", "refuted", "takes the drug", "nothing measured", "nothing measured lately"],
)
def test_who_is_not_asked_about_gets_no_card(cards, changed):
    assert cards(a_prefetch(**changed)) == []


def test_a_key_that_is_null_has_nothing(cards):
    assert cards(a_prefetch() | {"conditions": None}) == []
    assert len(cards(a_prefetch() | {"medications": None})) == 1


def test_without_a_required_measure_the_card_says_what_is_missing_and_has_nothing_to_answer(cards, recorded):
    (card,) = cards(a_prefetch(values=[a_value("4537-7", 48, "mm/h")]))
    assert card["summary"] == (
        "No prediction of ACR20 at week 24: Tender joint count (28), Swollen joint count (28) not known."
    )
    assert "**Needed for a prediction, and not known**\n\n- Tender joint count (28)\n- Swollen" in card["detail"]
    assert "%" not in card["detail"]
    assert not {"uuid", "links", "overrideReasons"} & card.keys()
    assert recorded() == []


def test_a_patient_without_sex_and_birth_date_lacks_them(cards):
    (card,) = cards(a_prefetch(patient={"resourceType": "Patient", "gender": "unknown"}))
    assert card["summary"] == "No prediction of ACR20 at week 24: Age, Sex not known."


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (a_value("1988-5", 2.2, "mg/dL", valueQuantity={"value": 22, "unit": "furlongs"}), "CRP"),
        (a_value("4537-7", 480, "mm/h"), "ESR"),
        (a_value("treg-percent-of-cd4", 0.05, "%", system="https://acrcast.example/measures"), "Treg frequency"),
    ],
    ids=["unit", "range", "fraction"],
)  # fmt: skip
def test_a_value_that_cannot_be_read_for_certain_makes_no_prediction_and_is_named(cards, recorded, value, said):
    (card,) = cards(a_prefetch(values=[*_only_counts(), value]))
    assert card["summary"] == (
        "No prediction of ACR20 at week 24: the record has values that cannot be read for certain."
    )
    assert f"**In the record, and not to be read for certain**\n\n- {said}" in card["detail"]
    assert recorded() == []


def test_a_result_that_is_only_a_limit_is_no_obstacle_and_something_to_take_care_of(cards):
    below = {"value": 5, "comparator": "<", "system": UCUM, "code": "mg/L"}
    (card,) = cards(a_prefetch(values=[*_only_counts(), a_value("1988-5", 5, "mg/L", valueQuantity=below)]))
    take_care = card["detail"].partition("**Take care**")[2]
    assert (
        r"- CRP counts as not known: its newest result is a limit (a comparator such as \<) and no number." in take_care
    )


def test_an_order_of_the_drug_gets_the_card_and_an_order_of_another_does_not(cards):
    assert len(cards(**_when_ordered())) == 1
    assert cards(**_when_ordered(an_order(ATC, "L04AX03", name="draft", status="draft"))) == []
    assert cards(**_when_ordered(selected="MedicationRequest/another")) == []


def test_whoever_orders_the_drug_is_told_also_when_nothing_was_measured(cards):
    (card,) = cards(**_when_ordered(prefetch=a_prefetch(values=[])))
    assert "Tender joint count (28), Swollen joint count (28) not known" in card["summary"]


# what the card says


def test_the_summary_has_both_risks_with_their_intervals_and_what_they_are_worth(cards):
    (card,) = cards(a_prefetch())
    assert re.fullmatch(
        r"ACR20 at week 24: Low-dose IL-2 with methotrexate \d+ % \(\d+ to \d+\); "
        r"Methotrexate alone \d+ % \(\d+ to \d+\)\. Research only, simulated data\.",
        card["summary"],
    )


def test_the_detail_has_everything_that_a_rheumatologist_asks(cards, model):
    (card,) = cards(a_prefetch(values=_only_counts()))
    detail = card["detail"]
    assert detail.startswith("**Research use only: not a medical device, not for diagnosis or treatment decisions.")
    assert re.search(r"\| Low-dose IL-2 with methotrexate \| \*\*\d+ %\*\* \| \d+ to \d+ % \| \d+ % \|", detail)
    assert re.search(r"\*\*Difference: (0|[+-]\d+) percentage points\*\* \((0|[+-]\d+) to (0|[+-]\d+)\)", detail)
    assert "**What carried it**" in detail
    assert re.search(r"- Serum IL-21.*: would be expected to narrow it from \d+ to \d+ points|IL-21.*hardly", detail)
    assert "**Where this patient lies**: " in detail
    assert "Tender joint count (28) 14 joints" in detail
    assert "measured on 2026-10-05" in detail
    assert "- Trained on simulated patients: the numbers show the method, not the treatment." in detail
    assert f"Model made-up 1 (`{model.identity.digest[:19]}`), trained on simulated patients, no real ones." in detail


def test_the_values_are_converted_to_the_studys_units_and_the_record_says_from_what(cards, recorded):
    (card,) = cards(a_prefetch())
    assert "CRP 22 mg/L" in card["detail"]
    (record,) = recorded()
    assert record["inputs"]["crp_mg_per_l"] == 22
    assert record["answer"]["origin"]["values"]["crp_mg_per_l"] == {
        "from": "Observation/p1-1988-5",
        "sent": "2.2 mg/dL",
        "date": "2026-10-05",
        "choice": "converted to 22 mg/L",
    }


def test_the_newest_usable_value_is_the_one_that_counts(cards, recorded):
    newer = a_value("4537-7", 12, "mm/h", taken="2026-11-01T08:00:00Z", id="newer")
    mistaken = a_value("4537-7", 99, "mm/h", taken="2026-11-20", id="mistaken", status="entered-in-error")
    cards(a_prefetch(values=[*the_values(), newer, mistaken]))
    assert recorded()[0]["inputs"]["esr_mm_per_h"] == 12


def test_text_of_the_record_is_text_in_the_card_and_no_markup(cards):
    method = {"text": "<img src=x onerror=alert(1)> **gated** | by | [me](http://evil.test)"}
    values = [*_only_counts(), the_values()[0] | {"method": method}]
    (card,) = cards(a_prefetch(values=values))
    assert "<img" not in card["detail"].replace("\\<img", "")
    assert "](http" not in card["detail"].replace("\\](http", "")


# what is recorded


def test_the_prediction_behind_a_card_is_recorded_for_the_clients_tenant(cards, recorded, model):
    (card,) = cards(a_prefetch())
    (record,) = recorded()
    assert record["record_id"] == record["answer"]["prediction_id"] == card["uuid"]
    assert (record["kind"], record["tenant"], record["caller"]) == ("prediction", "north", "https://ehr.hospital.test/")
    assert (record["study"], record["model"]) == ("ld-il2-ra", model.identity.digest)
    assert record["inputs"]["tender_joint_count_28"] == 14
    assert record["answer"]["origin"]["hook"] == "patient-view"


def test_one_patient_has_one_pseudonym_in_a_tenant_and_another_in_the_next(call, recorded, client, a_token, a_hook):
    call(prefetch=a_prefetch())
    call(**_when_ordered())
    south = a_token(f"{SERVICES}/{VIEW}", iss="https://south.test/")
    client.request("POST", f"/cds-services/{VIEW}", json=a_hook(prefetch=a_prefetch()), headers=bearer(south))
    subjects = [record["subject"] for record in recorded("prediction")]
    assert subjects[0] == subjects[1] != subjects[2]
    assert "p1" not in "".join(subjects)


def test_a_patient_is_erased_by_the_reference_that_the_record_system_uses(call, recorded, chain):
    call(prefetch=a_prefetch())
    assert "inputs" in recorded("prediction")[0]
    assert erase(chain, "Patient/p1", "north", "tests") >= 1
    assert recorded("prediction")[0]["erased"] is True


def test_an_organisation_within_a_client_is_a_tenant_of_its_own(client, a_token, a_hook, recorded):
    token = a_token(f"{SERVICES}/{VIEW}", tenant="ward-7")
    client.request("POST", f"/cds-services/{VIEW}", json=a_hook(prefetch=a_prefetch()), headers=bearer(token))
    assert [record["tenant"] for record in recorded()] == ["north/ward-7"]


def test_neither_the_fhir_token_nor_a_name_is_kept_or_logged(call, chain, capfd):
    authorization = {
        "access_token": "Zz81734Canary", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y",
    }  # fmt: skip
    person = a_person() | {"name": [{"family": "Zz81734Canary"}]}
    call(
        prefetch=a_prefetch(patient=person),
        fhirServer="https://fhir.test/Zz81734Canary",
        fhirAuthorization=authorization,
    )
    call(prefetch={"patient": person, "observations": "Zz81734Canary"}, hook="Zz81734Canary")
    assert b"Zz81734Canary" not in b"".join(exported(chain))
    said = capfd.readouterr()
    assert "Zz81734Canary" not in said.out + said.err


def test_when_nothing_can_be_recorded_no_card_leaves(call, client_of, settings):
    broken = client_of(settings)
    chain = open_chain(settings, may_make=False)
    with writing(chain.engine) as connection:
        connection.execute(text("DROP TABLE audit_records"))
    chain.engine.dispose()
    answered = call(prefetch=a_prefetch(), client=broken)
    assert answered.status_code == 503
    assert told(answered) == ("audit-unavailable", [])
    assert "cards" not in answered.text


# what is refused


def test_data_that_cannot_be_had_are_412_with_an_operation_outcome(call, node):
    answered = call(prefetch={"patient": a_person(), "conditions": a_bundle(a_condition())})
    assert answered.status_code == 412
    reason = "it was not prefetched, and no FHIR server was named from which it could be read"
    assert told(answered) == ("fhir-data-missing", [f"observations: {reason}", f"medications: {reason}"])
    assert json.loads(node("validate_fhir.mjs", given=answered.text)) == []


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("slow", "the FHIR server did not answer within 0.3 seconds"),
        ("redirecting", "the FHIR server answered with status 302"),
        ("endless", "it is larger than 4 MiB"),
        ("down", "the FHIR server cannot be reached"),
    ],
)
def test_a_fhir_server_that_fails_is_412_and_says_how(call, client_of, settings, behaviour, reason):
    with closing(MisbehavingFhir()) as fhir:
        ways = {"slow": slow, "redirecting": redirecting("https://elsewhere.test/"), "endless": fhir.endless}
        fhir.answers["Observation"] = ways.get(behaviour)
        if behaviour == "down":
            fhir.close()
        client = client_of(settings.model_copy(update={"fhir_servers": (fhir.base,), "fhir_seconds": 0.3}))
        sent = {key: value for key, value in a_prefetch().items() if key != "observations"}
        answered = call(client=client, prefetch=sent, fhirServer=fhir.base)
    assert answered.status_code == 412
    assert told(answered) == ("fhir-data-missing", [f"observations: {reason}"])


@pytest.mark.parametrize(
    ("changed", "field", "expected"),
    [
        ({"hook": "order-sign"}, "hook", "expected patient-view, the hook of this service"),
        ({"hook": 5}, "hook", "expected the hook of the service"),
        ({"hookInstance": "1"}, "hookInstance", "expected a UUID"),
        ({"hookInstance": None}, "hookInstance", "expected a UUID"),
        ({"hookInstance": 5}, "hookInstance", "expected a UUID"),
        ({"hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea\n"}, "hookInstance", "expected a UUID"),
        ({"context": {}}, "context", "expected an object with patientId, and for order-select selections and draftOrders"),
        ({"context": {"patientId": "a/../b"}}, "context", "expected an object with patientId, and for order-select selections and draftOrders"),
        ({"context": {"patientId": 5}}, "context", "expected an object with patientId, and for order-select selections and draftOrders"),
        ({"context": None}, "context", "expected an object with patientId, and for order-select selections and draftOrders"),
        ({"prefetch": []}, "prefetch", "expected an object of FHIR resources or null, by the keys of the service"),
        ({"prefetch": {"patient": "Patient/p1"}}, "prefetch", "expected an object of FHIR resources or null, by the keys of the service"),
        ({"fhirServer": 5}, "fhirServer", "expected the base URL of the FHIR server, at most 2000 characters"),
        ({"fhirAuthorization": {"access_token": "t"}}, "fhirAuthorization", "expected an object with access_token, token_type Bearer, expires_in, scope and subject, and fhirServer beside it"),
        ({"fhirAuthorization": {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}}, "fhirAuthorization", "expected an object with access_token, token_type Bearer, expires_in, scope and subject, and fhirServer beside it"),
        ({"fhirServer": "https://x.test", "fhirAuthorization": {"access_token": "t\r\nX: y", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}}, "fhirAuthorization", "expected an object with access_token, token_type Bearer, expires_in, scope and subject, and fhirServer beside it"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_request_is_named(call, changed, field, expected):
    answered = call(**changed)
    assert answered.status_code == 422
    assert told(answered) == ("invalid-input", [f"{field}: {expected}"])


@pytest.mark.parametrize("missing", ["hook", "hookInstance", "context"])
def test_what_a_request_must_have_is_asked_for(call, a_hook, missing):
    request = a_hook()
    del request[missing]
    answered = call(request)
    assert answered.status_code == 422
    (said,) = told(answered)[1]
    assert said.startswith(f"{missing}: expected ")


def test_what_a_client_sends_beside_it_is_not_looked_at(call):
    answered = call(prefetch=a_prefetch() | {"more": a_bundle()}, extension={"com.example": 1}, more=[None])
    assert answered.status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b'"x"', b"\xff", b"NaN", '{"hook": 1e400}', '{"hook": NaN}', b"[" * 100_000, '{"a": 1, "a": 2}',
        '{"hook": "\\ud800"}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_not_repeated(call, content):
    answered = call(content=content)
    assert answered.status_code in (400, 422)
    assert told(answered)[0] in ("malformed-json", "invalid-input")


def test_a_name_that_is_given_twice_is_refused_at_any_depth(call, a_hook):
    sent = json.dumps(a_hook(prefetch=a_prefetch())).replace(
        '"gender": "female"', '"gender": "female", "gender": "male"'
    )
    answered = call(content=sent)
    assert answered.status_code == 422
    assert told(answered) == ("invalid-input", ["gender: given more than once"])


def test_an_unknown_service_does_not_exist(call):
    answered = call(service="unknown")
    assert answered.status_code == 404
    assert told(answered) == ("not-found", ["there is no CDS service of that id: GET /cds-services lists them"])


@pytest.mark.parametrize(
    "changed",
    [
        {"patient": a_person("p2")},
        {"values": [*the_values(), a_value("4537-7", 48, "mm/h", patient="p2")]},
        {"conditions": [a_condition(patient="p2")]},
        {"medications": [an_order(ATC, "L04AX03", patient="p2")]},
    ],
)
def test_data_of_another_patient_than_the_contexts_are_refused(call, recorded, changed):
    answered = call(prefetch=a_prefetch(**changed))
    assert answered.status_code == 422
    assert told(answered) == (
        "invalid-input",
        ["prefetch: expected resources of the patient in context.patientId alone"],
    )
    assert recorded() == []


def test_a_resource_that_is_not_as_fhir_has_it_is_the_record_systems_to_put_right(call):
    broken = a_value("4537-7", 48, "mm/h")
    del broken["status"]
    answered = call(prefetch=a_prefetch(values=[broken]))
    assert answered.status_code == 422
    assert told(answered) == ("invalid-input", ["Observation[1].status: required in FHIR R4"])


def test_a_body_that_is_too_large_is_refused(client_of, settings, a_token, a_hook):
    client = client_of(settings.model_copy(update={"hook_limit_bytes": 1000}))
    token = a_token(f"{SERVICES}/{VIEW}")
    answered = client.request(
        "POST", f"/cds-services/{VIEW}", json=a_hook(prefetch=a_prefetch()), headers=bearer(token)
    )
    assert answered.status_code == 413


def test_a_body_that_is_not_declared_as_json_is_refused(client, a_token):
    headers = bearer(a_token(f"{SERVICES}/{VIEW}")) | {"content-type": "text/plain"}
    assert client.request("POST", f"/cds-services/{VIEW}", content=b"{}", headers=headers).status_code == 415
