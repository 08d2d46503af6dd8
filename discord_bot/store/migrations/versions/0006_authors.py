"""Instructions that a person has typed for a place record their author, so that an erasure covers them, too.

Picture orders are looked up by their message whenever one is deleted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("persona_author_id", sa.BigInteger))
    op.add_column("settings", sa.Column("author_id", sa.BigInteger))
    op.create_index("ix_pictures_message_id", "pictures", ["message_id"])


def downgrade() -> None:
    op.drop_index("ix_pictures_message_id", "pictures")
    op.drop_column("settings", "author_id")
    op.drop_column("conversations", "persona_author_id")
