"""A public client of the protocol, Triton's own, against a server in a process of its own."""

from contextlib import closing

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.settings import Settings

TYPES = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}


@pytest.fixture(scope="module")
def server(start_for_module, model_folder):
    return start_for_module("--model", str(model_folder), "--port", "0")


@pytest.fixture(scope="module")
def client(server):
    with closing(triton.InferenceServerClient(f"127.0.0.1:{server.port}")) as client:
        yield client


@pytest.fixture(scope="module")
def inputs_of(client):
    """Each field of some patients as an input, of the datatype that the model's metadata names."""
    datatypes = {given["name"]: given["datatype"] for given in client.get_model_metadata("made-up")["inputs"]}

    def make(*patients):
        inputs = []
        for name in patients[0]:
            values = np.array([patient[name] for patient in patients], dtype=TYPES[datatypes[name]])
            inputs.append(triton.InferInput(name, list(values.shape), datatypes[name]))
            inputs[-1].set_data_from_numpy(values, binary_data=False)
        return inputs

    return make


def test_the_server_is_live_and_ready_and_so_is_its_model_and_no_other(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("made-up")
    assert client.is_model_ready("made-up", "1")
    assert not client.is_model_ready("made-up", "2")
    assert not client.is_model_ready("another")
    assert client.get_server_metadata()["name"] == "acrcast"


def test_patients_get_the_numbers_that_predict_gives_each_alone(server, client, inputs_of, a_patient):
    patients = [a_patient(), a_patient(age_years=61, crp_mg_per_l=float("nan"), treg_gating="")]
    result = client.infer("made-up", inputs_of(*patients), request_id="42")
    assert result.get_response()["id"] == "42"
    patients[1] |= {"crp_mg_per_l": None, "treg_gating": None}
    for i, patient in enumerate(patients):
        alone = httpx.post(f"{server.url}predict", json=patient).json()
        for arm in ("control", "treated"):
            assert result.as_numpy(f"{arm}_probability")[i] == alone[arm]["probability"]
            assert [result.as_numpy(f"{arm}_low")[i], result.as_numpy(f"{arm}_high")[i]] == alone[arm]["interval"]
    assert list(result.as_numpy("missing")) == ["", "crp_mg_per_l"]


def test_one_version_and_some_outputs_are_asked_for(client, inputs_of, a_patient):
    wanted = [triton.InferRequestedOutput("treated_probability", binary_data=False)]
    result = client.infer("made-up", inputs_of(a_patient()), model_version="1", outputs=wanted)
    low, probability, high = (result.as_numpy(f"treated_{part}")[0] for part in ("low", "probability", "high"))
    assert 0 < low < probability < high < 1
    assert result.as_numpy("control_probability") is None


def test_a_refusal_says_what_was_expected(client, inputs_of, a_patient):
    with pytest.raises(InferenceServerException) as refused:
        client.infer("made-up", inputs_of(a_patient(age_years=3.5)))
    assert refused.value.status() == "422"
    assert refused.value.message() == (
        "The input is not valid: age_years: expected a number from 18 to 100 years (row 1)"
    )


def test_tensors_in_binary_are_refused_with_what_to_do(client, inputs_of, a_patient):
    (age, *others) = inputs_of(a_patient())
    age.set_data_from_numpy(np.array([54.0]), binary_data=True)
    with pytest.raises(InferenceServerException, match=r"send JSON alone \(binary_data=False\)"):
        client.infer("made-up", [age, *others])


def test_where_keys_exist_only_who_has_one_predicts(start_for_module, model_folder, inputs_of, a_patient, tmp_path):
    settings = Settings(state=tmp_path)
    chain = open_chain(settings, may_make=True)
    _, key = make_key(chain.engine, chain.keys, name="platform", tenant="t", scopes=("predict",), expires=None)
    chain.engine.dispose()
    server = start_for_module("--model", str(model_folder), "--port", "0", ACRCAST_STATE=str(tmp_path))
    inputs = inputs_of(a_patient())
    with closing(triton.InferenceServerClient(f"127.0.0.1:{server.port}")) as client:
        assert client.is_model_ready("made-up")
        with pytest.raises(InferenceServerException, match="This server does not know who asks: no key was sent"):
            client.infer("made-up", inputs)
        result = client.infer("made-up", inputs, headers={"Authorization": f"Bearer {key}"})
    assert result.as_numpy("support").shape == (1,)
