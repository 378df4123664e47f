"""Everything about the server that its operator chooses: environment variables `ACRCAST_*`, or the options of `acrcast serve`."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from acrcast.errors import UsageError
from acrcast_service.observation.logs import LogFormat, LogLevel

PREFIX = "ACRCAST_"


ORIGIN = re.compile(r"https?://[^/?#\s@]+")
BASE = re.compile(rf"{ORIGIN.pattern}(/[^/?#\s]+)*")


def _base(address: str) -> str:
    if not BASE.fullmatch(address):
        raise ValueError("expected https://HOST or https://HOST/PATH, without a slash at its end")
    return address


def _origin(address: str) -> str:
    if not ORIGIN.fullmatch(address):
        raise ValueError("expected https://HOST or https://HOST:PORT, and nothing after it")
    return address


def _server(address: str) -> str:
    if urlsplit(_base(address)).scheme != "https" and not is_loopback(urlsplit(address).hostname or ""):
        raise ValueError("expected https:// (http:// only on this machine)")
    return address


def _network(text: str) -> str:
    ip_network(text)
    return text


# Lists are written with blanks between their members.
_LIST = (
    NoDecode,
    BeforeValidator(lambda given: given.split() if isinstance(given, str) else given),
    PlainSerializer(" ".join),
)
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], *_LIST]
Servers = Annotated[tuple[Annotated[str, AfterValidator(_server)], ...], *_LIST]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], *_LIST]


class Settings(BaseSettings):
    """One server's settings. Each is read from the environment variable of its name in capitals, after `ACRCAST_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    host: Annotated[str, Field(description="Address or name to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 takes any free one")] = 8000
    workers: Annotated[int, Field(ge=1, le=256, description="Server processes")] = 1
    model: Annotated[
        str | None,
        Field(
            description="Folder of the model, or an MLflow URI such as models:/acr20@champion; the released one if unset"
        ),
    ] = None
    model_key: Annotated[
        Path | None,
        Field(description="Ed25519 public key (PEM) that models must be signed with; whole ones are trusted if unset"),
    ] = None
    study: Annotated[
        str | None, Field(description="Key of a study that ships, or the path of your own study's .py file")
    ] = None
    state: Annotated[Path, Field(description="Folder of what the server keeps, unless told otherwise")] = Path(
        ".acrcast"
    )
    model_refresh_seconds: Annotated[
        float, Field(ge=0, description="How often to look whether there is another model at the same place; 0 never")
    ] = 60.0
    challenger: Annotated[
        str | None,
        Field(
            description="Folder or MLflow URI of a second model, which predicts for the same patients and answers nobody"
        ),
    ] = None
    database: Annotated[
        str | None,
        Field(
            repr=False,
            description="sqlite:///PATH or postgresql://USER@HOST/NAME; the file acrcast.db in the state if unset",
        ),
    ] = None
    audit: Annotated[bool, Field(description="No prediction is answered before it is recorded in the database")] = True
    audit_key_file: Annotated[
        Path | None,
        Field(description="File of the key that seals the audit: 32 bytes in Base64; audit.key in the state if unset"),
    ] = None
    retention_days: Annotated[
        int | None,
        Field(ge=1, description="acrcast audit retention makes what is older unreadable; everything is kept if unset"),
    ] = None
    level: Annotated[float, Field(gt=0, lt=1, description="Level of the intervals in answers")] = 0.95
    body_limit_bytes: Annotated[int, Field(ge=1, description="Largest request body that is read")] = 65_536
    batch_limit_bytes: Annotated[int, Field(ge=1, description="Largest body of a batch that is read")] = 67_108_864
    batch_rows: Annotated[int, Field(ge=1, description="Most patients in one batch")] = 100_000
    batches_at_once: Annotated[
        int, Field(ge=1, le=64, description="Batches that one process works on at a time; further ones are refused")
    ] = 2
    log_level: Annotated[LogLevel, Field(description="The least grave lines that are logged")] = "info"
    log_format: Annotated[
        LogFormat, Field(description="Lines as json or as text; auto is text on a terminal and json elsewhere")
    ] = "auto"
    body_seconds: Annotated[
        float, Field(gt=0, description="How long a body may take to arrive; a second more for every 64 KiB of it")
    ] = 10
    requests_in_progress: Annotated[int, Field(ge=1, description="Requests that one process answers at a time")] = 64
    requests_waiting: Annotated[
        int, Field(ge=0, description="Requests that may wait for those; any more are refused at once")
    ] = 16
    rate_limit: Annotated[
        str | None,
        Field(
            pattern=r"^[1-9]\d{0,5} ?/ ?(second|minute|hour|day)$",
            description="How often each key may ask one process, such as 100/second; no limit if unset",
        ),
    ] = None
    oidc_issuer: Annotated[
        str | None, Field(min_length=1, description="Tokens of this issuer are accepted, its iss exactly as written")
    ] = None
    oidc_audience: Annotated[
        str | None, Field(min_length=1, description="What a token's aud must be or contain: the name of this service")
    ] = None
    oidc_keys: Annotated[
        str | None,
        Field(min_length=1, description="The issuer's key set (JWKS): an https:// address, or the path of a file"),
    ] = None
    oidc_scope_claim: Annotated[str, Field(description="Claim with the scopes: a list, or words in one text")] = "scope"
    oidc_tenant_claim: Annotated[
        str | None, Field(description="Claim with the tenant; every token is of the tenant default if unset")
    ] = None
    oidc_keys_kept_seconds: Annotated[
        int, Field(ge=0, description="How long the last key set holds while the issuer's cannot be read")
    ] = 3600
    public_url: Annotated[
        Annotated[str, AfterValidator(_base)] | None,
        Field(
            description="The address at which clients reach this server, without a slash at its end; its socket's if unset"
        ),
    ] = None
    cds_clients: Annotated[
        Path | None, Field(description="File of the record systems that may call as CDS Hooks clients, in TOML")
    ] = None
    cors_origins: Annotated[
        Origins, Field(description="Origins, with blanks between, whose pages may call CDS Hooks from a browser")
    ] = ()
    fhir_servers: Annotated[
        Servers, Field(description="Base addresses, with blanks between, of the FHIR servers that may be read from")
    ] = ()
    fhir_networks: Annotated[
        Networks,
        Field(description="Private networks, such as 10.20.0.0/16, in which those FHIR servers may be; none if unset"),
    ] = ()
    fhir_seconds: Annotated[float, Field(gt=0, description="How long reading from a FHIR server may take in all")] = 5.0
    fhir_window_days: Annotated[
        int, Field(ge=1, le=36_500, description="How old a value in a record may be to be used, in days")
    ] = 180
    fhir_limit_bytes: Annotated[int, Field(ge=1, description="Largest body of FHIR that is read")] = 1_048_576
    hook_limit_bytes: Annotated[int, Field(ge=1, description="Largest body of a CDS Hooks request that is read")] = (
        4_194_304
    )
    unready_seconds: Annotated[
        float,
        Field(
            ge=0, description="How long after SIGTERM the server still takes requests, and says that it is not ready"
        ),
    ] = 2.0
    shutdown_seconds: Annotated[
        int, Field(ge=0, description="How long running requests may take to finish once no more are taken")
    ] = 7
    behind_authenticating_proxy: Annotated[
        bool,
        Field(
            description="Something in front authenticates every request: with neither keys nor an issuer here, "
            "listening beyond this machine is allowed, and whoever comes through may do everything"
        ),
    ] = False

    @property
    def database_url(self) -> str:
        """Never shown: it may hold a password."""
        return self.database or f"sqlite:///{self.database_file}"

    @property
    def database_file(self) -> Path:
        """Where the database is when none is named."""
        return self.state / "acrcast.db"

    @property
    def key_file(self) -> Path:
        return self.audit_key_file or self.state / "audit.key"


def read_settings(**given: object) -> Settings:
    """Settings from the environment, overridden by what was given; None is not given.

    Raises UsageError naming each variable that is not valid, without its value.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise UsageError(problems) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
