"""What `POST /predict/batch` answers."""

import asyncio
import io
import json
from dataclasses import replace

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from acrcast_service.app import create_app
from acrcast_service.audit.trail import open_chain
from acrcast_service.batch import service
from acrcast_service.problems import HttpProblem
from acrcast_service.settings import Settings, read_settings

JSON, ARROW = "application/json", "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


@pytest.fixture(scope="session")
def batch(client):
    def send(body, media_type=JSON, query="", to=client, **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return to.request(
            "POST", f"/predict/batch{query}", content=content, headers={"content-type": media_type} | headers
        )

    return send


def _arrow(table):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _parquet(table):
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


WRITE = {ARROW: _arrow, PARQUET: _parquet}
READ = {
    ARROW: lambda content: pa.ipc.open_stream(content).read_all(),
    PARQUET: lambda content: pq.read_table(io.BytesIO(content)),
}


def test_each_row_gets_the_numbers_that_predict_gives_it_alone(client, batch, a_patient):
    patients = [
        a_patient(),
        a_patient(crp_mg_per_l=None, sex="male"),
        a_patient(il21_pg_per_ml={"comparator": "<", "value": 4}),
    ]
    rows = batch({"patients": patients}).json()["predictions"]
    for i, (patient, row) in enumerate(zip(patients, rows, strict=True)):
        alone = client.predict(patient).json()
        assert row["row"] == i + 1
        for arm in ("control", "treated"):
            assert row[arm] == {name: alone[arm][name] for name in ("probability", "interval")}
        assert row["benefit"] == alone["benefit"]
        assert row["support"] == alone["support"]
        assert set(row["missing"]) == {measure["measure"] for measure in alone["missing"]}


def test_a_row_that_is_no_patient_gets_the_errors_that_predict_gives_it_alone(client, batch, a_patient):
    wrong = [a_patient(age_years=3, foo=1), a_patient(sex=None), [], 3, a_patient(tender_joint_count_28=9.0), {}]
    answer = batch({"patients": [a_patient(), *wrong, a_patient()]}).json()
    assert [row["row"] for row in answer["predictions"]] == list(range(1, 9))
    assert ["errors" in row for row in answer["predictions"]] == [False] + [True] * 6 + [False]
    for patient, row in zip(wrong, answer["predictions"][1:], strict=False):
        assert row["errors"] == client.predict(patient).json()["errors"]
    assert (answer["answered"], answer["refused"], answer["complete"]) == (2, 6, True)


def test_what_holds_for_all_rows_is_said_once(client, batch, a_patient):
    alone = client.predict(a_patient()).json()
    answer = batch({"patients": [a_patient(treg_gating=None)]}).json()
    for name in ("study", "endpoint", "model", "level", "intended_use"):
        assert answer[name] == alone[name]
    assert answer["cautions"][0] == alone["cautions"][0]
    assert "is not named in 1 rows" in answer["cautions"][-1]


def test_columns_are_answered_in_columns_with_null_where_a_row_was_refused(client, batch, a_patient):
    columns = {name: [value, value] for name, value in a_patient().items()} | {"age_years": [54, 3]}
    answer = batch({"columns": columns}).json()
    alone = client.predict(a_patient()).json()
    assert answer["columns"]["row"] == [1, 2]
    assert answer["columns"]["treated_probability"] == [alone["treated"]["probability"], None]
    assert answer["columns"]["benefit_high"] == [alone["benefit"]["interval"][1], None]
    assert answer["columns"]["support"] == [alone["support"]["status"], None]
    assert answer["errors"] == [
        {"row": 2, "errors": [{"field": "age_years", "message": "expected a number from 18 to 100 years"}]}
    ]
    assert list(answer)[-1] == "complete"


@pytest.mark.parametrize("media_type", [ARROW, PARQUET])
def test_arrow_and_parquet_are_answered_in_kind(client, batch, a_patient, media_type):
    rows = [a_patient(), a_patient(age_years=3)]
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    answered = batch(WRITE[media_type](table), media_type)
    assert answered.headers["content-type"] == media_type
    found = READ[media_type](answered.content)
    first, second = found.to_pylist()
    alone = client.predict(rows[0]).json()
    assert first["treated_probability"] == alone["treated"]["probability"]
    assert first["error"] is None
    assert second["treated_probability"] is None
    assert second["error"] == "age_years: expected a number from 18 to 100 years"
    assert orjson.loads(found.schema.metadata[b"acrcast"])["model"] == alone["model"]


def test_the_accept_header_chooses_another_form(batch, a_patient):
    table = pa.table({name: [value] for name, value in a_patient().items()})
    assert batch(_arrow(table), ARROW, accept=JSON).json()["predictions"][0]["row"] == 1
    assert len(READ[PARQUET](batch({"patients": [a_patient()]}, accept=f"text/html, {PARQUET};q=0.5").content)) == 1
    assert batch({"patients": [a_patient()]}, accept="text/csv").status_code == 406


def test_a_limit_of_detection_in_arrow_is_the_column_of_comparators(client, batch, a_patient):
    patient = a_patient(il21_pg_per_ml=3.9)
    table = pa.table({name: [value] for name, value in (patient | {"il21_pg_per_ml_comparator": "<"}).items()})
    (row,) = batch(_arrow(table), ARROW, accept=JSON).json()["predictions"]
    alone = client.predict(a_patient(il21_pg_per_ml={"comparator": "<", "value": 3.9})).json()
    assert row["treated"]["interval"] == alone["treated"]["interval"]
    # the row as a single patient would be sent is what is judged when the column alone cannot tell
    refused = table.set_column(table.schema.get_field_index("age_years"), "age_years", [[3]])
    assert "age_years" in batch(_arrow(refused), ARROW, accept=JSON).text


def test_full_answers_are_those_of_predict(client, batch, a_patient):
    (row,) = batch({"patients": [a_patient(crp_mg_per_l=None)]}, query="?detail=full").json()["predictions"]
    alone = client.predict(a_patient(crp_mg_per_l=None)).json()
    assert row | {"prediction_id": ""} == alone | {"prediction_id": "", "row": 1}


@pytest.mark.parametrize("query", ["?detail=some", "?detail=full&detail=full", "?x=1", "?intervals=no"])
def test_a_parameter_that_is_not_valid_is_refused(batch, a_patient, query):
    assert batch({"patients": [a_patient()]}, query=query).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x", 400),
        (b"", 400),
        (b"[" * 5000, 400),
        (b"{}", 422),
        (b"[]", 422),
        (b'{"patients": 1}', 422),
        (b'{"patients": [], "columns": {}}', 422),
        (b'{"patients": [], "other": 1}', 422),
        (b'{"patients": [], "patients": []}', 422),
        (b'{"columns": {}}', 422),
        (b'{"columns": {"age_years": 1}}', 422),
        (b'{"columns": {"age_years": [1], "sex": []}}', 422),
        (b'{"columns": {"age_years": [1], "age_years": [2]}}', 422),
        (b'{"columns": {"agee": [1]}}', 422),
        (b'{"patients": [{}], "subjects": []}', 422),
        (b'{"patients": [{}], "subjects": [""]}', 422),
    ],
)
def test_a_body_that_is_no_batch_is_refused_as_a_whole(batch, body, status):
    assert batch(body).status_code == status


