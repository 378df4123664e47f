"""Record systems that call: their keys, their tokens, their patients' records, and a FHIR server that holds them."""

import json
import time
import uuid
from pathlib import Path

import jsonschema_rs
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from acrcast_service.app import create_app
from acrcast_service.audit.export import exported
from acrcast_service.audit.opening import open_chain
from acrcast_service.settings import Settings

ISSUER, PUBLIC = "https://ehr.hospital.test/", "https://cds.hospital.test/acrcast"
SERVICES = f"{PUBLIC}/cds-services"
VIEW, ORDER = "ld-il2-ra-patient-view", "ld-il2-ra-order-select"

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def ec_key():
    return ec.generate_private_key(ec.SECP384R1())


@pytest.fixture(scope="session")
def other_ec_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="session")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def published(private, name):
    """The key as a record system publishes it."""
    algorithm = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
    return algorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": name, "use": "sig"}


@pytest.fixture(scope="session")
def key_file(tmp_path_factory, ec_key, other_ec_key, rsa_key):
    """The record system's key set: names es384, es256 and rsa."""
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    keys = [published(ec_key, "es384"), published(other_ec_key, "es256"), published(rsa_key, "rsa")]
    path.write_text(json.dumps({"keys": keys}))
    return path


def a_client(issuer, keys, tenant, **more):
    """A client of the file, as TOML."""
    lines = {"issuer": issuer, "keys": str(keys), "tenant": tenant} | more
    return "\n".join(["[[client]]", *(f"{name} = {json.dumps(value)}" for name, value in lines.items()), ""])


def clients_in(folder, key_file):
    """A file of two clients of two tenants."""
    path = folder / "clients.toml"
    north = a_client(ISSUER, key_file, "north", jku=f"{ISSUER}jwks")
    path.write_text(north + a_client("https://south.test/", key_file, "south"))
    return path


@pytest.fixture
def clients_file(tmp_path, key_file):
    return clients_in(tmp_path, key_file)


@pytest.fixture
def settings(tmp_path, clients_file):
    """Of a server of the test's own."""
    return Settings(state=tmp_path / "state", cds_clients=clients_file, public_url=PUBLIC)


@pytest.fixture
def client_of(serving, model):
    """A client of the real application with these settings."""
    return lambda settings: serving(create_app(settings, model))


@pytest.fixture(scope="session")
def shared_settings(tmp_path_factory, key_file):
    """Of the server that most tests share."""
    folder = tmp_path_factory.mktemp("cds-hooks")
    return Settings(state=folder / "state", cds_clients=clients_in(folder, key_file), public_url=PUBLIC)


@pytest.fixture(scope="session")
def client(serving, model, shared_settings):
    return serving(create_app(shared_settings, model))


@pytest.fixture(scope="session")
def chain(shared_settings, client):
    """The audit of the server that most tests share."""
    assert client
    chain = open_chain(shared_settings, may_make=False)
    yield chain
    chain.engine.dispose()


@pytest.fixture
def recorded(chain):
    """What was recorded since the test began, opened; of one kind, when that is named."""
    before = len(list(exported(chain)))

    def read(kind=None):
        records = [json.loads(line) for line in list(exported(chain))[before:]]
        return [record for record in records if kind in (None, record["kind"])]

    return read


@pytest.fixture
def a_token(ec_key):
    """A right token for an address but for what is named; a member that is None is left out."""

    def make(aud, key=ec_key, alg="ES384", header=None, **changed):
        now = time.time()
        claims = {"iss": ISSUER, "aud": aud, "iat": int(now), "exp": int(now) + 300, "jti": str(uuid.uuid4())}
        claims = {name: value for name, value in (claims | changed).items() if value is not None}
        headers = {"kid": "es384", "typ": "JWT"} | (header or {})
        return jwt.encode(
            claims, key, alg, headers={name: value for name, value in headers.items() if value is not None}
        )

    return make


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def told(answer):
    """The kind of an error, and what it says, from its OperationOutcome."""
    assert answer.headers["content-type"] == "application/fhir+json"
    issues = answer.json()["issue"]
    (kind,) = {issue["details"]["coding"][0]["code"] for issue in issues}
    return kind, [issue["diagnostics"] for issue in issues if "diagnostics" in issue]


@pytest.fixture
def a_hook():
    """A request of patient-view; name only what matters."""

    def make(**changed):
        request = {
            "hook": "patient-view",
            "hookInstance": str(uuid.uuid4()),
            "context": {"userId": "Practitioner/1", "patientId": "p1"},
        }
        return request | changed

    return make


@pytest.fixture(scope="session")
def conforming():
    """Call with the name of a part of the schema and a document: it is as CDS Hooks has it, or the test fails."""
    schema = json.loads((HERE / "cds-hooks-2.0.schema.json").read_text())

    def check(part, document):
        jsonschema_rs.validate({**schema, "$ref": f"#/$defs/{part}"}, document)
        refuse_empty(document, where=part)

    return check


def refuse_empty(value, where):
    """CDS Hooks 2.0, Use of JSON: nothing is null or empty, but the cards of a response that has no guidance."""
    if where == "response.cards":
        assert isinstance(value, list)
    else:
        assert value not in (None, "", [], {}), where
    if isinstance(value, dict):
        for name, member in value.items():
            refuse_empty(member, f"{where}.{name}")
    elif isinstance(value, list):
        for member in value:
            refuse_empty(member, f"{where}[]")
