"""The model of a running server is replaced, or not, without a request that fails."""

import httpx
import pytest
from tests.service.champion.conftest import SPOILED, until

OFTEN = {"ACRCAST_MODEL_REFRESH_SECONDS": "0.05"}


def without_name(answer):
    return {name: value for name, value in answer.items() if name != "prediction_id"}


@pytest.mark.parametrize("swaps", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_no_request_fails_while_the_model_is_replaced_and_each_answer_is_of_one_model(
    start, traffic, made, place, swaps
):
    place.becomes(made[0].folder)
    server = start("--model", str(place.path), "--port", "0", **OFTEN)
    with traffic(server.port) as load:
        for swap in range(1, swaps + 1):
            load.wait_for(answers=2)
            target = made[swap % len(made)]
            place.becomes(target.folder)
            until(server.url, lambda said, digest=target.digest: said["model"] == digest)
        load.wait_for(answers=8)
    assert (load.failures, load.others) == ([], [])
    expected = {model.digest: model.answer for model in made}
    assert {answer["model"]["digest"] for answer in load.answers} == set(expected)
    for answer in load.answers:
        assert without_name(answer) == expected[answer["model"]["digest"]]


def test_a_model_that_cannot_be_trusted_is_refused_and_the_one_before_goes_on(start, traffic, made, place, spoiled):
    place.becomes(made[0].folder)
    server = start("--model", str(place.path), "--port", "0", **OFTEN)
    with traffic(server.port) as load:
        for kind in SPOILED:
            folder, reason = spoiled(kind)
            place.becomes(folder)
            said = until(server.url, lambda said, reason=reason: said.get("refused") == reason)
            assert said["status"] == "ready"
            load.wait_for(answers=8)
            place.becomes(made[0].folder)
            until(server.url, lambda said: "refused" not in said)
        place.becomes(made[2].folder)
        until(server.url, lambda said: said["model"] == made[2].digest)
    assert (load.failures, load.others) == ([], [])
    assert {answer["model"]["digest"] for answer in load.answers} <= {made[0].digest, made[2].digest}
    server.stop()
    # each once, however often it was looked at
    assert server.process.stderr.read().count("model-refused") == len(SPOILED)


def test_each_of_several_workers_takes_the_new_model(start, traffic, made, place):
    place.becomes(made[0].folder)
    server = start("--model", str(place.path), "--port", "0", "--workers", "2", **OFTEN)
    with traffic(server.port) as load:
        load.wait_for(answers=20)
        place.becomes(made[1].folder)
        # both workers answer new connections: many in a row with the new model are of both
        for _ in range(30):
            until(server.url, lambda said: said["model"] == made[1].digest)
    assert (load.failures, load.others) == ([], [])
    seen = {httpx.get(f"{server.url}health/ready").json()["model"] for _ in range(40)}
    assert seen == {made[1].digest}


def test_a_model_is_looked_for_when_an_operator_asks(start, made, place):
    place.becomes(made[0].folder)
    server = start("--model", str(place.path), "--port", "0", ACRCAST_MODEL_REFRESH_SECONDS="0")
    with httpx.Client(base_url=server.url) as client:
        since = client.get("/model").json()["serving_since"]
        assert client.post("/admin/model/refresh").json() == {"outcome": "unchanged", "model": made[0].digest}
        place.becomes(made[1].folder)
        assert client.get("/health/ready").json()["model"] == made[0].digest
        assert client.post("/admin/model/refresh").json() == {"outcome": "replaced", "model": made[1].digest}
        assert client.get("/model").json()["serving_since"] >= since


def test_a_model_of_another_study_does_not_replace_the_one_that_answers(start, made, place, one_arm_folder):
    place.becomes(made[0].folder)
    server = start("--model", str(place.path), "--port", "0", **OFTEN)
    place.becomes(one_arm_folder)
    said = until(server.url, lambda said: "refused" in said)
    assert (said["refused"], said["model"]) == ("it is of another study than the one served", made[0].digest)


def test_a_folder_that_goes_away_does_not_take_the_model_with_it(start, made, place, a_patient):
    place.becomes(made[0].folder)
    server = start("--model", str(place.path), "--port", "0", **OFTEN)
    place.path.unlink()
    said = until(server.url, lambda said: "refused" in said)
    assert said["refused"] == "it is incomplete or unreadable"
    assert httpx.post(f"{server.url}predict", json=a_patient()).status_code == 200
