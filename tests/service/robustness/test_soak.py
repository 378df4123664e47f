"""Half of what the server can do, for a long time: memory, open files and latency do not grow.

ACRCAST_SOAK_SECONDS says how long; `make soak` takes 10 minutes.
"""

import http.client
import json
import os
import statistics
import threading
import time

import psutil
import pytest

SECONDS = float(os.environ.get("ACRCAST_SOAK_SECONDS", "60"))
PERIODS = 6
CALIBRATION_SECONDS = 5
CLIENTS = 4


class Paced:
    """Asks at an even rate, and keeps how long each answer took. rate: requests/s; None is as fast as it goes."""

    def __init__(self, port, body, rate):
        self.seconds, self.failures = [], []
        self._port, self._body = port, body
        self._pause = 0.0 if rate is None else CLIENTS / rate

    def during(self, seconds):
        ending = time.monotonic() + seconds
        threads = [threading.Thread(target=self._ask, args=(ending,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self

    def _ask(self, ending):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while (began := time.monotonic()) < ending:
            connection.request("POST", "/predict", self._body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            took = time.monotonic() - began
            self.seconds.append(took)
            if answer.status != 200:
                self.failures.append(answer.status)
            time.sleep(max(0.0, self._pause - took))
        connection.close()


@pytest.mark.slow
def test_nothing_grows_at_half_load(start, model_folder, a_patient, tmp_path):
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_STATE=str(tmp_path))
    process, body = psutil.Process(server.process.pid), json.dumps(a_patient()).encode()
    most = len(Paced(server.port, body, None).during(CALIBRATION_SECONDS).seconds) / CALIBRATION_SECONDS
    memory, files, latency, log = [], [], [], []
    for _ in range(PERIODS):
        period = Paced(server.port, body, most / 2).during(SECONDS / PERIODS)
        assert period.failures == []
        memory.append(process.memory_info().rss)
        files.append(process.num_fds())
        latency.append(statistics.median(period.seconds))
        log.append((tmp_path / "acrcast.db-wal").stat().st_size)
    assert files[-1] <= files[0] + 2, files
    # the allocator and the database's pages settle in the first period
    assert memory[-1] <= memory[0] + 8 * 1024**2, memory
    # what the database has not yet put in its place; the rest of it grows by each record, as it must
    assert max(log) <= 64 * 1024**2, log
    assert statistics.median(latency[-2:]) <= 2 * statistics.median(latency[:2]), latency
