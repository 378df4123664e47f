"""Clients that send slowly or without end."""

import json
import socket

import pytest

SECONDS = 30


@pytest.fixture
def connect(start, model_folder):
    """Connects to a server whose bodies must arrive within a moment."""
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_BODY_SECONDS="0.2")
    return lambda: socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)


def _all_of(connection):
    """What the server says until it closes the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


POST = b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


def test_a_body_that_does_not_arrive_in_time_is_refused_and_the_connection_closed(connect):
    with connect() as slow:
        slow.sendall(POST + b'content-length: 99\r\n\r\n{"age_years": 81')
        answer = _all_of(slow)
    assert answer.startswith(b"HTTP/1.1 408 ")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["type"] == "/problems/body-too-slow"
    assert b"81" not in body


def test_a_body_in_pieces_that_never_end_is_refused_too(connect):
    with connect() as slow:
        slow.sendall(POST + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n")
        assert _all_of(slow).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("pieces", [1, 40])
def test_headers_without_end_are_refused(connect, pieces):
    with connect() as greedy:
        greedy.sendall(b"GET /health/live HTTP/1.1\r\nhost: a\r\n")
        try:
            for number in range(pieces):
                greedy.sendall(b"x-%d: %s\r\n" % (number, b"a" * (40_000 // pieces)))
            answer = _all_of(greedy)
        except ConnectionError:
            return
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "/problems/headers-too-large"


def test_complete_headers_that_are_too_large_are_refused_as_well(connect):
    with connect() as greedy:
        greedy.sendall(b"GET /health/live HTTP/1.1\r\nhost: a\r\nx: %s\r\n\r\n" % (b"a" * 40_000))
        assert _all_of(greedy).startswith(b"HTTP/1.1 431 ")


def test_headers_of_ordinary_size_are_read(connect):
    with connect() as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: %s\r\n\r\n" % (b"a" * 8000))
        assert _all_of(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nhost"])
def test_a_connection_that_sends_no_whole_request_is_closed(connect, sent):
    with connect() as silent:
        silent.sendall(sent)
        assert _all_of(silent).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"\x16\x03\x01 Zz81734", b"GET\r\n\r\n", b"POST /predict HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_told_so_by_a_problem_and_the_connection_closed(connect, sent):
    with connect() as strange:
        strange.sendall(sent)
        answer = _all_of(strange)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head.lower()
    assert json.loads(body)["type"] == "/problems/not-http"
    assert b"Zz81734" not in answer
