"""Who may call: every kind of token that must not open, and those that must (CDS Hooks 2.0, Trusting CDS Clients)."""

import base64
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acrcast.errors import UsageError
from acrcast_service.auth.api_keys import make_key
from acrcast_service.auth.cds_clients import read_clients
from acrcast_service.auth.service import check_who_may
from acrcast_service.settings import Settings

from .conftest import ISSUER, PUBLIC, SERVICES, VIEW, a_client, bearer

MINUTE = 60


@pytest.fixture
def discover(client):
    """Asks for the services with a token."""
    return lambda token: client.request("GET", "/cds-services", headers=bearer(token))


def refused(answer, detail):
    assert answer.status_code == 401
    said = answer.json()
    assert (said["detail"] if "detail" in said else said["issue"][0]["diagnostics"]) == detail
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def unsigned(algorithm, signature=b"", **claims):
    def part(content):
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    now = int(time.time())
    said = {"iss": ISSUER, "aud": SERVICES, "iat": now, "exp": now + 300, "jti": "1"} | claims
    signed = f"{part({'alg': algorithm, 'typ': 'JWT', 'kid': 'es384'})}.{part(said)}"
    made = signature(signed.encode()) if callable(signature) else signature
    return f"{signed}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


def test_es384_and_rs384_are_accepted_and_es256_and_rs256_too(discover, a_token, rsa_key, other_ec_key):
    assert discover(a_token(SERVICES)).status_code == 200
    assert discover(a_token(SERVICES, other_ec_key, "ES256", {"kid": "es256"})).status_code == 200
    for algorithm in ("RS384", "RS256"):
        assert discover(a_token(SERVICES, rsa_key, algorithm, {"kid": "rsa"})).status_code == 200


def test_every_call_needs_a_token_of_its_own_also_discovery_and_feedback(client):
    for method, path in (("GET", ""), ("POST", f"/{VIEW}"), ("POST", f"/{VIEW}/feedback")):
        answered = client.request(method, f"/cds-services{path}", content=b"{}")
        assert answered.status_code == 401
        assert "unauthenticated" in answered.text


def test_a_token_is_for_the_exact_address_that_is_asked(client, a_token, a_hook):
    address = f"{SERVICES}/{VIEW}"
    wrong = (SERVICES, f"{address}/", f"{address}/feedback", "https://elsewhere.test/cds-services", PUBLIC, VIEW)
    for audience in wrong:
        refused(
            client.request("POST", f"/cds-services/{VIEW}", json=a_hook(), headers=bearer(a_token(audience))),
            "the token is for another audience",
        )
    for audience in (address, [address], ["https://elsewhere.test", address]):
        answered = client.request("POST", f"/cds-services/{VIEW}", json=a_hook(), headers=bearer(a_token(audience)))
        assert answered.status_code != 401


