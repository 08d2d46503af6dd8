"""Digests, comparisons with their votes, memory, reminders; forks; the model of a single turn."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("conversations", sa.Column("origin_turn", sa.BigInteger))
    op.add_column("turns", sa.Column("model", sa.String(200)))
    op.create_table(
        "digests",
        sa.Column("channel_id", sa.BigInteger, primary_key=True),
        sa.Column("guild_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("minute", sa.Integer, nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "contests",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("guild_id", sa.BigInteger, index=True),
        sa.Column("channel_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("first_turn", sa.BigInteger, nullable=False),
        sa.Column("second_turn", sa.BigInteger, nullable=False),
        sa.Column("first_model", sa.String(200), nullable=False),
        sa.Column("second_model", sa.String(200), nullable=False),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("created_at", sa.Float, nullable=False, index=True),
    )
    op.create_table(
        "votes",
        sa.Column("contest_id", sa.BigInteger, primary_key=True),
        sa.Column("voter_id", sa.BigInteger, primary_key=True, index=True),
        sa.Column("choice", sa.String(16), nullable=False),
    )
    op.create_table(
        "memories",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "reminders",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("person_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("guild_id", sa.BigInteger),
        sa.Column("channel_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("locale", sa.String(16), nullable=False),
        sa.Column("due_at", sa.Float, nullable=False, index=True),
        sa.Column("created_at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    for name in ("reminders", "memories", "votes", "contests", "digests"):
        op.drop_table(name)
    op.drop_column("turns", "model")
    op.drop_column("conversations", "origin_turn")
