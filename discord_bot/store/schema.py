"""What the bot remembers. Discord's ids are 64 bits wide; moments are epoch seconds."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()
# SQLite numbers rows itself only where the key is a plain INTEGER.
ROW_ID = BigInteger().with_variant(Integer, "sqlite")

meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

conversations = Table(
    "conversations",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column(
        "place_id", BigInteger, nullable=False, unique=True
    ),  # thread, direct channel, or the first message of a chain
    Column("channel_id", BigInteger, nullable=False),
    Column("guild_id", BigInteger),
    Column("owner_id", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # thread, chain, direct
    Column("model", String(200)),
    Column("persona", Text),
    Column("closed", Boolean, nullable=False, default=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False, index=True),
    Column("origin_turn", BigInteger),  # of a fork: the turn of another conversation that it continues
    Column("persona_author_id", BigInteger),  # who typed the instructions; NULL for one of the operator's personas
)

turns = Table(
    "turns",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("conversation_id", BigInteger, nullable=False, index=True),
    Column("asker_id", BigInteger, nullable=False, index=True),
    Column("question_ids", Text, nullable=False, default="[]"),  # messages that make up the question, as JSON
    Column("answer", Text, nullable=False, default=""),
    Column("former", Text, nullable=False, default="[]"),  # former answers, as JSON
    Column("reasoning", Text, nullable=False, default=""),
    Column(
        "state", String(16), nullable=False, index=True
    ),  # running, done, stopped, failed, interrupted, missed, deleted
    Column("deployment", String(200), nullable=False, default=""),
    Column("locale", String(16), nullable=False, default="en"),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("message_ids", Text, nullable=False, default="[]"),  # the answer's messages in their order, as JSON
    Column("created_at", Float, nullable=False),
    Column("parent_id", BigInteger),  # the turn that this one continues
    Column("model", String(200)),  # requested for this turn alone, as in a comparison
)

turn_parts = Table(
    "turn_parts",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("turn_id", BigInteger, nullable=False, index=True),
    Column("author_id", BigInteger, nullable=False, index=True),
    Column("author_name", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # said, quoted, file, context
    Column("text", Text, nullable=False),
)

turn_images = Table(
    "turn_images",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("turn_id", BigInteger, nullable=False, index=True),
    Column("author_id", BigInteger, nullable=False, index=True),
    Column("mime", String(32), nullable=False),
    Column("data", LargeBinary, nullable=False),
)

pictures = Table(
    "pictures",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("owner_id", BigInteger, nullable=False, index=True),
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, index=True),
    Column("wish", Text, nullable=False),
    Column("state", String(16), nullable=False),  # running, done, failed, cancelled, interrupted
    Column("locale", String(16), nullable=False, default="en"),
    Column("created_at", Float, nullable=False, index=True),
    Column("input_mime", String(32)),  # the picture that it started from, if any
    Column("input_data", LargeBinary),
)

settings = Table(
    "settings",
    metadata,
    Column("scope", String(16), primary_key=True),  # guild, channel, user
    Column("scope_id", BigInteger, primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
    Column("author_id", BigInteger),  # who typed it; NULL for a choice from a list
)

usage = Table(
    "usage",
    metadata,
    Column("hour", Integer, primary_key=True),  # epoch hours
    Column("guild_id", BigInteger, primary_key=True),  # 0: none
    Column("user_id", BigInteger, primary_key=True),
    Column("requests", Integer, nullable=False, default=0),
    Column("tokens", BigInteger, nullable=False, default=0),
    Column("pictures", Integer, nullable=False, default=0),
)

# Daily summaries that a server's managers have switched on. No person is named: the server pays.
digests = Table(
    "digests",
    metadata,
    Column("channel_id", BigInteger, primary_key=True),
    Column("guild_id", BigInteger, nullable=False, index=True),
    Column("minute", Integer, nullable=False),  # of the day, in `zone`
    Column("zone", String(64), nullable=False),  # IANA name
    Column("locale", String(16), nullable=False, default="en"),
    Column("since", Float, nullable=False),  # messages from here on are still to be summarised
    Column("due_at", Float, nullable=False, index=True),
)

# Two answers to one question. The asker is known through the turns alone.
contests = Table(
    "contests",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("guild_id", BigInteger, index=True),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("first_turn", BigInteger, nullable=False),
    Column("second_turn", BigInteger, nullable=False),
    Column("first_model", String(200), nullable=False),
    Column("second_model", String(200), nullable=False),
    Column("message_id", BigInteger),  # the card with the votes
    Column("created_at", Float, nullable=False, index=True),
)

votes = Table(
    "votes",
    metadata,
    Column("contest_id", BigInteger, primary_key=True),
    Column("voter_id", BigInteger, primary_key=True, index=True),
    Column("choice", String(16), nullable=False),  # first, second, tie
)

memories = Table(
    "memories",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("person_id", BigInteger, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

reminders = Table(
    "reminders",
    metadata,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("person_id", BigInteger, nullable=False, index=True),
    Column("guild_id", BigInteger),
    Column("channel_id", BigInteger, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("locale", String(16), nullable=False, default="en"),
    Column("due_at", Float, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
)

# Every table with personal data, and where: export and erasure cover all of them.
PERSONAL = {
    conversations: conversations.c.owner_id,
    turns: turns.c.asker_id,
    turn_parts: turn_parts.c.author_id,
    turn_images: turn_images.c.author_id,
    pictures: pictures.c.owner_id,
    usage: usage.c.user_id,
    votes: votes.c.voter_id,
    memories: memories.c.person_id,
    reminders: reminders.c.person_id,
}