# An Arrow stream may end without its end mark, and then is whole.
@pytest.mark.parametrize(("media_type", "cut"), [(ARROW, 0), (ARROW, 40), (PARQUET, 0), (PARQUET, 40), (PARQUET, -20)])
def test_a_broken_file_is_refused(batch, a_patient, media_type, cut):
    content = WRITE[media_type](pa.table({name: [value] for name, value in a_patient().items()}))
    assert batch(content[:cut], media_type).status_code == 422


def test_a_name_given_twice_in_one_row_refuses_that_row(batch, a_patient):
    twice = json.dumps(a_patient())[:-1] + ', "age_years": 55}'
    inner = json.dumps(a_patient(il21_pg_per_ml=0)).replace(
        '"il21_pg_per_ml": 0', '"il21_pg_per_ml": {"comparator": "<", "value": 3, "value": 4}'
    )
    body = f'{{"patients": [{twice}, {json.dumps(a_patient())}, {inner}]}}'.encode()
    first, second, third = batch(body).json()["predictions"]
    assert first["errors"] == [{"field": "age_years", "message": "given more than once"}]
    assert "errors" not in second
    assert third["errors"] == [{"field": "value", "message": "given more than once"}]


def test_no_rows_are_a_whole_answer(batch):
    assert batch({"patients": []}).json()["predictions"] == []


