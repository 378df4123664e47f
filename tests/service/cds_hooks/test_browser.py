"""A record system in a real browser calls a real server about patients of a real FHIR server, and a user acts on the card."""

import json
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .conftest import HERE
from .records import SNOMED, a_condition, a_person, a_value, an_order, the_values

FHIR_TOKEN = "fhir-t0ken"


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
    file = tmp_path_factory.mktemp("fhir") / "resources.json"
    file.write_text(json.dumps(PATIENTS))
    command = [str(needs_program("node")), "fhir_server.mjs", str(file), FHIR_TOKEN]
    folder = HERE.parents[1] / "node"
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Address of the record system's page, of an origin of its own."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("index.html", "client.mjs"):
        shutil.copy(HERE / "client" / name, folder)
    shutil.copy(HERE.parents[1] / "node/node_modules/marked/lib/marked.esm.js", folder)

    class Quiet(SimpleHTTPRequestHandler):
        extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
