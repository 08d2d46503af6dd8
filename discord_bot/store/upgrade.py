"""Alembic with the migrations of this folder. It takes long to import, so only a start that migrates imports this file."""

from importlib import resources

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Runs the missing migrations in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("discord_bot.store").joinpath("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
