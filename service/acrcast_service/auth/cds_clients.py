"""The record systems that may call as CDS Hooks clients: each with its issuer, its keys and its tenant, listed in a file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acrcast.errors import UsageError
from acrcast_service.auth.callers import LONGEST_NAME
from acrcast_service.auth.key_set import checked_source
from acrcast_service.settings import PREFIX

SETTING = f"{PREFIX}CDS_CLIENTS"


class CdsClient(BaseModel):
    """One record system. Its requests are of its tenant alone; the caller in the audit is its issuer."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    issuer: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    keys: Annotated[str, Field(min_length=1)]
    tenant: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\x00-\x1f]+$")]
    jku: str | None = None

    @property
    def address_of_keys(self) -> str | None:
        """What a token may say of where its key is; nothing is ever fetched from there but the configured `keys`."""
        return self.jku or (self.keys if urlsplit(self.keys).scheme in ("http", "https") else None)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    client: Annotated[list[CdsClient], Field(min_length=1)]


def read_clients(path: Path) -> Mapping[str, CdsClient]:
    """The clients by their issuer. Raises UsageError with what is wrong in the file, and never a value of it."""
    try:
        listed = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).client
    except OSError as error:
        raise UsageError(f"{SETTING}: {path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found)
        raise UsageError(f"{SETTING}: {path}: {problems}") from None
    except ValueError as error:
        raise UsageError(f"{SETTING}: {path} is not TOML: {error}") from None
    clients = {client.issuer: client for client in listed}
    if len(clients) < len(listed):
        raise UsageError(f"{SETTING}: {path}: an issuer is listed twice")
    for client in listed:
        checked_source(client.keys, SETTING)
    return clients
