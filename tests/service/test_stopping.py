"""SIGTERM under load: readiness goes first, every request that was taken is answered, and nothing is left behind."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress

import httpx
import psutil
import pytest


def running(processes):
    """Those that still run; one that has ended and that nobody has asked about is a zombie."""
    alive = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def balanced(server, load):
    """What a load balancer does: it asks whether the server is ready, and sends nothing more once it is not."""

    def watch():
        with httpx.Client(base_url=server.url) as client:
            while client.get("/health/ready").status_code == 200:
                time.sleep(0.02)
        load.end()

    watcher = threading.Thread(target=watch)
    watcher.start()
    return watcher


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_lost_when_the_server_is_stopped_under_load(start, traffic, model_folder, workers):
    server = start(
        "--model", str(model_folder), "--port", "0", "--workers", str(workers), ACRCAST_UNREADY_SECONDS="1.5"
    )
    with traffic(server.port, clients=8) as load:
        load.wait_for(answers=100)
        family = psutil.Process(server.process.pid).children(recursive=True)
        balancer = balanced(server, load)
        began = time.monotonic()
        assert server.stop() == 0
        took = time.monotonic() - began
        balancer.join()
    assert (load.failures, load.others) == ([], [])
    assert took < 10
    # what keeps count of shared resources ends when it sees that its parent has
    ending = time.monotonic() + 3
    while running(family):
        assert time.monotonic() < ending
        time.sleep(0.02)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


@pytest.mark.parametrize("workers", [1, 2])
def test_clients_that_go_on_asking_get_whole_answers_or_none(start, traffic, model_folder, workers):
    server = start(
        "--model", str(model_folder), "--port", "0", "--workers", str(workers), ACRCAST_UNREADY_SECONDS="0.2"
    )
    with traffic(server.port, clients=8) as load:
        load.wait_for(answers=100)
        assert server.stop() == 0
    assert load.others == []
    # turned away before a byte of an answer; never IncompleteRead
    turned_away = {"BrokenPipeError", "ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"}
    assert set(load.failures) <= turned_away


def test_before_it_stops_the_server_answers_and_says_that_it_is_not_ready(start, model_folder, a_patient):
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_UNREADY_SECONDS="3")
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/health/ready").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        while (ready := client.get("/health/ready")).status_code == 200:
            pass
        assert ready.json()["type"] == "/problems/stopping"
        answered = client.post("/predict", json=a_patient())
        assert answered.status_code == 200
        assert answered.headers["connection"] == "close"
        assert client.get("/health/live").status_code == 200
    assert server.process.wait(timeout=20) == 0


def test_workers_do_not_outlive_the_process_that_watches_over_them(start, model_folder):
    server = start("--model", str(model_folder), "--port", "0", "--workers", "2")
    httpx.get(f"{server.url}health/live", timeout=30)
    family = psutil.Process(server.process.pid).children(recursive=True)
    os.kill(server.process.pid, signal.SIGKILL)
    ending = time.monotonic() + 20
    while running(family):
        assert time.monotonic() < ending
