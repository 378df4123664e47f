"""Tokens of an identity provider, against a key server that really answers."""

import base64
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from acrcast.errors import UsageError
from acrcast_service.auth.key_set import checked_source, verification_keys
from acrcast_service.auth.service import has_issuer

from .conftest import AUDIENCE, ISSUER, a_token, bearer, published

MINUTE = 60


def _part(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _unsigned(algorithm, signature=b"", **header):
    """A right token but for who signed it."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "scope": "predict", "exp": int(time.time()) + 300}
    signed = f"{_part({'alg': algorithm, 'typ': 'JWT', 'kid': 'one'} | header)}.{_part(claims)}"
    made = signature(signed.encode()) if callable(signature) else signature
    return f"{signed}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


@pytest.fixture
def ask(client_of, with_issuer, a_patient):
    """Sends a patient with a token to a server that trusts the key server."""
    client = client_of(with_issuer)
    return lambda token: client.predict(a_patient(), **bearer(token))


def test_a_token_of_an_rsa_key_and_one_of_an_elliptic_curve_are_accepted(ask, rsa_key, ec_key):
    for algorithm in ("RS256", "RS384", "RS512", "PS256"):
        assert ask(a_token(rsa_key, algorithm)).status_code == 200
    assert ask(a_token(ec_key, "ES384", kid="two")).status_code == 200


def test_the_caller_and_the_tenant_of_a_token_stand_in_the_audit(client_of, with_issuer, rsa_key, a_patient, chain):
    from acrcast_service.audit.export import exported

    client = client_of(with_issuer.model_copy(update={"oidc_tenant_claim": "org", "oidc_scope_claim": "roles"}))
    token = a_token(rsa_key, sub="record-system", org="north", scope=None, roles=["predict", "other"])
    assert client.predict(a_patient(), **bearer(token)).status_code == 200
    (record,) = [json.loads(line) for line in exported(chain)]
    assert (record["tenant"], record["caller"]) == ("north", "record-system")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"exp": int(time.time()) - 2 * MINUTE}, "the token has expired"),
        ({"nbf": int(time.time()) + 10 * MINUTE}, "the token is not valid yet"),
        ({"iat": int(time.time()) + 10 * MINUTE}, "the token is not valid yet"),
        ({"aud": "another"}, "the token is for another audience"),
        ({"iss": "https://elsewhere.test/"}, "the token is of another issuer"),
        ({"exp": None}, "the token lacks one of iss, aud, sub, exp"),
        ({"sub": None}, "the token lacks one of iss, aud, sub, exp"),
        ({"aud": None}, "the token lacks one of iss, aud, sub, exp"),
    ],
)
def test_a_claim_that_is_wrong_is_named(ask, rsa_key, changed, said):
    answered = ask(a_token(rsa_key, **changed))
    assert answered.status_code == 401
    assert answered.json()["detail"] == said
    assert 'error="invalid_token"' in answered.headers["www-authenticate"]


@pytest.mark.parametrize(("claim", "shift"), [("iat", 45), ("nbf", 45), ("exp", -45)])
def test_clocks_that_differ_by_less_than_a_minute_are_no_obstacle(ask, rsa_key, claim, shift):
    assert ask(a_token(rsa_key, **{claim: int(time.time()) + shift})).status_code == 200


@pytest.mark.parametrize("name", ["", "x" * 201, "two\nlines"])
def test_a_name_that_the_audit_cannot_hold_is_refused(ask, rsa_key, name):
    assert ask(a_token(rsa_key, sub=name)).status_code == 401


@pytest.mark.parametrize("scopes", [None, 5, {"predict": True}, "", [], ["Predict"], "predicted"])
def test_scopes_in_no_form_that_is_known_are_none(ask, rsa_key, scopes):
    assert ask(a_token(rsa_key, scope=scopes)).status_code == 403


@pytest.mark.parametrize("expires", [float("inf"), "soon", [], {}])
def test_an_expiry_that_is_no_time_is_refused(ask, rsa_key, expires):
    assert ask(a_token(rsa_key, exp=expires)).status_code == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "RS256"])
def test_a_token_without_a_signature_is_refused(ask, algorithm):
    assert ask(_unsigned(algorithm)).status_code == 401


def test_a_token_signed_symmetrically_with_the_public_key_is_refused(ask, rsa_key):
    public = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert ask(_unsigned("HS256", lambda signed: hmac.digest(public, signed, "sha256"))).status_code == 401


def test_an_algorithm_of_another_kind_of_key_is_refused(ask, ec_key, rsa_key):
    assert ask(a_token(ec_key, "ES384", kid="one")).status_code == 401
    assert ask(a_token(rsa_key, "RS256", kid="two")).status_code == 401


@pytest.mark.parametrize("header", [{"alg": ["RS256"]}, {"alg": None}, {"kid": ["one"]}, {"kid": {}}, {"kid": 1}])
def test_a_header_of_strange_types_is_refused(ask, header):
    assert ask(_unsigned("RS256", **header)).status_code == 401


@pytest.mark.parametrize("token", ["a.b.c", "....", "e30.e30.", "x" * 9000])
def test_what_is_no_token_is_refused(ask, token):
    assert ask(token).status_code == 401


def test_a_key_that_the_token_itself_brings_or_points_to_is_never_used(ask, key_server, rsa_key):
    mine = rsa.generate_private_key(65537, 2048)
    import jwt

    claims = jwt.decode(a_token(rsa_key), options={"verify_signature": False})
    asked = key_server.asked
    for header in ({"jwk": published(mine, "mine")}, {"jku": key_server.url}, {"x5u": key_server.url}):
        assert ask(jwt.encode(claims, mine, "RS256", headers=header | {"kid": "one"})).status_code == 401
    assert key_server.asked == asked


def test_a_new_key_is_fetched_when_a_token_names_it_and_the_old_one_is_forgotten(ask, key_server, rsa_key):
    new = rsa.generate_private_key(65537, 2048)
    old_token = a_token(rsa_key)
    assert ask(old_token).status_code == 200
    key_server.keys = [published(new, "three")]
    assert ask(a_token(new, kid="three")).status_code == 200
    assert ask(old_token).status_code == 401


def test_unknown_names_ask_the_key_server_once_and_not_for_each_token(ask, key_server, rsa_key):
    before = key_server.asked
    for number in range(20):
        assert ask(a_token(rsa_key, kid=f"unknown-{number}")).status_code == 401
    assert key_server.asked == before + 1


def test_while_the_key_server_fails_known_keys_hold_and_unknown_ones_are_not_judged(ask, key_server, rsa_key):
    key_server.status = 500
    unknown = ask(a_token(rsa_key, kid="unknown"))
    assert unknown.status_code == 503
    assert unknown.json()["type"] == "/problems/identity-unavailable"
    assert int(unknown.headers["retry-after"]) >= 1
    assert ask(a_token(rsa_key)).status_code == 200


def test_when_the_key_server_has_failed_for_too_long_nobody_is_let_in(
    client_of, with_issuer, key_server, rsa_key, a_patient
):
    client = client_of(with_issuer.model_copy(update={"oidc_keys_kept_seconds": 0}))
    key_server.status = 500
    assert client.predict(a_patient(), **bearer(a_token(rsa_key, kid="unknown"))).status_code == 503
    assert client.predict(a_patient(), **bearer(a_token(rsa_key))).status_code == 503


def test_a_server_that_starts_while_the_key_server_is_down_lets_nobody_in(
    client_of, with_issuer, key_server, rsa_key, a_patient, caplog
):
    key_server.close()
    client = client_of(with_issuer)
    assert client.get("/health/live").status_code == 200
    assert client.predict(a_patient(), **bearer(a_token(rsa_key))).status_code == 503
    assert client.predict(a_patient()).status_code == 401
    assert {record.getMessage() for record in caplog.records} == {"oidc-keys-unreadable error=URLError"}


def test_a_redirect_of_the_key_server_is_not_followed(client_of, with_issuer, key_server, rsa_key, a_patient):
    key_server.status, key_server.location = 302, f"{key_server.url}/elsewhere"
    client = client_of(with_issuer)
    assert client.predict(a_patient(), **bearer(a_token(rsa_key))).status_code == 503
    assert key_server.asked == 1


def test_api_keys_are_accepted_beside_tokens(client_of, with_issuer, a_key, a_patient, rsa_key):
    client = client_of(with_issuer)
    for token in (a_key("predict"), a_token(rsa_key)):
        assert client_of(with_issuer).predict(a_patient(), **bearer(token)).status_code == 200
    assert client.predict(a_patient()).status_code == 401


def test_a_key_set_may_be_a_file(client_of, with_issuer, rsa_key, tmp_path, a_patient):
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [published(rsa_key, "one")]}))
    client = client_of(with_issuer.model_copy(update={"oidc_keys": str(tmp_path / "keys.json")}))
    assert client.predict(a_patient(), **bearer(a_token(rsa_key))).status_code == 200
    assert client.predict(a_patient(), **bearer(a_token(rsa_key, kid=None))).status_code == 200


def test_keys_that_are_weak_symmetric_or_for_something_else_are_left_out(rsa_key):
    weak = rsa.generate_private_key(65537, 1024)
    listed = [
        published(rsa_key, "good"),
        published(weak, "weak"),
        {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"},
        published(rsa_key, "for encryption") | {"use": "enc"},
        published(rsa_key, "another algorithm") | {"alg": "RSA-OAEP"},
        published(ec.generate_private_key(ec.SECP256K1()), "another curve"),
        {"kty": "RSA", "kid": "broken"},
        "no object",
    ]
    assert list(verification_keys(json.dumps({"keys": listed}).encode())) == ["good"]


@pytest.mark.parametrize("document", [b"[]", b"{}", b'{"keys": 5}', b'{"keys": []}', b"no JSON"])
def test_what_is_no_key_set_is_refused(document):
    with pytest.raises(ValueError):  # noqa: PT011  JSON's own among them
        verification_keys(document)


@pytest.mark.parametrize("source", ["http://login.hospital.test/jwks", "ftp://a/b", "https:///jwks", "/nowhere/keys"])
def test_an_address_of_keys_that_could_be_tampered_with_is_bad_usage(source):
    with pytest.raises(UsageError, match="ACRCAST_OIDC_KEYS"):
        checked_source(source)


def test_half_of_what_tokens_need_is_bad_usage(settings):
    with pytest.raises(UsageError, match="also need ACRCAST_OIDC_AUDIENCE and ACRCAST_OIDC_KEYS"):
        has_issuer(settings.model_copy(update={"oidc_issuer": ISSUER}))
