"""Tokens that were used."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "used_tokens",
        sa.Column("mark", sa.LargeBinary(32)),
        sa.Column("until", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("mark", name="pk_used_tokens"),
    )
    op.create_index("ix_used_tokens_until", "used_tokens", ["until"])


def downgrade() -> None:
    op.drop_index("ix_used_tokens_until", "used_tokens")
    op.drop_table("used_tokens")
