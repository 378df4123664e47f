"""What an operator sees of each request: a log line, metrics and, where configured, a span; and nothing of a patient."""

import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import orjson
import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from acrcast_service.app import create_app
from acrcast_service.auth.callers import scope_needed
from acrcast_service.batch.routes import predict_batch
from acrcast_service.observation.logs import Lines
from acrcast_service.observation.routes import metrics
from acrcast_service.settings import read_settings

# What no patient has by chance, as text and as numbers that are valid in their fields.
CANARIES = ("Zz81734Canary", "81.734", "4.7193826", "7719.25")


@pytest.fixture
def collector():
    """An OTLP collector: the bytes of every export that it was sent."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def _asked(server):
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def _stopped(server):
    """Its log lines."""
    assert server.stop() == 0
    return [json.loads(line) for line in server.process.stderr.read().splitlines()]


def _values(text, name):
    """Of a metric, by its labels."""
    return {
        labels: float(value) for labels, value in re.findall(rf"^{name}(?:{{(.*?)}})? (\S+)$", text, flags=re.MULTILINE)
    }


def test_each_request_has_one_line_with_what_identifies_it(start, model_folder, a_patient):
    server = start("--model", str(model_folder), "--port", "0")
    with _asked(server) as client:
        answered = client.post("/predict", json=a_patient())
        client.post("/predict?name=somebody", json={})
        client.get("/nothing/here")
        client.get("/health/live")
    lines = _stopped(server)
    assert [line["event"] for line in lines] == ["model-loaded", "started", *["request"] * 3, "stopped"]
    first, second, third = lines[2:5]
    digest = answered.json()["model"]["digest"]
    assert first.pop("time").endswith("Z")
    assert first.pop("ms") > 0
    assert first == {
        "level": "info",
        "event": "request",
        "request_id": answered.headers["x-request-id"],
        "method": "POST",
        "route": "/predict",
        "status": 200,
        "model": digest,
        "predictions": 1,
        "caller": "local",
    }
    assert (second["route"], second["status"]) == ("/predict", 422)
    assert (third["route"], third["status"]) == ("unmatched", 404)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0f8fad5b-d9cb-469f-a165-70867728950e", True),
        ("4bf92f3577b34da6a3ce929d0e0e4736", True),  # pragma: allowlist secret  a trace id
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", True),
        ("Zz81734Canary", False),
        ("12345678", False),
        ("a b", False),
    ],
)
def test_a_well_formed_request_id_is_kept_and_another_replaced(client, sent, kept):
    answered = client.request("GET", "/health/live", headers={"x-request-id": sent}).headers["x-request-id"]
    assert (answered == sent) == kept
    assert re.fullmatch("[0-9A-Za-z-]{26,36}", answered)


def test_every_answer_has_a_request_id_errors_included(client):
    for path in ("/nothing", "/health/live", "/predict"):
        assert "x-request-id" in client.get(path).headers


def test_requests_and_predictions_are_counted(serving, model, a_patient):
    mine = serving(create_app(read_settings(audit=False), model))
    support = mine.predict(a_patient()).json()["support"]["status"]
    mine.predict({})
    rows = mine.request("POST", "/predict/batch", json={"patients": [a_patient()] * 3 + [{}]}).json()["predictions"]
    assert sum("errors" not in row for row in rows) == 3
    mine.request("BREW", "/predict")
    text = mine.get("/metrics").text
    requests = _values(text, "acrcast_requests_total")
    assert requests['method="POST",route="/predict",status="200"'] == 1
    assert requests['method="POST",route="/predict",status="422"'] == 1
    assert requests['method="POST",route="/predict/batch",status="200"'] == 1
    assert requests['method="other",route="/predict",status="405"'] == 1
    assert _values(text, "acrcast_predictions_total") == {f'model="{model.identity.digest}",support="{support}"': 4}
    assert _values(text, "acrcast_request_seconds_count")['route="/predict"'] == 3
    assert _values(text, "acrcast_requests_in_progress") == {"": 1}
    assert _values(text, "acrcast_audit_waiting") == {"": 0}
    assert _values(text, "acrcast_audit_failures_total") == {"": 0}
    assert list(_values(text, "acrcast_build_info")) == ['version="0.1.0"']


def test_any_of_several_workers_gives_the_metrics_of_all(start, model_folder, a_patient):
    server = start("--model", str(model_folder), "--port", "0", "--workers", "2")
    for _ in range(12):
        with _asked(server) as client:
            client.post("/predict", json=a_patient())
    for _ in range(4):
        with _asked(server) as client:
            text = client.get("/metrics").text
            assert sum(_values(text, "acrcast_predictions_total").values()) == 12
            assert _values(text, "acrcast_build_info") == {'version="0.1.0"': 1}
    assert server.stop() == 0


def test_metrics_need_the_scope_admin():
    assert scope_needed(metrics) == "admin"
    assert scope_needed(predict_batch) == "predict"


def test_lines_below_the_level_are_left_out_and_text_is_for_people(start, model_folder, a_patient):
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_LOG_LEVEL="warning")
    with _asked(server) as client:
        client.post("/predict", json=a_patient())
    assert _stopped(server) == []
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_LOG_FORMAT="text")
    server.stop()
    assert re.match(r"\d\d:\d\d:\d\d info    model-loaded name=made-up", server.process.stderr.read())


def test_a_log_that_cannot_be_written_stops_nothing():
    Lines(10_000, "info", as_text=False).write(40, "event", {})


def test_without_an_endpoint_nothing_of_tracing_is_imported_and_never_pyarrow_at_the_start():
    code = (
        "import sys; from acrcast_service.app import create_app; from acrcast_service.settings import Settings; "
        "create_app(Settings()); print([m for m in sys.modules if m.startswith('opentelemetry.sdk') or 'otlp' in m "
        "or m == 'pyarrow'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _spans(received):
    spans = []
    for _, body in received:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        spans += [span for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]
    return spans


def test_a_request_is_a_span_within_the_callers_trace(start, model_folder, a_patient, collector):
    endpoint, received = collector
    server = start("--model", str(model_folder), "--port", "0", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    with _asked(server) as client:
        headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
        answered = client.post("/predict", json=a_patient(), headers=headers)
    assert server.stop() == 0
    (span,) = _spans(received)
    assert span.name == "POST /predict"
    assert span.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    attributes = {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
    assert attributes == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.response.status_code": 200,
        "acrcast.request.id": answered.headers["x-request-id"],
        "acrcast.model.digest": answered.json()["model"]["digest"],
    }


def test_nothing_of_a_patient_is_in_logs_metrics_traces_or_errors(start, model_folder, a_patient, collector):
    endpoint, received = collector
    text = CANARIES[0]
    server = start(
        "--model",
        str(model_folder),
        "--port",
        "0",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        ACRCAST_LOG_LEVEL="debug",
        ACRCAST_BATCH_LIMIT_BYTES="200000",
    )
    valid = a_patient(il21_assay=text, crp_mg_per_l=81.734, disease_duration_years=4.7193826, il21_pg_per_ml=7719.25)
    bodies = [
        json.dumps(body).encode()
        for body in (
            valid,
            valid | {"sex": text},
            valid | {text: 81.734},
            valid | {"age_years": 7719.25},
            [text],
            {"patients": [valid, valid | {"sex": text}, {text: text}, text], "subjects": [text, None, None, None]},
            {"patients": [valid], text: 1},
            {"columns": {name: [value] for name, value in valid.items()}},
            {"columns": {text: [text]}},
        )
    ]
    bodies += [f'{{"name": "{text}'.encode(), f"{text}, 81.734".encode(), text.encode() * 40_000]
    bodies.append(json.dumps({"a": valid, "b": [valid] * 3}).encode().replace(b"}", b"", 1))
    table = pa.table({name: [value] for name, value in (valid | {text: text}).items()})
    headers = {
        "x-request-id": text,
        "traceparent": f"00-{text}-81.734-01",
        "tracestate": f"acr={text}",
        "baggage": f"patient={text}",
        "user-agent": text,
        "referer": f"http://{text}/81.734",
        "cookie": f"patient={text}",
    }
    errors = []
    with _asked(server) as client:
        for path in ("/predict", "/predict/batch", f"/{text}", "/outcomes"):
            for body in bodies:
                for query in ("", f"?name={text}&crp=81.734", "?detail=full"):
                    for kind in ("application/json", f"application/{text}"):
                        answered = client.post(path + query, content=body, headers=headers | {"content-type": kind})
                        if answered.status_code >= 400:
                            errors.append(answered.text + str(answered.headers))
        named = headers | {"subject-reference": text, "idempotency-key": text, "content-type": "application/json"}
        answered = client.post("/predict", content=bodies[0], headers=named)
        outcome = {"prediction_id": answered.json()["prediction_id"], "responded": True, "observed_on": "2026-05-05"}
        client.post("/outcomes", json=outcome | {"source": text}).raise_for_status()
        refused = [client.post("/predict", content=json.dumps(a_patient()), headers=named)]
        refused.append(client.post("/outcomes", json=outcome | {"source": text, "responded": False}))
        refused.append(client.get("/audit/records", params={"since": text}))
        refused.append(client.get("/model", headers={"authorization": f"Bearer {text}"}))
        errors += [answer.text + str(answer.headers) for answer in refused if answer.status_code >= 400]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        arrow = headers | {"content-type": "application/vnd.apache.arrow.stream"}
        errors += [
            client.post("/predict/batch", content=content, headers=arrow).text
            for content in (sink.getvalue().to_pybytes(), text.encode())
        ]
        for method in ("GET", "DELETE", text.upper()):
            client.request(method, f"/predict/{text}/81.734", headers=headers)
        counted = client.get("/metrics").text
    assert server.stop() == 0
    logs = server.process.stderr.read()
    assert logs.count('"event":"request"') > 200
    assert "acrcast_predictions_total" in counted
    spans = _spans(received)
    assert len(spans) > 200
    exported = b"".join(body for _, body in received) + orjson.dumps([headers for headers, _ in received])
    for canary in CANARIES:
        for place in (logs, counted, exported.decode("latin-1"), "".join(errors)):
            assert canary.lower() not in place.lower()
