"""`acrcast serve` as a process: how it starts, answers, refuses to start, and stops."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from acrcast.errors import UsageError
from acrcast_service.settings import Settings, read_settings

HEAVY = (
    "pandas",
    "sklearn",
    "scipy",
    "xgboost",
    "mlflow",
    "matplotlib",
    "pyarrow",
    "acrcast_training",
    "jwt",
    "limits",
)


def test_the_server_says_what_it_serves_and_answers_and_stops_cleanly(start, model_folder, a_patient):
    server = start("--model", str(model_folder), "--port", "0")
    with httpx.Client(base_url=server.url) as client:
        answer = client.post("/predict", json=a_patient()).json()
        assert client.get("/health/ready").status_code == 200
        assert "server" not in client.get("/health/live").headers
    assert server.greeting == (
        f"acrcast serves http://127.0.0.1:{server.port}/ with made-up 1 ({answer['model']['digest']}), "
        "trained on simulated data. Research use only.\n"
    )
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.process.stderr]
    assert {line["level"] for line in lines} <= {"info", "debug"}
    assert [line["event"] for line in lines if line["event"] != "request"] == ["model-loaded", "started", "stopped"]
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


def test_ctrl_c_stops_the_server_cleanly(start, model_folder):
    assert start("--model", str(model_folder), "--port", "0").stop(signal.SIGINT) == 0


def test_the_same_patient_gets_the_same_bytes_after_a_restart(start, model_folder, a_patient):
    answers = []
    for _ in range(2):
        server = start("--model", str(model_folder), "--port", "0")
        answers.append(httpx.post(f"{server.url}predict", json=a_patient()).json())
        server.stop()
    assert answers[0].pop("prediction_id") != answers[1].pop("prediction_id")
    assert json.dumps(answers[0]) == json.dumps(answers[1])


def test_several_workers_answer_at_one_address_and_stop_cleanly(start, model_folder, a_patient):
    server = start("--model", str(model_folder), "--port", "0", "--workers", "2")
    for _ in range(6):
        assert httpx.post(f"{server.url}predict", json=a_patient(), timeout=30).status_code == 200
    assert server.stop() == 0


def test_a_bad_body_leaves_no_trace_in_the_output(start, model_folder, a_patient):
    server = start("--model", str(model_folder), "--port", "0")
    with httpx.Client(base_url=server.url) as client:
        for body in (b'{"Zz81734": ', json.dumps(a_patient(sex="Zz81734")).encode(), b"\xff" * 70_000):
            headers = {"content-type": "application/json"}
            assert client.post("/predict?q=Zz81734", content=body, headers=headers).status_code in (400, 413, 422)
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"Zz81734 no http\r\n\r\n")
        raw.recv(1000)
    server.stop()
    assert "Zz81734" not in server.process.stdout.read() + server.process.stderr.read()


def test_a_study_of_ones_own_is_served_from_its_file(start, one_arm_folder, own_study):
    server = start("--model", str(one_arm_folder), "--study", str(own_study), "--port", "0")
    answer = httpx.post(f"{server.url}predict", json={"age_years": 60, "stage": "II"}).json()
    assert answer["study"] == "one-arm"
    assert answer["treated"]["arm"] == "drug"


def test_settings_come_from_the_environment_and_options_go_before_them(start, model_folder):
    server = start("--port", "0", ACRCAST_MODEL=str(model_folder), ACRCAST_PORT="1", ACRCAST_LEVEL="0.9")
    assert httpx.get(f"{server.url}model").json()["level"] == 0.9


def test_a_port_that_is_taken_is_said(serve_and_fail, model_folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = serve_and_fail("--model", str(model_folder), "--port", port)
    assert done.returncode == 1
    assert done.stderr == (
        f"acrcast: port {port} on 127.0.0.1 is in use: choose another with --port, or 0 for any free one\n"
    )
    assert done.stdout == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_address_that_others_can_reach_needs_authentication_in_front(serve_and_fail, model_folder, host):
    done = serve_and_fail("--model", str(model_folder), "--host", host, "--port", "0")
    assert done.returncode == 2
    assert "ACRCAST_BEHIND_AUTHENTICATING_PROXY=1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_behind_an_authenticating_proxy_any_address_is_allowed(start, model_folder):
    server = start(
        "--model", str(model_folder), "--host", "0.0.0.0", "--port", "0", ACRCAST_BEHIND_AUTHENTICATING_PROXY="1"
    )
    assert httpx.get(f"http://127.0.0.1:{server.port}/health/live").status_code == 200


def test_an_address_that_does_not_exist_is_bad_usage(serve_and_fail, model_folder):
    done = serve_and_fail("--model", str(model_folder), "--host", "no-such-host.invalid")
    assert done.returncode == 2
    assert done.stderr == "acrcast: --host no-such-host.invalid: no such address on this machine\n"


def test_a_folder_without_a_model_is_said(serve_and_fail, tmp_path):
    done = serve_and_fail("--model", str(tmp_path), "--port", "0")
    assert done.returncode == 1
    assert done.stderr == (f"acrcast: {tmp_path}: no manifest.json here; give a folder that `acrcast train` wrote\n")


def test_a_model_that_was_changed_is_refused(serve_and_fail, model_folder, tmp_path):
    changed = shutil.copytree(model_folder, tmp_path / "changed")
    (changed / "card.json").write_text("{}")
    done = serve_and_fail("--model", str(changed), "--port", "0")
    assert done.returncode == 1
    assert done.stderr == f"acrcast: {changed}/card.json: its content differs from the digest in manifest.json\n"


@pytest.mark.slow
def test_a_registry_that_does_not_deliver_is_said(serve_and_fail, tmp_path):
    done = serve_and_fail(
        "--model", "models:/nothing@champion", "--port", "0", MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/a.db"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("acrcast: models:/nothing@champion: could not be fetched from the registry: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_study_that_does_not_exist_is_bad_usage(serve_and_fail, model_folder):
    done = serve_and_fail("--model", str(model_folder), "--study", "nothing")
    assert done.returncode == 2
    assert done.stderr.startswith("acrcast: study 'nothing' not found")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ACRCAST_PORT", "70000", "ACRCAST_PORT: Input should be less than or equal to 65535"),
        ("ACRCAST_LEVEL", "95", "ACRCAST_LEVEL: Input should be less than 1"),
        ("ACRCAST_WORKERS", "many", "ACRCAST_WORKERS: Input should be a valid integer"),
    ],
)
def test_a_setting_that_is_not_valid_is_named(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refused:
        read_settings()
    assert str(refused.value).startswith(said)


def test_an_empty_setting_is_no_setting(monkeypatch):
    monkeypatch.setenv("ACRCAST_MODEL", "")
    assert read_settings() == Settings()


# A program of which the part before has `ask`, and the part after starts a server.
THEN_ASK = """
from acrcast_service import server
from acrcast_service.settings import read_settings

