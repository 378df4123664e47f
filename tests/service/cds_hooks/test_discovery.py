"""What a record system finds at /cds-services, and what a browser may call."""

from dataclasses import replace
from datetime import date

import pytest

from acrcast.studies import load_study
from acrcast_service.cds_hooks.discovery import services_of
from acrcast_service.settings import Settings

from .conftest import ORDER, VIEW

SINCE = date(2026, 1, 31)
OURS = "https://acrcast.example/measures"


@pytest.fixture
def study():
    return load_study("ld-il2-ra")


@pytest.fixture
def client(client_of, tmp_path):
    """Of a server of this machine that asks nobody who they are."""
    return client_of(Settings(state=tmp_path, cors_origins=("https://ehr.test", "http://127.0.0.1:9000")))


def test_discovery_is_as_the_specification_has_it(client, conforming):
    answered = client.get("/cds-services")
    assert answered.headers["content-type"] == "application/json"
    conforming("services", answered.json())
    assert [(each["hook"], each["id"]) for each in answered.json()["services"]] == [
        ("patient-view", VIEW),
        ("order-select", ORDER),
    ]


def test_a_service_says_what_it_needs_and_that_it_is_for_research(study):
    for service in services_of(study, SINCE):
        assert service.version == "STU2"
        assert "Research use only: not a medical device" in service.description
        needed = "Age, Sex, Tender joint count (28), Swollen joint count (28)"
        assert service.usageRequirements.startswith(
            f"Needs FHIR R4, and of the patient at least: {needed}. Research use"
        )


def test_the_prefetch_asks_for_the_codes_of_the_contract_and_for_no_more(study):
    prefetch = services_of(study, SINCE)[0].prefetch
    assert prefetch["patient"] == "Patient/{{context.patientId}}"
    assert prefetch["conditions"] == "Condition?patient={{context.patientId}}&_count=100"
    assert prefetch["observations"].startswith("Observation?patient={{context.patientId}}&code=")
    assert prefetch["observations"].endswith("&date=ge2026-01-31&_sort=-date&_count=100")
    codes = prefetch["observations"].partition("&code=")[2].partition("&")[0].split(",")
    assert "http://loinc.org|4537-7" in codes
    assert "http://snomed.info/sct|442736000" in codes
    assert f"{OURS}|treg-percent-of-cd4" in codes
    # age and sex are the Patient's own
    assert "http://loinc.org|30525-0" not in codes


def test_a_study_whose_required_measures_have_no_codes_has_no_services():
    assert services_of(load_study("auranofin-ra"), SINCE) == ()


def test_a_study_that_names_no_diagnosis_has_no_services(study):
    assert services_of(replace(study, diagnosis=None), SINCE) == ()


def test_a_study_whose_treated_arm_names_no_drug_is_not_offered_for_orders(study):
    nameless = tuple(replace(arm, drug=()) for arm in study.arms)
    assert [service.hook for service in services_of(replace(study, arms=nameless), SINCE)] == ["patient-view"]


# browsers


def _preflight(client, origin, path=f"/cds-services/{VIEW}", method="POST", headers="authorization,content-type"):
    asked = {"origin": origin, "access-control-request-method": method, "access-control-request-headers": headers}
    return client.request("OPTIONS", path, headers=asked)


def test_a_preflight_needs_no_token_and_allows_authorization(client_of, settings):
    client = client_of(settings.model_copy(update={"cors_origins": ("https://ehr.test",)}))
    for path, method in (
        ("/cds-services", "GET"),
        (f"/cds-services/{VIEW}", "POST"),
        (f"/cds-services/{VIEW}/feedback", "POST"),
    ):
        answered = _preflight(client, "https://ehr.test", path, method)
        assert answered.status_code == 200
        assert answered.headers["access-control-allow-origin"] == "https://ehr.test"
        assert "Authorization" in answered.headers["access-control-allow-headers"]
        assert method in answered.headers["access-control-allow-methods"]


@pytest.mark.parametrize("origin", ["https://evil.test", "https://ehr.test.evil.test", "http://ehr.test", "null"])
def test_a_page_of_another_origin_is_not_allowed(client, origin):
    assert _preflight(client, origin).status_code == 400
    answered = client.request("GET", "/cds-services", headers={"origin": origin})
    assert "access-control-allow-origin" not in answered.headers


def test_a_page_is_told_also_why_it_was_refused(client_of, settings):
    client = client_of(settings.model_copy(update={"cors_origins": ("https://ehr.test",)}))
    answered = client.request("GET", "/cds-services", headers={"origin": "https://ehr.test"})
    assert answered.status_code == 401
    assert answered.headers["access-control-allow-origin"] == "https://ehr.test"


def test_other_routes_are_for_no_page_of_another_origin(client):
    assert _preflight(client, "https://ehr.test", "/predict").status_code == 405
    assert (
        "access-control-allow-origin"
        not in client.request("GET", "/model", headers={"origin": "https://ehr.test"}).headers
    )


def test_without_a_list_no_page_of_another_origin_may_call(client_of, tmp_path):
    client = client_of(Settings(state=tmp_path))
    assert _preflight(client, "https://ehr.test").status_code == 400
