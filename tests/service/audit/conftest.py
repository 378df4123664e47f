"""Records of made-up predictions, and a hand on the database beside the audit's own."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import text

from acrcast_service.audit.chain import Chain
from acrcast_service.audit.records import PREDICTION, Entry, now, seal
from acrcast_service.store.database import writing


@pytest.fixture
def add(chain: Chain) -> Callable[..., str]:
    """Appends one record in a transaction of its own; name only what matters."""

    def append(time: str | None = None, **members) -> str:
        given = {"record_id": str(uuid4()), "inputs": b'{"age_years":54}', "answer": b'{"probability":0.5}'} | members
        with writing(chain.engine) as connection:
            chain.append(connection, [seal(chain.keys, Entry(PREDICTION, **given), time or now())])
        return given["record_id"]

    return append


@pytest.fixture
def tamper(chain: Chain) -> Callable[..., None]:
    """Runs SQL of somebody who may write to the database and does not have the key."""

    def run(statement: str, **parameters) -> None:
        with writing(chain.engine) as connection:
            connection.execute(text(statement), parameters)

    return run