greeting = server._greeting
def then_ask(host, port, identity):
    threading.Thread(target=ask, args=(port,)).start()
    return greeting(host, port, identity)
server._greeting = then_ask
"""
ANSWERS = (
    """
import asyncio, json, os, signal, sys, threading, urllib.request

def ask(port):
    def post(path, body):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
        asked.add_header("content-type", "application/json")
        return json.loads(urllib.request.urlopen(asked).read())

    patient = json.loads(sys.argv[2])
    name = post("/predict", patient)["prediction_id"]
    post("/predict", patient | {"haq_di": None})
    post("/predict/batch", {"patients": [patient] * 3})
    post("/outcomes", {"prediction_id": name, "responded": True, "observed_on": "2026-05-05", "source": "chart"})
    for page, form in (("operator", b"page.verify=yes"), ("audit", b"kind=prediction")):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", form).read()
    os.kill(os.getpid(), signal.SIGTERM)

"""
    + THEN_ASK
    + """
server.run(read_settings(model=sys.argv[1], port=0, unready_seconds=0))
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""
)


@pytest.mark.parametrize("champion", ["model_folder", "boosted_folder"])
def test_a_server_that_answers_has_imported_nothing_heavy(request, a_patient, tmp_path, champion):
    command = [sys.executable, "-c", ANSWERS, str(request.getfixturevalue(champion)), json.dumps(a_patient())]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"ACRCAST_STATE": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert '"predictions":3' in done.stderr
    assert set(HEAVY).isdisjoint(done.stdout.splitlines()[-1].split())


ONLY_PREDICTS = (
    """
import json, os, signal, sys, threading, urllib.request

def ask(port):
    def get(path, body=None):
        asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"})
        return urllib.request.urlopen(asked).read()

    def imported():
        return sorted({"sqlalchemy", "jinja2", "httpcore", "cryptography", "acrcast_service.pages.routes"} & set(sys.modules))

    for path in ("/health/live", "/health/ready", "/metrics"):
        get(path)
    get("/predict", sys.argv[2].encode())
    before = imported()
    page = get("/")
    print(json.dumps([before, imported(), b"<form" in page]))
    os.kill(os.getpid(), signal.SIGTERM)

"""
    + THEN_ASK
    + """
server.run(read_settings(model=sys.argv[1], port=0, unready_seconds=0, audit=False))
"""
)


