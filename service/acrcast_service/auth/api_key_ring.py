"""The API keys as a running server knows them: all in memory, read again every other second."""

import logging
import time
from collections.abc import Mapping

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from acrcast.errors import AcrcastError
from acrcast_service.audit.keys import AuditKeys, read_keys
from acrcast_service.audit.records import now
from acrcast_service.auth.api_keys import ApiKey, all_keys, id_in
from acrcast_service.auth.refusals import identity_unavailable
from acrcast_service.settings import Settings
from acrcast_service.store.database import open_database
from acrcast_service.store.schema import check_schema, reason, revision

log = logging.getLogger("acrcast_service")

# While the database cannot be read, the last keys hold for so long, in seconds.
KEPT_SECONDS = 60.0


class ApiKeyRing:
    """Reads only. A database that has no tables yet has no keys."""

    def __init__(self, settings: Settings) -> None:
        self._key_file = settings.key_file
        self._engine: Engine = open_database(settings.database_url, rarely=True)
        self._secret: AuditKeys | None = None
        self._keys: Mapping[str, ApiKey] = {}
        self._read_at = 0.0
        self._failing = False

    def read(self) -> bool:
        """Whether anything changed. Raises AcrcastError when the keys, or the file that they need, cannot be read."""
        keys = self._all()
        if keys and self._secret is None:
            self._secret = read_keys(self._key_file)
        changed = keys != self._keys
        self._keys, self._read_at = keys, time.monotonic()
        if self._failing:
            log.warning("api-keys-recovered")
            self._failing = False
        return changed

    def read_if_possible(self) -> bool:
        """As `read`; a failure is logged once, and the last keys hold for a while."""
        try:
            return self.read()
        except AcrcastError:
            if not self._failing:
                log.error("api-keys-unreadable")  # noqa: TRY400  its message may name folders, and says no more
                self._failing = True
            return False

    @property
    def is_empty(self) -> bool:
        """No key was ever made; a revoked one counts."""
        return not self._keys

    def opened_by(self, token: bytes) -> ApiKey | None:
        """The living key that the text opens. Raises HttpProblem (503) when the keys were last read too long ago."""
        if time.monotonic() - self._read_at > KEPT_SECONDS:
            raise identity_unavailable()
        key = self._keys.get(id_in(token) or "")
        if key is None or self._secret is None or key.state(now()) != "active":
            return None
        return key if key.is_opened_by(token, self._secret) else None

    def close(self) -> None:
        self._engine.dispose()

    def _all(self) -> dict[str, ApiKey]:
        if self._secret is None:
            if revision(self._engine) is None:
                return {}
            check_schema(self._engine)
        try:
            return {key.key_id: key for key in all_keys(self._engine)}
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise AcrcastError(f"the API keys cannot be read: {reason(error)}") from None
