"""Bytes that no client library would send, over a bare connection: each is answered or refused, and nothing hangs."""

import json
import re
import socket

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SECONDS = 10
STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ")


@pytest.fixture(scope="module")
def server(start_for_module, model_folder):
    return start_for_module("--model", str(model_folder), "--port", "0")


def sent(port, content):
    """Statuses of all answers to these bytes, after which this side says that it has no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        received = b""
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            # a server that hangs makes this time out, which fails the test
            while part := connection.recv(65_536):
                received += part
        except (ConnectionResetError, BrokenPipeError):
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def request(body, *headers, line=b"POST /predict HTTP/1.1"):
    length = b"content-length: %d" % len(body)
    return b"\r\n".join([line, b"host: a", b"content-type: application/json", length, *headers, b"", body])


def check(server, content):
    statuses = sent(server.port, content)
    assert [status for status in statuses if status >= 500] == []


examples = pytest.mark.parametrize("count", [60, pytest.param(3000, marks=pytest.mark.slow)])
PARTS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b":",
    b",",
    b"null",
    b"1e999",
    b"-0",
    b"NaN",
    b"\\u0000",
    b"\xff",
    b"\xed\xa0\x80",
]
spoiling = st.one_of(st.binary(max_size=40), st.sampled_from(PARTS))


def tried(count, strategy, test):
    settings(max_examples=count, suppress_health_check=list(HealthCheck), database=None)(given(strategy)(test))()


@examples
def test_a_patient_with_bytes_put_in_taken_out_or_doubled(server, a_patient, count):
    whole = json.dumps(a_patient()).encode()
    changes = st.lists(st.tuples(st.integers(0, len(whole)), st.integers(0, 20), spoiling), min_size=1, max_size=4)

    def one(edits):
        body = whole
        for place, lost, new in edits:
            body = body[:place] + new + body[place + lost :]
        check(server, request(body))

    tried(count, changes, one)


@examples
def test_any_bytes_as_a_body(server, count):
    tried(count, st.binary(max_size=2000), lambda body: check(server, request(body)))


@examples
def test_any_bytes_as_headers(server, a_patient, count):
    body = json.dumps(a_patient()).encode()
    names = st.sampled_from([b"content-type", b"content-length", b"transfer-encoding", b"idempotency-key", b"expect"])
    names |= st.sampled_from([b"subject-reference", b"content-encoding", b"connection", b"authorization", b"cookie"])
    lines = st.tuples(names | st.binary(max_size=20), st.binary(max_size=60)).map(b": ".join)
    tried(count, st.lists(lines, max_size=5), lambda headers: check(server, request(body, *headers)))


@examples
def test_any_bytes_as_a_request_line_or_instead_of_http(server, count):
    methods = st.sampled_from([b"GET", b"POST", b"OPTIONS", b"HEAD", b"PUT", b"TRACE", b"CONNECT"])
    addresses = st.sampled_from([b"/predict", b"/docs/assets/", b"/problems/", b"/outcomes", b"//", b"/%00", b"*"])
    lines = st.tuples(methods, st.tuples(addresses, st.binary(max_size=30)).map(b"".join)).map(b" ".join)

    def one(content):
        line, raw = content
        check(server, request(b"{}", line=line + b" HTTP/1.1"))
        check(server, raw)

    tried(count, st.tuples(lines, st.binary(max_size=200)), one)


def test_after_all_that_the_server_answers_as_before(server, a_patient):
    assert httpx.post(f"{server.url}predict", json=a_patient()).status_code == 200
    assert httpx.get(f"{server.url}health/ready").json()["status"] == "ready"
