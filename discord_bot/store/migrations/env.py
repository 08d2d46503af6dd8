"""Alembic's entry point: runs in the transaction that the bot passes, all migrations and their version together."""

from alembic import context

from discord_bot.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
