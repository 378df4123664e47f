"""Tokens that are good for one request: which were used, remembered in the database until they expire.

Every worker and replica sees the same. What a power failure may lose of it is some seconds of a token's life, so that no
request waits for the disk here.
"""

from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import IntegrityError

from acrcast_service.audit.records import now, time_text
from acrcast_service.store.database import open_database, writing
from acrcast_service.store.tables import used_tokens


class UsedTokens:
    """Connects when it is first asked. database: its address."""

    def __init__(self, database: str) -> None:
        self._engine: Engine = open_database(database, durable=False)

    def use(self, issuer: str, name: str, until: float) -> bool:
        """Whether this is the token's first use. name: its `jti`. until: when it expires, in seconds since 1970."""
        mark = sha256(f"{len(issuer)}:{issuer}{name}".encode()).digest()
        row = {"mark": mark, "until": time_text(datetime.fromtimestamp(until, UTC))}
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(used_tokens).where(used_tokens.c.until < now()))
                connection.execute(insert(used_tokens), row)
        except IntegrityError:
            return False
        return True

    def close(self) -> None:
        self._engine.dispose()
