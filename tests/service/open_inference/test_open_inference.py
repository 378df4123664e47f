"""What `/v2` answers, byte by byte as the protocol has it; test_triton_client.py calls it with a public client."""

import json

import pytest

from acrcast_service.app import create_app
from acrcast_service.audit.opening import open_chain
from acrcast_service.audit.records import PREDICTION
from acrcast_service.open_inference import tensors
from acrcast_service.settings import Settings
from acrcast_service.store.tables import audit_records

MODEL = "/v2/models/made-up"
CANARY = "Zz81734"


@pytest.fixture(scope="session")
def infer(client):
    def send(body, path=f"{MODEL}/infer", to=client, media_type="application/json", **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        declared = {"content-type": media_type} if media_type else {}
        return to.request("POST", path, content=content, headers=declared | headers)

    return send


def tensor(name, datatype, *data, shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": list(data)}


def needed(count=1):
    """The four fields that no prediction goes without."""
    return [
        tensor("age_years", "FP64", *[54.0] * count),
        tensor("sex", "BYTES", *["female"] * count),
        tensor("tender_joint_count_28", "INT64", *[14] * count),
        tensor("swollen_joint_count_28", "INT64", *[9] * count),
    ]


def asked(*more, count=1, **members):
    names = {given["name"] for given in more}
    return {"inputs": [*(given for given in needed(count) if given["name"] not in names), *more], **members}


def outputs(answered):
    assert answered.status_code == 200, answered.text
    return {output["name"]: output["data"] for output in answered.json()["outputs"]}


def test_the_server_says_what_it_is_and_that_it_lives_and_is_ready(client):
    assert client.get("/v2").json() == {"name": "acrcast", "version": "0.1.0", "extensions": []}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get(f"{MODEL}/ready").json() == {"name": "made-up", "ready": True}
    assert client.get(f"{MODEL}/versions/1/ready").json() == {"name": "made-up", "ready": True}


def test_the_model_lists_an_input_for_each_field_as_the_study_describes_it(client):
    metadata = client.get(MODEL).json()
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("made-up", ["1"], "acrcast")
    inputs = {given["name"]: given for given in metadata["inputs"]}
    assert inputs["age_years"] == {
        "name": "age_years",
        "datatype": "FP64",
        "shape": [-1],
        "parameters": {
            "label": "Age",
            "unit": "years",
            "expected": "a number from 18 to 100 years",
            "required": True,
        },
    }
    assert [inputs[name]["datatype"] for name in ("sex", "tender_joint_count_28", "rf_positive", "il21_assay")] == [
        *("BYTES", "INT64", "BOOL", "BYTES")
    ]
    assert inputs["il21_pg_per_ml_comparator"] == {
        "name": "il21_pg_per_ml_comparator",
        "datatype": "BYTES",
        "shape": [-1],
    }
    assert list(inputs)[-1] == "subject_reference"
    assert len(inputs) == 19 + 2


def test_the_model_lists_an_output_for_each_column_of_an_answer(client):
    found = [(output["name"], output["datatype"]) for output in client.get(MODEL).json()["outputs"]]
    numbers = [f"{arm}_{part}" for arm in ("control", "treated") for part in ("probability", "low", "high")]
    numbers += ["benefit_difference", "benefit_low", "benefit_high", "benefit_probability_positive"]
    texts = ["support", "support_measures", "missing"]
    assert found == [("prediction_id", "BYTES"), *((n, "FP64") for n in numbers), *((t, "BYTES") for t in texts)]


def test_each_patient_gets_the_numbers_that_predict_gives_alone(client, infer, a_patient):
    kinds = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}
    first, second = a_patient(), a_patient(age_years=61, sex="male", rf_positive=False)
    request = {"inputs": [tensor(name, kinds[type(value)], value, second[name]) for name, value in first.items()]}
    found = outputs(infer(request))
    for i, patient in enumerate((first, second)):
        alone = client.predict(patient).json()
        for arm in ("control", "treated"):
            assert found[f"{arm}_probability"][i] == alone[arm]["probability"]
            assert [found[f"{arm}_low"][i], found[f"{arm}_high"][i]] == alone[arm]["interval"]
        assert found["benefit_difference"][i] == alone["benefit"]["difference"]
        assert found["benefit_probability_positive"][i] == alone["benefit"]["probability_positive"]
        assert found["support"][i] == alone["support"]["status"]
        assert found["missing"][i] == ""


def test_what_holds_for_all_patients_goes_with_the_answer(client, infer):
    alone = client.predict({"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9})
    answer = infer(asked(id="42")).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("made-up", "1", "42")
    assert answer["parameters"] == {
        "study": "ld-il2-ra",
        "endpoint": "ACR20 at week 24",
        "model_digest": alone.json()["model"]["digest"],
        "training_data": "simulated",
        "level": 0.95,
        "cautions": alone.json()["cautions"][0],
        "intended_use": alone.json()["intended_use"],
    }
    assert len(infer(asked()).json()["id"]) == 36


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (tensor("crp_mg_per_l", "FP64", 22.0, float("nan")), ["", "crp_mg_per_l"]),
        (tensor("crp_mg_per_l", "FP32", 22.0, None), ["", "crp_mg_per_l"]),
        (tensor("rf_positive", "BOOL", True, None), ["", "rf_positive"]),
        (tensor("rf_positive", "FP64", 1.0, float("nan")), ["", "rf_positive"]),
        (tensor("rf_positive", "INT8", 0, None), ["", "rf_positive"]),
    ],
)
def test_a_tensor_without_a_value_is_missing_and_no_tensor_is_missing_throughout(infer, given, missing):
    found = outputs(infer(asked(given, count=2)))["missing"]
    others = "disease_duration_years treg_percent_of_cd4"
    assert all(row.startswith(others) for row in found)
    assert [given["name"] if given["name"] in row.split() else "" for row in found] == missing


def test_an_empty_text_is_missing(infer):
    measured = tensor("il21_pg_per_ml", "FP64", 85.0)
    named, unnamed, absent = (
        infer(asked(measured, *assay)).json()["parameters"]["cautions"]
        for assay in ([tensor("il21_assay", "BYTES", "ELISA")], [tensor("il21_assay", "BYTES", "")], [])
    )
    assert named != unnamed
    assert unnamed == absent


def test_numbers_of_32_bits_are_the_shortest_that_they_can_be(client, infer):
    patient = {"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}
    alone = client.predict(patient | {"haq_di": 1.1}).json()
    found = outputs(infer(asked(tensor("haq_di", "FP32", 1.10000002384185791015625))))
    assert found["treated_probability"] == [alone["treated"]["probability"]]


def test_a_result_below_a_limit_of_detection_has_its_sign_beside_it(client, infer):
    patient = {"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}
    below, above = (
        client.predict(patient | {"il21_pg_per_ml": value}).json()["treated"]["probability"]
        for value in ({"comparator": "<", "value": 31.2}, 31.2)
    )
    signs = tensor("il21_pg_per_ml_comparator", "BYTES", "<", "")
    found = outputs(infer(asked(tensor("il21_pg_per_ml", "FP64", 31.2, 31.2), signs, count=2)))
    assert found["treated_probability"] == [below, above]
    assert below != above


def test_a_count_may_be_a_number_that_is_whole(infer):
    counts = tensor("tender_joint_count_28", "FP64", 14.0)
    assert outputs(infer(asked(counts)))["treated_probability"] == outputs(infer(asked()))["treated_probability"]


def test_a_column_of_ones_may_have_two_dimensions(infer):
    flat, nested = (
        tensor("age_years", "FP64", 54.0, 61.0, shape=[2, 1]),
        {"name": "age_years", "datatype": "FP64", "shape": [2, 1], "data": [[54.0], [61.0]]},
    )
    one, other = (outputs(infer(asked(given, count=2)))["control_probability"] for given in (flat, nested))
    assert one == other
    assert infer(asked(flat, count=2)).json()["outputs"][1]["shape"] == [2]


def test_an_estimate_that_is_asked_for_brings_its_interval_and_the_support(infer):
    wanted = asked(outputs=[{"name": "treated_probability", "parameters": {"binary_data": True}}])
    assert list(outputs(infer(wanted))) == [
        *("treated_probability", "treated_low", "treated_high", "support", "support_measures")
    ]
    assert list(outputs(infer(asked(outputs=[{"name": "missing"}])))) == ["missing"]


def test_a_version_that_does_not_answer_is_not_there(client, infer):
    assert infer(asked(), path=f"{MODEL}/versions/1/infer").status_code == 200
    for path in (f"{MODEL}/versions/2", f"{MODEL}/versions/2/ready", "/v2/models/other", "/v2/models/other/ready"):
        answered = client.get(path)
        assert answered.status_code == 404
        assert answered.json() == {
            "error": "There is nothing at this address: the model that answers is made-up, version 1; "
            "GET /model describes it"
        }
    assert infer(asked(), path="/v2/models/other/infer").status_code == 404


def test_without_a_declared_type_json_is_read(infer):
    assert infer(asked(), media_type=None).status_code == 200


def _wrong(name, datatype, *data, shape=None):
    return asked(tensor(name, datatype, *data, shape=shape))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (asked(tensor("age_years", "FP64", 3.0)), "age_years: expected a number from 18 to 100 years (row 1)"),
        (
            asked(tensor("tender_joint_count_28", "FP64", 9.5)),
            "tender_joint_count_28: expected a whole number from 0 to 28 joints (row 1)",
        ),
        (
            asked(tensor("sex", "BYTES", CANARY)),
            "sex: expected one of female, male (row 1)",
        ),
        (
            asked(tensor("rf_positive", "FP64", 0.5)),
            "rf_positive: expected true or false, or null when it is not known (row 1)",
        ),
        (asked(tensor("age_years", "BYTES", "54")), "age_years: expected the datatype FP64 or FP32 or INT64 or INT32"),
        (asked(tensor("age_years", "FP64", "54")), "age_years: expected numbers, or null where it is not known"),
        (asked(tensor("age_years", "INT64", 54.0)), "age_years: expected whole numbers, or null where it is not known"),
        (asked(tensor("age_years", "INT64", True)), "age_years: expected whole numbers, or null where it is not known"),
        (asked(tensor("rf_positive", "BOOL", 1)), "rf_positive: expected true or false, or null where it is not known"),
        (asked(tensor("age_years", "FP64", 54.0, shape=[2])), "inputs: expected tensors of one length"),
        (
            asked(tensor("crp_mg_per_l", "FP64", 1.0, 2.0, shape=[1])),
            "crp_mg_per_l: expected as many values as its shape says",
        ),
        (
            asked(tensor("crp_mg_per_l", "FP64", 1.0, 2.0, shape=[1, 2])),
            "crp_mg_per_l: expected the shape [n] or [n, 1]",
        ),
        (asked(tensor("crp_mg_per_l", "FP64", [1.0, 2.0])), "crp_mg_per_l: expected numbers"),
        (
            {"inputs": needed()[1:]},
            "age_years: required: a number from 18 to 100 years, for each patient",
        ),
        (
            asked(tensor("age_year", "FP64", 54.0)),
            "age_year: an unknown field; did you mean age_years? GET /model lists the fields",
        ),
        (asked(tensor(f"{CANARY} 1970", "FP64", 54.0)), "an unknown field; GET /model lists the fields"),
        ({"inputs": [*needed(), needed()[0]]}, "inputs: expected each field once"),
        (asked(outputs=[{"name": CANARY}]), "outputs.0.name: expected one of prediction_id, control_probability"),
        ({}, "inputs: expected a list of at least one tensor, each with name, shape, datatype and data"),
        ({"inputs": []}, "inputs: expected a list of at least one tensor"),
        (asked(**{CANARY: 1}), "expected a list of at least one tensor"),
        ([CANARY], "expected a list of at least one tensor"),
        (
            asked({"name": "haq_di", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}),
            "inputs.4.data: expected a list of n values in JSON: this server does not read binary tensors",
        ),
        (asked(id="x" * 256), "id: expected a text of at most 255 characters"),
        (
            asked(tensor("il21_pg_per_ml", "FP64", 3.0), tensor("il21_pg_per_ml_comparator", "BYTES", ">")),
            "il21_pg_per_ml: expected a number from 0 to 20000 pg/mL",
        ),
        (asked(tensor("il21_pg_per_ml_comparator", "BYTES", "<")), "expected il21_pg_per_ml beside it"),
        (asked(tensor("subject_reference", "BYTES", "x" * 201)), "subjects: expected for each row null or 1 to 200"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused_as_the_protocol_says_it(infer, body, error):
    answered = infer(body)
    assert answered.status_code == 422
    assert answered.headers["content-type"] == "application/json"
    assert answered.json().keys() == {"error"}
    assert answered.json()["error"].startswith("The input is not valid: ")
    assert error in answered.json()["error"]
    assert CANARY not in answered.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"inputs": [',
        b"\xff",
        json.dumps(asked(tensor("age_years", "FP64", float("inf")))).encode(),
        b"[" * 100_000,
        b'{"inputs": [' + b"9" * 5000 + b"]}",
    ],
)
def test_what_is_not_json_is_refused_and_nan_is_the_only_exception(infer, body):
    answered = infer(body)
    assert answered.status_code == 400
    assert answered.json()["error"].startswith("The body is not JSON: ")


def test_a_name_that_is_given_twice_is_refused(infer):
    content = json.dumps(asked()).encode().replace(b'"datatype":', b'"datatype": "FP32", "datatype":', 1)
    assert "expected each member of an object once" in infer(content).json()["error"]


def test_one_patient_who_is_not_valid_refuses_all_and_only_the_first_problems_are_told(infer, monkeypatch):
    monkeypatch.setattr(tensors, "TOLD", 2)
    ages = tensor("age_years", "FP64", 54.0, 3.0, 54.0, 4.0, 5.0)
    answered = infer(asked(ages, count=5))
    assert answered.json()["error"] == (
        "The input is not valid: age_years: expected a number from 18 to 100 years (row 2); "
        "age_years: expected a number from 18 to 100 years (row 4); and 1 more"
    )


def test_tensors_in_binary_are_refused_with_what_to_do(infer):
    answered = infer(asked(), **{"inference-header-content-length": "20"})
    assert answered.status_code == 400
    assert answered.json()["error"].endswith("tensors in binary are not read: send JSON alone (binary_data=False)")


def test_another_media_type_is_refused(infer):
    assert infer(asked(), media_type="application/octet-stream").status_code == 415


def test_every_error_under_this_address_has_the_protocols_form(client):
    nothing, wrong_method = client.get("/v2/repository/index"), client.request("POST", "/v2")
    assert (nothing.status_code, nothing.json()) == (404, {"error": "There is nothing at this address"})
    assert (wrong_method.status_code, wrong_method.json()) == (
        405,
        {"error": "This address does not answer that method"},
    )


def test_a_failure_of_the_server_names_the_line_of_its_log_and_nothing_else(serving, model, caplog):
    app = create_app(Settings(), model)

    @app.get("/v2/broken")
    async def broken():
        raise ValueError(CANARY)

    answered = serving(app).get("/v2/broken")
    assert answered.status_code == 500
    (record,) = caplog.records
    assert answered.json()["error"].startswith("The server failed: urn:uuid:")
    assert answered.json()["error"].removeprefix("The server failed: ") in record.getMessage()
    assert CANARY not in answered.text + caplog.text


def test_a_request_is_as_large_as_a_batch_may_be(serving, model, infer):
    few = serving(create_app(Settings(batch_rows=2), model))
    answered = infer(asked(count=3), to=few)
    assert answered.status_code == 413
    assert answered.json() == {"error": "The body is too large: this server takes at most 2 patients in one request"}
    small = serving(create_app(Settings(batch_limit_bytes=100), model))
    assert infer(asked(), to=small).status_code == 413


def test_a_request_takes_a_place_among_the_batches(serving, model, infer):
    app = create_app(Settings(batches_at_once=1), model)
    one = serving(app)
    app.server.batches.take()
    answered = infer(asked(), to=one)
    assert answered.status_code == 503
    assert answered.headers["retry-after"] == "1"
    assert answered.json() == {"error": "The server works on as many batches as it may"}
    app.server.batches.give_back()
    assert infer({}, to=one).status_code == 422
    assert infer(asked(), to=one).status_code == 200


def test_without_a_model_nothing_is_ready(serving):
    client = serving(create_app(Settings()), started=False)
    assert client.get("/v2/health/live").status_code == 200
    for path in ("/v2/health/ready", MODEL, f"{MODEL}/ready"):
        answered = client.get(path)
        assert (answered.status_code, answered.json()) == (503, {"error": "No model is loaded yet"})


def test_each_patient_is_recorded_as_a_prediction_of_its_own(serving, model, infer, tmp_path):
    settings = Settings(state=tmp_path)
    client = serving(create_app(settings, model))
    subjects = tensor("subject_reference", "BYTES", "p-1", "")
    found = outputs(infer(asked(subjects, tensor("crp_mg_per_l", "FP64", 22.0, float("nan")), count=2), to=client))
    counted = [
        line for line in client.get("/metrics").text.splitlines() if line.startswith("acrcast_predictions_total{")
    ]
    assert sum(float(line.split()[-1]) for line in counted) == 2
    chain = open_chain(settings, may_make=False)
    with chain.engine.connect() as connection:
        rows = connection.execute(audit_records.select().where(audit_records.c.kind == PREDICTION)).all()
    assert [row.record_id for row in rows] == found["prediction_id"]
    keys = [chain.keys.subject("default", name) for name in ("p-1",)]
    assert [bytes(row.subject) == keys[0] for row in rows] == [True, False]
    chain.engine.dispose()


def test_a_one_arm_study_has_no_control(serving, one_arm_folder, own_study, infer):
    settings = Settings(model=str(one_arm_folder), study=str(own_study))
    from acrcast_service.model_store import load_model

    client = serving(create_app(settings, load_model(settings)))
    request = {
        "inputs": [
            tensor("age_years", "FP64", 54.0),
            tensor("stage", "BYTES", "II"),
        ]
    }
    found = outputs(infer(request, to=client))
    assert list(found) == [
        *("prediction_id", "treated_probability", "treated_low", "treated_high"),
        *("support", "support_measures", "missing"),
    ]
    assert found["missing"] == ["marker_ng_per_ml"]