def test_what_only_other_rooms_need_is_imported_when_the_first_of_them_is_asked(a_patient, model_folder, tmp_path):
    command = [sys.executable, "-c", ONLY_PREDICTS, str(model_folder), json.dumps(a_patient())]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"ACRCAST_STATE": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    before, after, has_form = json.loads(done.stdout.splitlines()[-1])
    assert before == []
    assert {"jinja2", "acrcast_service.pages.routes"} <= {*after}
    assert has_form


def head_and_body(port, body, *headers):
    """The lines of the head, and the body, as they came over the line."""
    lines = ["POST /predict HTTP/1.1", "host: a", "content-type: application/json", f"content-length: {len(body)}"]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join([*lines, *headers, "", ""]).encode() + body)
        read = connection.makefile("rb")
        head = []
        while line := read.readline().rstrip():
            head.append(line.decode())
        length = next(int(line.split(": ")[1]) for line in head if line.startswith("content-length: "))
        return head, read.read(length)


def test_an_answer_that_is_written_in_one_piece_has_the_headers_of_every_other(start, model_folder, a_patient):
    server, body = start("--model", str(model_folder), "--port", "0"), json.dumps(a_patient()).encode()
    in_one, one_body = head_and_body(server.port, body, "x-request-id: 0f8fad5b-d9cb-469f-a165-70867728950e")
    # whose connection is to be closed is left to uvicorn
    in_two, two_body = head_and_body(
        server.port, body, "x-request-id: 0f8fad5b-d9cb-469f-a165-70867728950e", "connection: close"
    )
    assert [line for line in in_one if not line.startswith("date: ")] == [
        "HTTP/1.1 200 OK",
        f"content-length: {len(one_body)}",
        "content-type: application/json",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "x-request-id: 0f8fad5b-d9cb-469f-a165-70867728950e",
    ]
    names = [line.split(": ")[0] for line in in_one]
    assert [line.split(": ")[0] for line in in_two] == [*names, "connection"]
    one, two = json.loads(one_body), json.loads(two_body)
    assert one.pop("prediction_id") != two.pop("prediction_id")
    assert one == two


def test_requests_that_are_sent_without_waiting_are_answered_in_their_order(start, model_folder, a_patient):
    server, body = start("--model", str(model_folder), "--port", "0"), json.dumps(a_patient()).encode()
    ids = [f"{k:032x}" for k in range(1, 6)]
    requests = [
        b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nx-request-id: %b\r\n"
        b"content-length: %d\r\n\r\n%b" % (name.encode(), len(body), body)
        for name in ids
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"".join(requests))
        connection.settimeout(20)
        came = b""
        while came.count(b"HTTP/1.1 200 OK") < 5 or not came.endswith(b"}"):
            came += connection.recv(65536)
    assert re.findall(rb"x-request-id: (\w+)", came) == [name.encode() for name in ids]


def test_the_help_of_serve_imports_click_and_nothing_else_of_weight():
    script = (
        "import sys\n"
        "from acrcast_service.commands import serve\n"
        "print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"fastapi", "uvicorn", "pydantic", "numpy", *HEAVY}.isdisjoint(done.stdout.split())


def test_requests_that_run_when_the_server_is_stopped_are_answered(start, model_folder, a_patient):
    """The body arrives only after SIGTERM: the answer comes all the same, and then the process ends."""
    server = start("--model", str(model_folder), "--port", "0")
    body = json.dumps(a_patient()).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(
            b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body[:10])
        )
        httpx.get(f"{server.url}health/live")
        os.kill(server.process.pid, signal.SIGTERM)
        slow.sendall(body[10:])
        assert slow.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert server.process.wait(timeout=20) == 0


def test_a_client_that_never_finishes_does_not_keep_the_server_from_stopping(start, model_folder):
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_SHUTDOWN_SECONDS="1")
    with socket.create_connection(("127.0.0.1", server.port)) as stuck:
        stuck.sendall(
            b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"
            b'{"il21_assay": "Zz81734'
        )
        httpx.get(f"{server.url}health/live")
        assert server.stop() == 0
    assert "Zz81734" not in server.process.stderr.read()


def test_without_options_the_released_model_is_served(start, a_patient):
    server = start("--port", "0")
    answer = httpx.post(f"{server.url}predict", json=a_patient()).json()
    assert (answer["study"], answer["model"]["training_data"]) == ("ld-il2-ra", "simulated")
