"""schemathesis against a running server: every operation of the OpenAPI document, in every phase that the tool has."""

import subprocess
import sys
from pathlib import Path

import pytest

from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.auth.callers import SCOPES
from acrcast_service.settings import Settings

# What no schema says, and a valid request may meet: a day in the future, a key that was used for another request, as many
# subjects as patients, tensors of one length, what FHIR asks of a resource; a service that does not exist, or is for another hook, or lacks data. An
# answer to a batch tells each wrong row its errors: it is not refused. Feedback is about a card, which calling a service need
# not have made; a comment may be so long that the body is.
# An address with a version has the functions of that without.
CONFIGURATION = """
[parameters]
"path.model_name" = "made-up"

[[operations]]
include-path = ["/outcomes", "/predict", "/fhir/$predict-acr-response"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]

[[operations]]
include-path = ["/cds-services/{service_id}", "/cds-services/{service_id}/feedback"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 412, 422]
checks.negative_data_rejection.expected-statuses = [400, 404, 413, 415, 422]
checks.ensure_resource_availability.enabled = false

[[operations]]
include-path = "/predict/batch"
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]
checks.negative_data_rejection.expected-statuses = [200, 400, 406, 415, 422]

[[operations]]
include-path = "/v2/models/{model_name}/infer"
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]

[[operations]]
include-path-regex = "/versions/"
enabled = false
"""


@pytest.fixture
def credentials(tmp_path):
    """Headers of a caller who may do everything."""
    settings = Settings(state=tmp_path)
    chain = open_chain(settings, may_make=True)
    _, token = make_key(chain.engine, chain.keys, name="schema", tenant="default", scopes=SCOPES, expires=None)
    chain.engine.dispose()
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("cases", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_no_answer_fails_or_differs_from_the_schema(start, model_folder, credentials, tmp_path, cases):
    server = start("--model", str(model_folder), "--port", "0", ACRCAST_STATE=str(tmp_path))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    headers = [part for name, value in credentials.items() for part in ("--header", f"{name}: {value}")]
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("st"), "run", f"{server.url}openapi.json", *headers),
            *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(cases), "--seed", "1"),
            *("--generation-database", "none", "--request-timeout", "20", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert server.stop() == 0
    assert "internal" not in server.process.stderr.read()
