"""Servers that ask who calls: keys in a database of the test's own, and an identity provider that really answers."""

import json
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from acrcast_service.app import create_app
from acrcast_service.audit.opening import open_chain
from acrcast_service.auth.api_keys import make_key
from acrcast_service.settings import Settings

ISSUER, AUDIENCE = "https://login.hospital.test/", "acrcast"


@pytest.fixture
def settings(tmp_path):
    return Settings(state=tmp_path / "state")


@pytest.fixture
def chain(settings):
    chain = open_chain(settings, may_make=True)
    yield chain
    chain.engine.dispose()


@pytest.fixture
def a_key(chain):
    """Makes a key and gives its text; name only what matters."""

    def make(*scopes, tenant="default", expires=None, name="ward 7"):
        return make_key(chain.engine, chain.keys, name=name, tenant=tenant, scopes=scopes, expires=expires)[1]

    return make


@pytest.fixture
def client_of(serving, model):
    """A client of the real application with these settings."""
    return lambda settings: serving(create_app(settings, model))


def bearer(token):
    return {"authorization": f"Bearer {token}"}


class KeyServer:
    """Answers with the key set; `status` other than 200 is a failure, `location` a redirect."""

    def __init__(self):
        outer = self
        self.keys, self.status, self.location, self.asked = [], 200, None, 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": outer.keys}).encode())

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/jwks"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def key_server():
    with closing(KeyServer()) as server:
        yield server


@pytest.fixture(scope="session")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def ec_key():
    return ec.generate_private_key(ec.SECP384R1())


def published(private, name):
    """The key as an identity provider publishes it."""
    algorithm = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
    return algorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": name, "use": "sig"}


def a_token(private, algorithm="RS256", kid="one", **changed):
    """A token that is right but for what is named; a claim that is None is left out."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "record-system", "scope": "predict", "iat": now, "exp": now + 300}
    claims = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(claims, private, algorithm, headers={"kid": kid} if kid else {})


@pytest.fixture
def with_issuer(settings, key_server, rsa_key, ec_key):
    """Settings that trust the key server, which has one RSA and one EC key."""
    key_server.keys = [published(rsa_key, "one"), published(ec_key, "two")]
    return settings.model_copy(update={"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_keys": key_server.url})
