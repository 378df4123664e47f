"""Both clients against a server in a process of its own: what each call returns, and what it raises."""

import io
import json
import time
from datetime import date
from uuid import UUID

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from acrcast.client import (
    Conflict,
    Forbidden,
    NoAnswer,
    NotFound,
    NotUnderstood,
    Refused,
    Retries,
    Unauthorised,
    Unavailable,
)
from acrcast.prediction import Prediction
from acrcast.protocol import Alive, FieldProblem
from acrcast.studies import load_study
from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.settings import Settings

ONCE = Retries(attempts=1)
CANARY = "Zz81734"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A server's state, a key that may predict and send outcomes, and one that may only predict."""
    state = tmp_path_factory.mktemp("state")
    chain = open_chain(Settings(state=state), may_make=True)
    made = [
        make_key(chain.engine, chain.keys, name="ward 7", tenant="t", scopes=scopes, expires=None)[1]
        for scopes in (("predict", "outcome"), ("predict",))
    ]
    chain.engine.dispose()
    return state, *made


@pytest.fixture(scope="module")
def server(start_for_module, model_folder, keys):
    return start_for_module("--model", str(model_folder), "--port", "0", ACRCAST_STATE=str(keys[0]))


@pytest.fixture(scope="module")
def key(keys):
    return keys[1]


@pytest.fixture(scope="module")
def predict_only(keys):
    return keys[2]


@pytest.fixture
def client(asking, server, key):
    return asking(server.url, key=key)


def test_a_prediction_is_the_servers_answer_in_the_dataclasses_of_the_core(server, client, key, a_patient):
    patient = a_patient(il21_pg_per_ml=None)
    prediction = client.predict(patient, idempotency_key="the same")
    assert isinstance(prediction, Prediction)
    headers = {"authorization": f"Bearer {key}", "idempotency-key": "the same"}
    assert httpx.post(f"{server.url}predict", json=patient, headers=headers).json() == prediction.as_answer()
    assert prediction.missing[0].measure == "il21_pg_per_ml"
    assert prediction.row is None


def test_a_patient_of_the_study_and_a_plain_one_get_the_same_answer(client, a_patient):
    patient = load_study("ld-il2-ra").patient.model_validate(a_patient())
    plain, typed = client.predict(a_patient()), client.predict(patient, subject="p-1")
    assert plain.treated == typed.treated
    assert plain.prediction_id != typed.prediction_id


def test_a_batch_answers_each_patient_or_says_what_is_wrong(client, a_patient):
    answer = client.predict_batch([a_patient(), a_patient(age_years=3)], subjects=["p-1", None])
    first, second = answer.predictions
    assert first.treated.probability == client.predict(a_patient()).treated.probability
    assert (first.row, first.errors, second.treated) == (1, None, None)
    assert second.errors == (FieldProblem("age_years", "expected a number from 18 to 100 years"),)
    assert (answer.answered, answer.refused, answer.columns) == (1, 1, None)


def test_a_complete_batch_has_complete_predictions(client, a_patient):
    (row,) = client.predict_batch([a_patient()], complete=True).predictions
    alone = client.predict(a_patient())
    assert isinstance(row, Prediction)
    assert (row.row, row.treated, row.explanation) == (1, alone.treated, alone.explanation)


def test_a_batch_in_columns_is_answered_in_columns(client, a_patient):
    columns = {name: [value, value] for name, value in a_patient().items()}
    columns |= {"age_years": np.array([54.0, 3.0]), "crp_mg_per_l": np.array([np.nan, 22.0])}
    answer = client.predict_columns(columns)
    alone = client.predict(a_patient(crp_mg_per_l=None))
    assert answer.columns["treated_probability"] == [alone.treated.probability, None]
    assert [error.row for error in answer.errors] == [2]
    assert answer.predictions is None


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_a_table_of_arrow_or_parquet_is_answered_in_kind(client, a_patient, form):
    table, sink = pa.table({name: [value] for name, value in a_patient().items()}), io.BytesIO()
    if form == "arrow":
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        answer = pa.ipc.open_stream(client.predict_table(sink.getvalue())).read_all()
    else:
        pq.write_table(table, sink)
        answer = pq.read_table(io.BytesIO(client.predict_table(sink.getvalue(), "parquet")))
    assert answer.column("treated_probability").to_pylist() == [client.predict(a_patient()).treated.probability]


def test_an_outcome_is_recorded_once_and_another_is_a_correction(client, a_patient):
    prediction_id = client.predict(a_patient()).prediction_id
    seen = {"observed_on": date(2026, 1, 31), "source": "chart", "arm": "ld-il2+mtx"}
    first = client.record_outcome(prediction_id, responded=True, **seen)
    assert (first.prediction_id, first.revision) == (prediction_id, 1)
    assert client.record_outcome(prediction_id, responded=True, **seen) == first
    with pytest.raises(Conflict) as refused:
        client.record_outcome(prediction_id, responded=False, **seen)
    assert refused.value.type == "/problems/outcome-exists"
    assert client.record_outcome(prediction_id, responded=False, correction=True, **seen).revision == 2
    with pytest.raises(NotFound, match="no prediction with that prediction_id"):
        client.record_outcome(str(UUID(int=0)), responded=True, **seen)


