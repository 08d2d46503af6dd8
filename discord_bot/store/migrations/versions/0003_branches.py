"""A turn knows which one it continues; a picture order keeps the picture that it started from."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Version 0.1.0 could be killed between a step and its version number.
    _add("turns", sa.Column("parent_id", sa.BigInteger))
    # Until now each turn continued the one before.
    op.execute(
        "UPDATE turns SET parent_id = (SELECT MAX(older.id) FROM turns AS older"
        " WHERE older.conversation_id = turns.conversation_id AND older.id < turns.id)"
    )
    _add("pictures", sa.Column("input_mime", sa.String(32)))
    _add("pictures", sa.Column("input_data", sa.LargeBinary))


def _add(table: str, column: "sa.Column[object]") -> None:
    there = {existing["name"] for existing in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)


def downgrade() -> None:
    op.drop_column("pictures", "input_data")
    op.drop_column("pictures", "input_mime")
    op.drop_column("turns", "parent_id")