def test_other_media_types_and_headers_of_a_single_patient_are_refused(batch, a_patient):
    assert batch({"patients": [a_patient()]}, "text/csv").status_code == 415
    assert batch({"patients": [a_patient()]}, **{"idempotency-key": "a"}).status_code == 400
    assert batch({"patients": [a_patient()]}, **{"subject-reference": "a"}).status_code == 400


def test_rows_and_bytes_are_limited(serving, model, batch, a_patient):
    few = serving(create_app(read_settings(batch_rows=2, batch_limit_bytes=5000), model))
    assert batch({"patients": [a_patient()] * 2}, to=few).status_code == 200
    assert batch({"patients": [a_patient()] * 3}, to=few).status_code == 413
    assert batch({"patients": [a_patient()] * 20}, to=few).status_code == 413
    table = pa.table({name: [value] * 3 for name, value in a_patient().items()})
    assert batch(_arrow(table)[:4999], ARROW, to=few).status_code in (413, 422)


def test_chunks_are_joined_in_order(batch, a_patient, monkeypatch):
    monkeypatch.setattr(service, "CHUNK", 3)
    patients = [a_patient(age_years=20 + i if i != 4 else 3) for i in range(8)]
    rows = batch({"patients": patients}).json()
    assert [row["row"] for row in rows["predictions"]] == list(range(1, 9))
    assert (rows["answered"], rows["refused"]) == (7, 1)
    table = pa.table({name: [row[name] for row in patients] for name in patients[0]})
    for media_type in (ARROW, PARQUET):
        found = READ[media_type](batch(WRITE[media_type](table), media_type).content)
        assert [value is None for value in found.column("error").to_pylist()] == [True] * 4 + [False] + [True] * 3


def test_a_full_pool_refuses_at_once_and_has_room_again(serving, model, batch, a_patient):
    app = create_app(read_settings(batches_at_once=1), model)
    narrow = serving(app)
    pool = app.server.batches
    pool.take()
    answered = batch({"patients": [a_patient()]}, to=narrow)
    assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
    assert answered.json()["type"] == "/problems/busy"
    pool.give_back()
    for body in ({"patients": [a_patient()]}, b"x", {"patients": [a_patient()]}):
        batch(body, to=narrow)
    pool.take()
    with pytest.raises(HttpProblem):
        pool.take()


def test_each_answered_row_is_recorded_as_a_prediction_of_its_own_under_its_subject(
    serving, model, batch, a_patient, tmp_path
):
    settings = read_settings(state=tmp_path)
    kept = serving(create_app(settings, model))
    answer = batch(
        {"patients": [a_patient(), a_patient(age_years=3), a_patient(sex="male")], "subjects": ["a", None, "b"]},
        to=kept,
    ).json()
    chain = open_chain(settings, may_make=False)
    with chain.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT r.record_id, r.kind, r.payload, k.sealed_key, r.subject, r.model FROM audit_records r "
            "JOIN record_keys k USING (sequence) ORDER BY r.sequence"
        ).all()
    chain.engine.dispose()
    answered = [row for row in answer["predictions"] if "errors" not in row]
    assert [row.record_id for row in rows] == [row["prediction_id"] for row in answered]
    assert {row.kind for row in rows} == {"prediction"}
    assert {row.model for row in rows} == {answer["model"]["digest"]}
    assert [row.subject for row in rows] == [chain.keys.subject("default", name) for name in ("a", "b")]
    opened = [chain.keys.open(row.record_id, row.payload, row.sealed_key) for row in rows]
    assert [json.loads(inputs) for inputs, _ in opened] == [a_patient(), a_patient(sex="male")]
    assert [
        json.loads(given) | {"row": row["row"]} for (_, given), row in zip(opened, answered, strict=True)
    ] == answered


