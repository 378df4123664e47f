"""A record system in a real browser calls a real server about patients of a real FHIR server, and a user acts on the card."""

import json
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from jwt.algorithms import ECAlgorithm
from playwright.sync_api import Error

from acrcast_service.audit.export import exported
from acrcast_service.audit.opening import open_chain
from acrcast_service.settings import Settings

from .conftest import HERE, ISSUER, ORDER, VIEW, a_client
from .records import SNOMED, a_bundle, a_condition, a_person, a_value, an_order, the_values

FHIR_TOKEN = "fhir-t0ken"
JKU = f"{ISSUER}jwks"
NODE = HERE.parents[1] / "node"


def _record(patient, *, conditions=None, values=None, orders=()):
    values = the_values(patient) if values is None else values
    conditions = [a_condition(patient=patient)] if conditions is None else conditions
    return [a_person(patient), *conditions, *values, *orders]


PATIENTS = [
    *_record("with-ra"),
    *_record("healthy", conditions=[a_condition(SNOMED, "38341003", patient="healthy")]),
    *_record("treated", orders=[an_order(patient="treated", name="il2-of-treated")]),
    *_record("unexamined", values=[a_value("4537-7", 48, "mm/h", patient="unexamined")]),
]


@pytest.fixture(scope="module")
def fhir(needs_program, node, tmp_path_factory):
    """Base address of a FHIR server that holds the patients."""
    assert node, "its packages are what the server is made of"
    file = tmp_path_factory.mktemp("fhir") / "resources.json"
    file.write_text(json.dumps(PATIENTS))
    command = [str(needs_program("node")), "fhir_server.mjs", str(file), FHIR_TOKEN]
    with subprocess.Popen(command, cwd=NODE, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture(scope="module")
def page_address(tmp_path_factory):
    """Where the record system's page is, of an origin of its own."""
    folder = tmp_path_factory.mktemp("page")
    files = (HERE / "client/index.html", HERE / "client/client.mjs", NODE / "node_modules/marked/lib/marked.esm.js")
    for file in files:
        shutil.copy(file, folder)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("browser") / "state"


@pytest.fixture(scope="module")
def service(start_for_module, fhir, page_address, state, key_file, tmp_path_factory):
    """Address of a real server that trusts the record system and may read from its FHIR server."""
    clients = tmp_path_factory.mktemp("clients") / "clients.toml"
    clients.write_text(a_client(ISSUER, key_file, "north", jku=JKU))
    running = start_for_module(
        "--port",
        "0",
        ACRCAST_STATE=str(state),
        ACRCAST_CDS_CLIENTS=str(clients),
        ACRCAST_CORS_ORIGINS=page_address,
        ACRCAST_FHIR_SERVERS=fhir,
    )
    yield running.url.rstrip("/")
    assert running.stop() == 0


@pytest.fixture
def page(browser, page_address):
    """The record system in a tab of its own; an error of its script fails the test."""
    context = browser.new_context(viewport={"width": 900, "height": 1400})
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(page_address)
    page.wait_for_function("window.run !== undefined")
    yield page
    context.close()
    assert not wrong


@pytest.fixture
def open_record(page, service, fhir, ec_key):
    """Opens a patient's record: services and cards that the page was given."""
    key = ECAlgorithm.to_jwk(ec_key, as_dict=True) | {"kid": "es384"}

    def open_(patient, hook="patient-view", *, prefetch=True, **context):
        options = {
            "service": service,
            "hook": hook,
            "context": {"userId": "Practitioner/1", "patientId": patient} | context,
            "issuer": ISSUER,
            "jku": JKU,
            "key": key,
            "fhirServer": fhir,
            "fhirToken": FHIR_TOKEN,
            "prefetch": prefetch,
        }
        return page.evaluate("options => window.run(options)", options)

    return open_


@pytest.fixture
def records(state):
    def read():
        chain = open_chain(Settings(state=state), may_make=False)
        try:
            return [json.loads(line) for line in exported(chain)]
        finally:
            chain.engine.dispose()

    return read


def test_a_user_reads_the_card_of_a_patient_and_follows_its_link(open_record, page, records, conforming, axe, picture):
    shown = open_record("with-ra")
    conforming("services", {"services": shown["services"]})
    conforming("response", {"cards": shown["cards"]})
    assert [service["id"] for service in shown["services"]] == [VIEW, ORDER]
    assert page.locator(".card .summary").inner_text().startswith("ACR20 at week 24: Low-dose IL-2 with methotrexate ")
    # the card's Markdown is a table, bold words and lists, and nothing of its marks is left over
    assert page.locator(".detail table").first.locator("td").first.inner_text() == "Low-dose IL-2 with methotrexate"
    detail = page.locator(".detail").inner_text()
    assert "**" not in detail
    assert "|" not in detail
    assert "Research use only: not a medical device" in detail
    assert "CRP 22 mg/L" in detail
    asked = []
    page.context.on("request", lambda request: asked.append(request))  # noqa: PLW0108  Playwright marks what it is given
    with page.expect_popup() as opened:
        page.locator("a.link").click()
    basis = opened.value
    basis.wait_for_load_state()
    # the address, which opens the page, is told to nobody, also not with what the page is made of
    made_of = [request for request in asked if "/pages/assets/" in request.url]
    assert len(made_of) >= 2
    assert [request.url for request in made_of if "referer" in request.all_headers()] == []
    assert axe(basis) == []
    picture(basis, "basis")
    basis.set_viewport_size({"width": 320, "height": 800})
    assert basis.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert basis.locator("h1").inner_text() == "ACR20 at week 24: what this prediction rests on"
    assert basis.locator(".values li", has_text="CRP").inner_text().splitlines() == [
        "CRP",
        "22 mg/L",
        "in the record: 2.2 mg/dL; converted to 22 mg/L · 2026-10-05 · Observation/with-ra-1988-5",
    ]
    basis.emulate_media(color_scheme="dark")
    basis.click(".languages a")
    assert basis.locator("h1").inner_text().endswith("本次预测的依据")
    assert axe(basis) == []
    picture(basis, "basis-dark-zh")
    assert records()[-1]["record_id"] == shown["cards"][0]["uuid"]


def test_a_user_finds_a_card_useful_or_dismisses_it_with_a_reason(open_record, page, records, conforming):
    sent = []
    page.on("request", lambda request: request.url.endswith("/feedback") and sent.append(request.post_data))
    card = open_record("with-ra")["cards"][0]["uuid"]
    page.locator("button.accept").click()
    page.wait_for_function("document.getElementById('state').textContent === 'feedback sent: accepted'")
    page.locator("select.reasons").select_option(label="The values used are wrong or out of date")
    page.locator("button.override").click()
    page.wait_for_function("document.getElementById('state').textContent === 'feedback sent: overridden'")
    for body in filter(None, sent):
        conforming("feedback", json.loads(body))
    accepted, overridden = [record for record in records() if record["kind"] == "feedback"]
    assert (accepted["about"], overridden["about"]) == (card, card)
    assert accepted["inputs"]["outcome"] == "accepted"
    assert overridden["inputs"]["overrideReason"] == {
        "reason": {
            "system": "https://acrcast.example/override-reasons",
            "code": "data-wrong",
            "display": "The values used are wrong or out of date",
        },
        "userComment": "seen on the ward",
    }


def test_what_the_page_did_not_prefetch_the_service_reads_itself_with_the_same_result(open_record):
    prefetched, fetched = (open_record("with-ra", prefetch=how)["cards"][0] for how in (True, False))
    assert prefetched["summary"] == fetched["summary"]
    same = [card["detail"].rpartition(" Prediction `")[0] for card in (prefetched, fetched)]
    assert same[0] == same[1]


@pytest.mark.parametrize("patient", ["healthy", "treated"])
@pytest.mark.parametrize("prefetch", [True, False], ids=["prefetched", "fetched"])
def test_who_is_not_asked_about_gets_no_card(open_record, page, patient, prefetch):
    assert open_record(patient, prefetch=prefetch)["cards"] == []
    assert page.locator("#state").inner_text() == "0 cards"


def test_a_patient_who_was_not_examined_gets_a_card_that_says_so_and_has_no_buttons(open_record, page):
    open_record("unexamined")
    assert page.locator(".card .summary").inner_text().endswith("Swollen joint count (28) not known.")
    assert page.locator(".card button").count() == 0


def test_selecting_the_drug_for_an_order_shows_the_card(open_record, page):
    draft = an_order(patient="with-ra", name="draft", status="draft")
    orders = {"selections": ["MedicationRequest/draft"], "draftOrders": a_bundle(draft)}
    open_record("with-ra", "order-select", **orders)
    assert page.locator(".card").count() == 1


def test_a_page_of_an_origin_that_is_not_listed_cannot_call(open_record, page, page_address):
    page.goto(page_address.replace("127.0.0.1", "localhost"))
    page.wait_for_function("window.run !== undefined")
    with pytest.raises(Error, match="Failed to fetch"):
        open_record("with-ra")
