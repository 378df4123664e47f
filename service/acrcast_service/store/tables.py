"""Every table of the database, for the statements; the migrations make them.

Times are text in UTC with microseconds (`2026-01-31T09:30:00.000000Z`): the same bytes in every database, in order as text.
Every row of a tenant's names its tenant.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite knows a table's own number only by this name.
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")
TIME = String(27)

# The chain: only ever added to.
audit_records = Table(
    "audit_records",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
    Column("record_id", String(36), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("time", TIME, nullable=False),
    Column("tenant", String(200), nullable=False),
    Column("caller", String(200), nullable=False),
    Column("model", String(100), nullable=False),
    Column("study", String(200), nullable=False),
    Column("about", String(100), nullable=False),
    Column("subject", LargeBinary(32), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("previous_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Index(None, "tenant", "kind"),
)

# The key of each record's payload, itself sealed. A key that is gone makes its payload unreadable for good.
record_keys = Table(
    "record_keys",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
    Column("tenant", String(200), nullable=False),
    Column("subject", LargeBinary(32), nullable=False),
    Column("time", TIME, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Index(None, "tenant", "subject"),
)

# One row: how long the chain is and where it ends, with a keyed hash of its own. Whoever appends locks it.
audit_head = Table(
    "audit_head",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("last_hash", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

# What happened after a prediction: each revision is a record of the chain, which holds it sealed.
outcomes = Table(
    "outcomes",
    METADATA,
    Column("prediction_id", String(36), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("tenant", String(200), nullable=False),
    Column("record_id", String(36), nullable=False, unique=True),
)

# A request that named itself: what it asked, by a keyed hash, and once answered the record that holds the answer.
idempotency = Table(
    "idempotency",
    METADATA,
    Column("tenant", String(200), primary_key=True),
    Column("route", String(100), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("claim", String(36), nullable=False),
    Column("record_id", String(36), nullable=True),
    Column("claimed_at", TIME, nullable=False, index=True),
)

# Who may ask. A revoked key stays, so that the audit's callers can be looked up, and the last revocation opens no door.
api_keys = Table(
    "api_keys",
    METADATA,
    Column("key_id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("tenant", String(200), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=True),
    Column("revoked_at", TIME, nullable=True),
    Column("hash", LargeBinary(32), nullable=False),
)

# Tokens that are good for one request and were used, each by the hash of its issuer and its `jti`, until it expires.
used_tokens = Table(
    "used_tokens",
    METADATA,
    Column("mark", LargeBinary(32), primary_key=True),
    Column("until", TIME, nullable=False, index=True),
)
