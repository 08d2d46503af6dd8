"""A question consists of parts with one author each, so that a person's choice and erasure affect only their own words."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
REFUSING = "SELECT scope_id FROM settings WHERE scope = 'user' AND key = 'no_store' AND value = 'true'"


def upgrade() -> None:
    op.create_table(
        "turn_parts",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("turn_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("author_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("author_name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.execute(
        "INSERT INTO turn_parts (turn_id, author_id, author_name, kind, text)"
        " SELECT id, asker_id, asker_name, 'said', question FROM turns WHERE question <> '' ORDER BY id"
    )
    with op.batch_alter_table("turn_images") as table:
        table.add_column(sa.Column("author_id", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE turn_images SET author_id ="
        " COALESCE((SELECT asker_id FROM turns WHERE turns.id = turn_images.turn_id), 0)"
    )
    with op.batch_alter_table("turn_images") as table:
        table.alter_column("author_id", server_default=None)
    op.create_index("ix_turn_images_author_id", "turn_images", ["author_id"])
    op.drop_column("turns", "question")
    op.drop_column("turns", "asker_name")
    op.drop_column("conversations", "title")
    # Version 0.1.0 stored picture orders and unfinished questions of people who had refused it.
    op.execute(f"DELETE FROM turn_parts WHERE author_id IN ({REFUSING})")  # noqa: S608 - a fixed text
    op.execute(f"DELETE FROM turn_images WHERE author_id IN ({REFUSING})")  # noqa: S608 - a fixed text
    op.execute(f"UPDATE turns SET answer = '', reasoning = '', former = '[]' WHERE asker_id IN ({REFUSING})")  # noqa: S608 - a fixed text
    op.execute(
        f"UPDATE pictures SET wish = '{{}}', input_mime = NULL, input_data = NULL WHERE owner_id IN ({REFUSING})"  # noqa: S608 - a fixed text
    )


def downgrade() -> None:
    op.add_column("conversations", sa.Column("title", sa.String(100), nullable=False, server_default=""))
    op.add_column("turns", sa.Column("asker_name", sa.String(64), nullable=False, server_default=""))
    op.add_column("turns", sa.Column("question", sa.Text, nullable=False, server_default=""))
    op.drop_index("ix_turn_images_author_id", "turn_images")
    op.drop_column("turn_images", "author_id")
    op.drop_table("turn_parts")
