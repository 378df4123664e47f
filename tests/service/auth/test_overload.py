"""Ten times as many clients as there are places, each of which waits when it is told to."""

import asyncio
import json
import time

import httpx
import numpy as np
import pytest

PLACES = 8
SECONDS, ROUNDS = 3.0, 3
# What a client that is refused is told to wait.
PAUSE = 1.0


class Crowd:
    """Clients that each send a patient again and again over a connection of their own."""

    def __init__(self, port, patient):
        body = json.dumps(patient).encode()
        head = f"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self._port, self._request = port, head.encode() + b"\r\n" + body
        self.accepted, self.refused = [], 0

    async def ask_for(self, clients, seconds):
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._client(end) for _ in range(clients)))
        return self

    @property
    def p99(self):
        return float(np.quantile(self.accepted, 0.99))

    async def _client(self, end):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while time.monotonic() < end:
            begun = time.perf_counter()
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            status = head.split()[1]
            assert status in (b"200", b"503")
            if status == b"200":
                self.accepted.append(time.perf_counter() - begun)
            else:
                self.refused += 1
                await asyncio.sleep(PAUSE)
        writer.close()


@pytest.mark.slow
def test_under_ten_times_the_load_the_accepted_are_answered_in_at_most_twice_the_time(start, model_folder, a_patient):
    server = start(
        *("--model", str(model_folder), "--port", "0"),
        ACRCAST_REQUESTS_IN_PROGRESS=str(PLACES),
        ACRCAST_REQUESTS_WAITING=str(PLACES // 4),
    )

    async def story():
        def crowd():
            return Crowd(server.port, a_patient())

        unloaded, loaded = crowd(), crowd()
        await crowd().ask_for(PLACES, SECONDS)
        async with httpx.AsyncClient(base_url=server.url, timeout=5) as client:
            # in turns: what else the machine does meets both alike
            for _ in range(ROUNDS):
                await unloaded.ask_for(PLACES, SECONDS)
                more = asyncio.create_task(loaded.ask_for(10 * PLACES, SECONDS))
                while not more.done():
                    assert (await client.get("/health/live")).status_code == 200
        return unloaded, loaded

    unloaded, loaded = asyncio.run(story())
    found = (
        f"p99 {unloaded.p99 * 1e3:.0f} ms of {len(unloaded.accepted)} without the others, {loaded.p99 * 1e3:.0f} ms of "
    )
    found += f"{len(loaded.accepted)} among ten times as many, {loaded.refused} refused"
    assert unloaded.refused == 0, found
    assert loaded.refused > 0, found
    assert loaded.p99 <= 2 * unloaded.p99, found
