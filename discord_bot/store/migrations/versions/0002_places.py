"""Find a turn by one of its messages without looking at every other channel's."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("ix_turns_channel_id", "turns", ["channel_id"])
    op.create_index("ix_pictures_created_at", "pictures", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_pictures_created_at", "pictures")
    op.drop_index("ix_turns_channel_id", "turns")