def test_what_a_client_calls_the_server_is_not_taken_for_its_address(client, a_token):
    token = a_token("http://evil.test/cds-services")
    assert client.request("GET", "/cds-services", headers=bearer(token) | {"host": "evil.test"}).status_code == 401


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ({"exp": int(time.time()) - 2 * MINUTE}, "the token has expired"),
        ({"iat": int(time.time()) + 10 * MINUTE}, "the token is not valid yet"),
        ({"nbf": int(time.time()) + 10 * MINUTE}, "the token is not valid yet"),
        ({"iat": None}, "the token lacks one of iss, aud, exp, iat, jti"),
        ({"exp": None}, "the token lacks one of iss, aud, exp, iat, jti"),
        ({"jti": None}, "the token lacks one of iss, aud, exp, iat, jti"),
        ({"jti": ""}, "the token's jti must be a text of 1 to 200 characters"),
        ({"jti": "x" * 201}, "the token's jti must be a text of 1 to 200 characters"),
        ({"exp": int(time.time()) + 25 * 60 * MINUTE}, "the token is good for more than a day: sign one for each request"),
        ({"iss": "https://elsewhere.test/"}, "the token is of no issuer that this server lists"),
        ({"iss": None}, "the token is of no issuer that this server lists"),
        ({"tenant": ""}, "the token's tenant must be a text of 1 to 90 printable characters"),
        ({"tenant": 5}, "the token's tenant must be a text of 1 to 90 printable characters"),
        ({"header": {"typ": ""}}, 'the token\'s header must say "typ": "JWT"'),
        ({"header": {"typ": "at+jwt"}}, 'the token\'s header must say "typ": "JWT"'),
        ({"header": {"kid": None}}, "the token's header must name its key: kid"),
        ({"header": {"jku": "https://elsewhere.test/jwks"}}, "the token's jku is not the key set that is listed for its issuer"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_token_is_named(discover, a_token, changed, detail):
    refused(discover(a_token(SERVICES, **changed)), detail)


@pytest.mark.parametrize("shift", [0.5, 45])
def test_a_clock_that_is_ahead_by_less_than_a_minute_is_no_obstacle(discover, a_token, shift):
    assert discover(a_token(SERVICES, iat=time.time() + shift)).status_code == 200


def test_a_clock_that_is_behind_by_less_than_a_minute_is_no_obstacle(discover, a_token):
    assert discover(a_token(SERVICES, exp=int(time.time()) - 45)).status_code == 200


def test_the_listed_jku_is_accepted_and_nothing_is_fetched_from_it(discover, a_token):
    # its host does not exist: a server that asked there could not have answered
    assert discover(a_token(SERVICES, header={"jku": f"{ISSUER}jwks"})).status_code == 200


def test_a_token_is_good_for_one_request(discover, a_token):
    token = a_token(SERVICES)
    assert discover(token).status_code == 200
    refused(discover(token), "the token was used before: sign one for each request")


def test_a_token_that_was_used_at_one_worker_is_used_at_all_of_them(client_of, settings, a_token):
    one, other, token = client_of(settings), client_of(settings), a_token(SERVICES)
    assert one.request("GET", "/cds-services", headers=bearer(token)).status_code == 200
    assert other.request("GET", "/cds-services", headers=bearer(token)).status_code == 401


def test_two_clients_may_happen_to_use_the_same_jti(discover, a_token):
    assert discover(a_token(SERVICES, jti="1")).status_code == 200
    assert discover(a_token(SERVICES, jti="1", iss="https://south.test/")).status_code == 200


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "ES384"])
def test_a_token_without_a_signature_is_refused(discover, algorithm):
    assert discover(unsigned(algorithm)).status_code == 401


@pytest.mark.parametrize(("algorithm", "digest"), [("HS256", "sha256"), ("HS384", "sha384")])
def test_a_token_signed_symmetrically_with_the_public_key_is_refused(discover, ec_key, algorithm, digest):
    public = ec_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert discover(unsigned(algorithm, lambda signed: hmac.digest(public, signed, digest))).status_code == 401


def test_a_token_of_another_key_is_refused(discover, a_token):
    assert discover(a_token(SERVICES, ec.generate_private_key(ec.SECP384R1()))).status_code == 401
    assert discover(a_token(SERVICES, rsa.generate_private_key(65537, 2048), "RS384")).status_code == 401
    assert discover(a_token(SERVICES, header={"kid": "unknown"})).status_code == 401


@pytest.mark.parametrize("token", ["a.b.c", "e30.e30.", "x" * 9000, "{}"])
def test_what_is_no_token_is_refused(discover, token):
    assert discover(token).status_code == 401


def test_a_clients_token_opens_nothing_but_cds_hooks(client, a_token, a_patient):
    token = a_token(f"{PUBLIC}/predict")
    assert client.predict(a_patient(), **bearer(token)).status_code == 401


