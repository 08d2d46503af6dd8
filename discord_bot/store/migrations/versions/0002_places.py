"""Finds a turn by one of its messages without looking at every other channel's."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Version 0.1.0 could be killed between a step and its version number.
    op.create_index("ix_turns_channel_id", "turns", ["channel_id"], if_not_exists=True)
    op.create_index("ix_pictures_created_at", "pictures", ["created_at"], if_not_exists=True)


def downgrade() -> None:
    op.drop_index("ix_pictures_created_at", "pictures")
    op.drop_index("ix_turns_channel_id", "turns")
