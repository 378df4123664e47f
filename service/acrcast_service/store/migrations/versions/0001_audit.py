"""The audit's chain, the keys of its payloads, outcomes and idempotency."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_records",
        sa.Column("sequence", _SEQUENCE, autoincrement=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("caller", sa.String(200), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("study", sa.String(200), nullable=False),
        sa.Column("about", sa.String(100), nullable=False),
        sa.Column("subject", sa.LargeBinary(32), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_records"),
        sa.UniqueConstraint("record_id", name="uq_audit_records_record_id"),
    )
    op.create_index("ix_audit_records_tenant_kind", "audit_records", ["tenant", "kind"])
    op.create_table(
        "record_keys",
        sa.Column("sequence", _SEQUENCE, autoincrement=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("subject", sa.LargeBinary(32), nullable=False),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_record_keys"),
    )
    op.create_index("ix_record_keys_tenant_subject", "record_keys", ["tenant", "subject"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("last_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
        sa.CheckConstraint("id = 1", name="ck_audit_head_one_row"),
    )
    op.create_table(
        "outcomes",
        sa.Column("prediction_id", sa.String(36)),
        sa.Column("revision", sa.Integer, autoincrement=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", "revision", name="pk_outcomes"),
        sa.UniqueConstraint("record_id", name="uq_outcomes_record_id"),
    )
    op.create_table(
        "idempotency",
        sa.Column("tenant", sa.String(200)),
        sa.Column("route", sa.String(100)),
        sa.Column("key", sa.String(255)),
        sa.Column("body_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("claim", sa.String(36), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=True),
        sa.Column("claimed_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "route", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_claimed_at", "idempotency", ["claimed_at"])