def test_an_api_key_with_the_scope_is_accepted_beside_tokens(client, chain, a_hook):
    def a_key(*scopes):
        made = make_key(chain.engine, chain.keys, name="a", tenant="north", scopes=scopes, expires=None)[1]
        return bearer(made)

    # a key that was just made is known within seconds
    keys = {scope: a_key(scope) for scope in ("predict", "outcome")}
    deadline = time.monotonic() + 10
    while client.request("GET", "/cds-services", headers=keys["predict"]).status_code == 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert client.request("GET", "/cds-services", headers=keys["predict"]).status_code == 200
    assert client.request("POST", f"/cds-services/{VIEW}", json=a_hook(), headers=keys["predict"]).status_code == 412
    assert client.request("GET", "/cds-services", headers=keys["outcome"]).status_code == 403
    feedback = f"/cds-services/{VIEW}/feedback"
    assert client.request("POST", feedback, json={}, headers=keys["predict"]).status_code == 403
    assert client.request("POST", feedback, json={}, headers=keys["outcome"]).status_code == 422


def test_keys_that_cannot_be_read_let_nobody_in(client_of, settings, clients_file, a_token):
    clients_file.write_text(a_client(ISSUER, "http://127.0.0.1:1/jwks", "north"))
    answered = client_of(settings).request("GET", "/cds-services", headers=bearer(a_token(SERVICES)))
    assert answered.status_code == 503
    assert answered.json()["type"] == "/problems/identity-unavailable"


def test_without_any_client_or_key_this_machine_may_ask(client_of, tmp_path):
    client = client_of(Settings(state=tmp_path))
    assert client.get("/cds-services").status_code == 200


def test_listing_a_client_closes_every_other_route_too(client, a_patient):
    assert client.predict(a_patient()).status_code == 401


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[[client", "is not TOML"),
        ("", "client: Field required"),
        ('[[client]]\nissuer = "a"\ntenant = "b"\n', "client.0.keys: Field required"),
        ('[[client]]\nissuer = "a"\ntenant = "b"\nkeys = "/nowhere"\n', "/nowhere: no such file"),
        ('[[client]]\nissuer = "a"\ntenant = "b"\nkeys = "http://ehr.test/jwks"\n', "expected an https:// address"),
        ('[[client]]\nissuer = "a"\ntenant = "b/c"\nkeys = "https://ehr.test/jwks"\n', "client.0.tenant"),
        (
            '[[client]]\nissuer = "a"\ntenant = "b"\nkeys = "https://ehr.test/jwks"\nsecret = 1\n',
            "client.0.secret: Extra",
        ),
        (2 * '[[client]]\nissuer = "a"\ntenant = "b"\nkeys = "https://ehr.test/jwks"\n', "an issuer is listed twice"),
    ],
)
def test_a_wrong_file_of_clients_is_bad_usage(tmp_path, content, said):
    (tmp_path / "clients.toml").write_text(content)
    with pytest.raises(UsageError) as error:
        read_clients(tmp_path / "clients.toml")
    assert said in str(error.value)
    assert str(error.value).startswith("ACRCAST_CDS_CLIENTS: ")


def test_a_file_of_clients_that_is_not_there_is_bad_usage(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_clients(tmp_path / "nowhere.toml")


def test_clients_need_the_audit_and_beyond_this_machine_an_address(settings):
    with pytest.raises(UsageError, match="needs the audit"):
        check_who_may(settings.model_copy(update={"audit": False}))
    with pytest.raises(UsageError, match="needs ACRCAST_PUBLIC_URL"):
        check_who_may(settings.model_copy(update={"host": "0.0.0.0", "public_url": None}))
    check_who_may(settings.model_copy(update={"host": "0.0.0.0"}))


def test_an_ipv6_socket_is_a_well_formed_address():
    from acrcast_service.addresses import public_address

    assert public_address(Settings(), {"server": ("::1", 8000)}) == "http://[::1]:8000"