def test_what_was_sent_and_answered_in_columns_is_recorded_as_the_json_of_each_row(
    serving, model, batch, a_patient, tmp_path
):
    settings = read_settings(state=tmp_path)
    kept = serving(create_app(settings, model))
    patients = [
        a_patient(il21_pg_per_ml={"comparator": "<", "value": 4}, sex="male"),
        a_patient(age_years=3),
        a_patient(crp_mg_per_l=None, treg_gating=None, haq_di=1),
    ]
    columns = {name: [patient[name] for patient in patients] for name in patients[0]}
    answer = batch({"columns": columns}, to=kept).json()["columns"]
    chain = open_chain(settings, may_make=False)
    with chain.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT r.record_id, r.payload, k.sealed_key FROM audit_records r JOIN record_keys k USING (sequence) ORDER BY r.sequence"
        ).all()
    chain.engine.dispose()
    opened = [chain.keys.open(row.record_id, row.payload, row.sealed_key) for row in rows]
    assert [inputs for inputs, _ in opened] == [orjson.dumps(patients[0]), orjson.dumps(patients[2])]
    for i, (_, given) in zip((0, 2), opened, strict=True):
        expected = {
            "row": i + 1,
            "prediction_id": answer["prediction_id"][i],
            **{
                arm: {
                    "probability": answer[f"{arm}_probability"][i],
                    "interval": [answer[f"{arm}_low"][i], answer[f"{arm}_high"][i]],
                }
                for arm in ("control", "treated")
            },
            "benefit": {
                "difference": answer["benefit_difference"][i],
                "interval": [answer["benefit_low"][i], answer["benefit_high"][i]],
                "probability_positive": answer["benefit_probability_positive"][i],
            },
            "support": {"status": answer["support"][i], "measures": answer["support_measures"][i].split()},
            "missing": answer["missing"][i].split(),
        }
        assert given == orjson.dumps(expected)


@pytest.mark.parametrize("media_type", [ARROW, PARQUET])
def test_columns_of_text_may_be_left_out_of_arrow_and_parquet(client, batch, a_patient, media_type):
    patient = {name: value for name, value in a_patient().items() if name not in ("treg_gating", "il21_assay")}
    table = pa.table({name: [value] for name, value in patient.items()})
    (found,) = READ[media_type](batch(WRITE[media_type](table), media_type).content).to_pylist()
    assert found["treated_probability"] == client.predict(patient).json()["treated"]["probability"]


def test_an_answer_that_breaks_off_is_not_complete(model, a_patient, monkeypatch):
    """Straight to the application: the second chunk fails, after the first was sent."""
    monkeypatch.setattr(service, "CHUNK", 2)
    app = create_app(Settings(audit=False), model)
    body = json.dumps({"patients": [a_patient()] * 4}).encode()
    sent = []
    whole = service.predict

    def failing(served, batch, wanted, first, base):
        return whole(served if first == 0 else replace(served, model=None), batch, wanted, first, base)

    monkeypatch.setattr(service, "predict", failing)

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/predict/batch",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "asgi": {"spec_version": "2.4"},
    }

    async def ask():
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 200
    assert all(message.get("more_body", True) for message in sent)
    assert b"complete" not in b"".join(message.get("body", b"") for message in sent)
    app.server.batches.take()


def test_the_description_has_the_batch_with_its_three_forms(client):
    operation = client.get("/openapi.json").json()["paths"]["/predict/batch"]["post"]
    assert set(operation["requestBody"]["content"]) == {JSON, ARROW, PARQUET}
    assert set(operation["responses"]["200"]["content"]) == {JSON, ARROW, PARQUET}
    assert {parameter["name"] for parameter in operation["parameters"]} == {"detail"}
    assert {"200", "400", "406", "413", "415", "422", "503"} <= set(operation["responses"])