def test_the_model_its_card_and_its_health_are_told(client, a_patient):
    described = client.describe_model()
    assert [arm.key for arm in described.arms] == ["placebo+mtx", "ld-il2+mtx"]
    assert described.fields == load_study("ld-il2-ra").contract.fields
    assert client.model_card() == {"title": "A made-up model"}
    assert client.health_live() == Alive("alive")
    ready = client.health_ready()
    assert ready.model == described.model.digest == client.predict(a_patient()).model.digest
    assert ready.refused is None


def test_a_key_may_be_given_when_it_is_needed(asking, server, key, a_patient):
    asked = []

    def token():
        asked.append("now")
        return key

    client = asking(server.url, key=token)
    assert client.predict(a_patient())
    assert client.predict(a_patient())
    assert asked == ["now", "now"]


@pytest.mark.parametrize("wrong", [None, "acr_000000000000_" + "0" * 64, "another"])
def test_who_is_not_known_is_told_so_at_once(asking, server, a_patient, wrong):
    with pytest.raises(Unauthorised) as refused:
        asking(server.url, key=wrong).predict(a_patient())
    assert refused.value.type == "/problems/unauthenticated"
    assert len(refused.value.request_id) == 32


@pytest.fixture(scope="module")
def unaudited(start_for_module, model_folder):
    return start_for_module("--model", str(model_folder), "--port", "0", ACRCAST_AUDIT="0")


def test_a_server_without_an_audit_is_asked_without_names(asking, unaudited, a_patient):
    with pytest.raises(Refused, match="this server keeps no audit, which this request needs"):
        asking(unaudited.url).predict(a_patient())
    client = asking(unaudited.url, named=False)
    assert client.predict(a_patient()).treated.arm == "ld-il2+mtx"


def test_who_may_not_is_told_which_scope_is_needed(asking, server, predict_only, a_patient):
    client = asking(server.url, key=predict_only)
    prediction_id = client.predict(a_patient()).prediction_id
    with pytest.raises(Forbidden, match="this needs the scope outcome"):
        client.record_outcome(prediction_id, responded=True, observed_on=date(2026, 1, 31), source="chart")


def test_a_patient_who_is_not_valid_is_refused_field_by_field_without_the_values(client, a_patient):
    wrong = a_patient(age_years=817.34, sex=CANARY, crp_mg_per_l="81,734")
    with pytest.raises(Refused) as refused:
        client.predict(wrong, subject=CANARY)
    error = refused.value
    assert (error.status, error.type) == (422, "/problems/invalid-input")
    assert [problem.field for problem in error.errors] == ["age_years", "sex", "crp_mg_per_l"]
    told = f"{error} {error!r} {vars(error)} {error.__cause__} {error.__context__}"
    for value in ("817.34", CANARY, "81,734"):
        assert value not in told


def test_the_request_of_an_error_is_found_in_the_servers_log(server, client):
    with pytest.raises(Refused) as refused:
        client.predict({})
    line = next(line for line in _lines(server) if line.get("request_id") == refused.value.request_id)
    assert (line["route"], line["status"]) == ("/predict", 422)


def _lines(server):
    """What the server logs; its line of a request comes after its answer."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        yield from map(json.loads, server.process.stderr.readline().splitlines())


def test_a_server_that_is_not_there_is_asked_as_often_as_wished(asking, unused_port):
    client = asking(f"http://127.0.0.1:{unused_port}", retries=Retries(attempts=3, first_seconds=0.01))
    with pytest.raises(NoAnswer) as lost:
        client.predict({})
    assert (lost.value.reason, lost.value.attempts) == ("ConnectError", 3)
    with pytest.raises(NoAnswer, match="asked once"):
        client.predict_batch([])
    with pytest.raises(NoAnswer, match="asked once"):
        client.health_ready()


def test_a_server_that_does_not_answer_is_waited_for_as_long_as_wished(asking, silent_port):
    client = asking(f"http://127.0.0.1:{silent_port}", timeout=0.05, retries=ONCE)
    with pytest.raises(NoAnswer, match="no answer: ReadTimeout; asked once"):
        client.describe_model()


def test_an_answer_of_another_program_is_not_taken_for_one(asking, another_program):
    page = another_program(200, b"<html>log in</html>")
    with pytest.raises(NotUnderstood, match="expected what GET /model answers"):
        asking(page).describe_model()
    elsewhere = another_program(302, b"", Location="/login")
    with pytest.raises(NotUnderstood, match="no redirection"):
        asking(elsewhere).describe_model()
    proxy = another_program(502, b"<html>bad gateway</html>")
    with pytest.raises(Unavailable, match=r"Bad Gateway \(502 about:blank"):
        asking(proxy, retries=ONCE).describe_model()
