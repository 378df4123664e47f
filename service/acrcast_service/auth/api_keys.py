"""API keys: made, listed, revoked; and how one is recognised.

A key is `acr_<id>_<secret>`. The database has its id and a keyed hash over the secret and everything that the key may:
who can write the database, and has not the server's key file, can neither make a key nor widen one.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import Engine, insert, select, update

from acrcast_service.audit.keys import AuditKeys
from acrcast_service.audit.records import now, time_text
from acrcast_service.auth.callers import MARK, Caller
from acrcast_service.store.database import writing
from acrcast_service.store.tables import api_keys

ID_BYTES, SECRET_BYTES = 6, 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A row. Times are text, as in the database."""

    key_id: str
    name: str
    tenant: str
    scopes: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    hash: bytes

    @property
    def caller(self) -> Caller:
        return Caller(f"{self.name} ({self.key_id})", self.tenant, frozenset(self.scopes.split()), self.key_id)

    def state(self, time: str) -> str:
        """`active`, `expired` or `revoked` at the time."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= time else "active"

    def is_opened_by(self, token: bytes, keys: AuditKeys) -> bool:
        return hmac.compare_digest(self.hash, _hash(keys, token, self))


def make_key(
    engine: Engine, keys: AuditKeys, *, name: str, tenant: str, scopes: Sequence[str], expires: datetime | None
) -> tuple[ApiKey, str]:
    """A new key, and the text that opens it, which nothing keeps. expires: with its time zone; None is never."""
    key_id = secrets.token_hex(ID_BYTES)
    token = f"{MARK}_{key_id}_{secrets.token_hex(SECRET_BYTES)}"
    until = None if expires is None else time_text(expires)
    key = ApiKey(key_id, name, tenant, " ".join(sorted(set(scopes))), now(), until, None, b"")
    key = replace(key, hash=_hash(keys, token.encode(), key))
    with writing(engine) as connection:
        connection.execute(insert(api_keys), asdict(key))
    return key, token


def all_keys(engine: Engine) -> list[ApiKey]:
    """Every key that was ever made, the oldest first."""
    columns = [api_keys.c[field.name] for field in fields(ApiKey)]
    with engine.connect() as connection:
        found = connection.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.key_id)).mappings()
        rows = [dict(row) for row in found]
    # as bytes: a driver may give another type
    return [ApiKey(**row | {"hash": bytes(row["hash"])}) for row in rows]


def revoke_key(engine: Engine, key_id: str) -> bool:
    """For good. Whether there was such a key that was not revoked before."""
    living = (api_keys.c.key_id == key_id) & api_keys.c.revoked_at.is_(None)
    with writing(engine) as connection:
        return connection.execute(update(api_keys).where(living).values(revoked_at=now())).rowcount == 1


def id_in(token: bytes) -> str | None:
    """The id that the text names; None when it has not the form of a key."""
    parts = token.split(b"_")
    is_key = len(parts) == 3 and parts[0] == MARK.encode() and len(parts[2]) == 2 * SECRET_BYTES
    return parts[1].decode("latin-1") if is_key else None


def _hash(keys: AuditKeys, token: bytes, key: ApiKey) -> bytes:
    said = (key.name, key.tenant, key.scopes, key.created_at, key.expires_at or "")
    texts = [token, *(text.encode() for text in said)]
    # each has its length in front: no two keys are the same bytes
    return keys.api_key(b"".join([b"%d:%b" % (len(text), text) for text in texts]))
