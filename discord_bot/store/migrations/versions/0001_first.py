"""The first schema of the store."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Text

revision = "0001"
down_revision = None
ROW_ID = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table("meta", Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))
    op.create_table(
        "conversations",
        Column("id", ROW_ID, primary_key=True, autoincrement=True),
        Column("place_id", BigInteger, nullable=False, unique=True),
        Column("channel_id", BigInteger, nullable=False),
        Column("guild_id", BigInteger),
        Column("owner_id", BigInteger, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("model", String(200)),
        Column("persona", Text),
        Column("title", String(100), nullable=False),
        Column("closed", Boolean, nullable=False),
        Column("created_at", Float, nullable=False),
        Column("updated_at", Float, nullable=False, index=True),
    )
    op.create_table(
        "turns",
        Column("id", ROW_ID, primary_key=True, autoincrement=True),
        Column("conversation_id", BigInteger, nullable=False, index=True),
        Column("asker_id", BigInteger, nullable=False, index=True),
        Column("asker_name", String(64), nullable=False),
        Column("question_ids", Text, nullable=False),
        Column("question", Text, nullable=False),
        Column("answer", Text, nullable=False),
        Column("former", Text, nullable=False),
        Column("reasoning", Text, nullable=False),
        Column("state", String(16), nullable=False, index=True),
        Column("deployment", String(200), nullable=False),
        Column("locale", String(16), nullable=False),
        Column("channel_id", BigInteger, nullable=False),
        Column("message_ids", Text, nullable=False),
        Column("created_at", Float, nullable=False),
    )
    op.create_table(
        "turn_images",
        Column("id", ROW_ID, primary_key=True, autoincrement=True),
        Column("turn_id", BigInteger, nullable=False, index=True),
        Column("mime", String(32), nullable=False),
        Column("data", LargeBinary, nullable=False),
    )
    op.create_table(
        "pictures",
        Column("id", ROW_ID, primary_key=True, autoincrement=True),
        Column("owner_id", BigInteger, nullable=False, index=True),
        Column("guild_id", BigInteger),
        Column("channel_id", BigInteger, nullable=False),
        Column("message_id", BigInteger),
        Column("wish", Text, nullable=False),
        Column("state", String(16), nullable=False),
        Column("locale", String(16), nullable=False),
        Column("created_at", Float, nullable=False),
    )
    op.create_table(
        "settings",
        Column("scope", String(16), primary_key=True),
        Column("scope_id", BigInteger, primary_key=True),
        Column("key", String(64), primary_key=True),
        Column("value", Text, nullable=False),
    )
    op.create_table(
        "usage",
        Column("hour", Integer, primary_key=True),
        Column("guild_id", BigInteger, primary_key=True),
        Column("user_id", BigInteger, primary_key=True),
        Column("requests", Integer, nullable=False),
        Column("tokens", BigInteger, nullable=False),
        Column("pictures", Integer, nullable=False),
    )


def downgrade() -> None:
    for name in ("usage", "settings", "pictures", "turn_images", "turns", "conversations", "meta"):
        op.drop_table(name)
