"""How often a key may ask, and what is refused when too many ask at once."""

import asyncio
import json

import httpx
import pytest

from acrcast.errors import UsageError
from acrcast_service.overload import Overload
from acrcast_service.settings import Settings, read_settings

from .conftest import bearer


@pytest.fixture
def limited(client_of, settings):
    """A server that allows each key three requests an hour."""
    return lambda: client_of(settings.model_copy(update={"rate_limit": "3/hour"}))


def test_a_key_that_asks_too_often_is_told_when_to_come_back(limited, a_key, a_patient):
    token, client = a_key("predict"), limited()
    for _ in range(3):
        assert client.predict(a_patient(), **bearer(token)).status_code == 200
    refused = client.predict(a_patient(), **bearer(token))
    assert refused.status_code == 429
    assert refused.json()["type"] == "/problems/too-many-requests"
    wait = int(refused.headers["retry-after"])
    assert 3500 < wait <= 3600
    assert refused.headers["ratelimit-policy"] == '"key";q=3;w=3600'
    assert refused.headers["ratelimit"] == f'"key";r=0;t={wait}'


def test_one_keys_limit_is_not_anothers(limited, a_key, a_patient):
    greedy, modest = a_key("predict"), a_key("predict")
    client = limited()
    for _ in range(5):
        client.predict(a_patient(), **bearer(greedy))
    assert client.predict(a_patient(), **bearer(modest)).status_code == 200


def test_health_and_what_needs_no_key_are_not_counted(limited, a_key):
    a_key("predict")
    client = limited()
    assert {client.get(path).status_code for path in ("/health/live", "/model") for _ in range(5)} == {200}


@pytest.mark.parametrize("limit", ["0/second", "fast", "10", "10/fortnight", "-1/second", "1e3/second"])
def test_a_limit_of_another_form_is_bad_usage(limit):
    with pytest.raises(UsageError, match="ACRCAST_RATE_LIMIT"):
        read_settings(rate_limit=limit)


class Held:
    """An application that answers when it is let, and the requests sent to it through `Overload`."""

    def __init__(self, **settings):
        self.go, self.begun = asyncio.Event(), 0
        self._overload = Overload(Settings(**settings))

    async def _answer(self, _scope, receive, send):
        await receive()
        self.begun += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(self, path="/predict"):
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"{}"}

        async def send(message):
            sent.append(message)

        await self._overload.admit(self._answer, {"type": "http", "path": path}, receive, send)
        return sent


async def _settled():
    """Lets every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_so_many_are_answered_so_many_wait_and_the_rest_is_refused_at_once():
    async def story():
        held = Held(requests_in_progress=2, requests_waiting=3)
        admitted = [asyncio.create_task(held.ask()) for _ in range(5)]
        await _settled()
        assert held.begun == 2
        start, body = await held.ask()
        assert start["status"] == 503
        assert (b"retry-after", b"1") in start["headers"]
        assert json.loads(body["body"])["type"] == "/problems/overloaded"
        assert held.begun == 2
        held.go.set()
        assert [messages[0]["status"] for messages in await asyncio.gather(*admitted)] == [200] * 5
        assert (await held.ask())[0]["status"] == 200

    asyncio.run(story())


def test_a_place_whose_request_was_given_up_is_free_again():
    async def story():
        held = Held(requests_in_progress=1, requests_waiting=1)
        running, waiting = (asyncio.create_task(held.ask()) for _ in range(2))
        await _settled()
        for task in (running, waiting):
            task.cancel()
        await _settled()
        held.go.set()
        assert (await held.ask())[0]["status"] == 200

    asyncio.run(story())


def test_a_place_on_its_way_to_whoever_waits_is_taken():
    async def story():
        held = Held(requests_in_progress=1, requests_waiting=1)

        async def let_in():
            await _settled()
            held.go.set()

        waiting, letting = asyncio.create_task(held.ask()), asyncio.create_task(let_in())
        assert (await held.ask())[0]["status"] == 200
        # in the moment between the end of one and the begin of the next
        assert (held.begun, (await held.ask())[0]["status"]) == (1, 503)
        assert (await waiting)[0]["status"] == 200
        await letting

    asyncio.run(story())


def test_health_is_answered_however_many_wait():
    async def story():
        held = Held(requests_in_progress=1, requests_waiting=0)
        running = asyncio.create_task(held.ask())
        await _settled()
        assert (await held.ask())[0]["status"] == 503
        alive = asyncio.create_task(held.ask("/health/live"))
        await _settled()
        assert held.begun == 2
        held.go.set()
        assert [(await task)[0]["status"] for task in (running, alive)] == [200, 200]

    asyncio.run(story())


def test_clients_that_send_slowly_take_no_place_from_others(start, model_folder, a_patient):
    """As many slow bodies as there are places; the next client is answered all the same."""
    server = start(
        *("--model", str(model_folder), "--port", "0"),
        ACRCAST_REQUESTS_IN_PROGRESS="2",
        ACRCAST_REQUESTS_WAITING="0",
    )

    async def story():
        slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(4)]
        for _, writer in slow:
            writer.write(
                b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
            )
            await writer.drain()
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.post("/predict", json=a_patient())).status_code == 200
        for _, writer in slow:
            writer.close()

    asyncio.run(story())
