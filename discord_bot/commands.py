"""Slash commands: their words in every language, and when they have to be sent to Discord.

Discord allows 200 new commands a day, so the tree is sent only when its definition
changed: the hash of the exact payload, all translations included, is kept in the store.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

import discord
import structlog
from discord import app_commands
from discord.app_commands import locale_str

from discord_bot.i18n import LANGUAGES, t
from discord_bot.ledger import TROUBLE
from discord_bot.store.database import Store

log = structlog.get_logger(__name__)


def words(key: str) -> locale_str:
    """The text of a command, an option or a choice: English by default, others by `FluentTranslator`."""
    return locale_str(t("en", key), key=key)


class FluentTranslator(app_commands.Translator):
    async def translate(
        self,
        string: locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002 - the seam's signature
    ) -> str | None:
        key = string.extras.get("key")
        language = locale.value.split("-")[0]
        # English is the default text already; repeating it for en-GB and en-US would only add size.
        if key is None or language == "en" or language not in LANGUAGES:
            return None
        return t(language, key)


class CommandMentions:
    """Names of commands that a reader can click. Known once Discord has assigned the commands their ids."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    async def read(self, store: Store) -> None:
        self._ids = json.loads(await store.get_meta("command-ids") or "{}")

    def of(self, locale: str, name: str) -> str:
        word = t(locale, f"command-{name}")
        number = self._ids.get(t("en", f"command-{name}"))
        return f"</{word}:{number}>" if number else f"`/{word}`"


async def sync_if_changed(tree: app_commands.CommandTree[Any], application_id: int | None, store: Store) -> bool:
    """Sends the commands to Discord if their definition has changed. Returns whether it was sent."""
    translator = FluentTranslator()
    commands: list[Any] = tree.get_commands(type=None)
    payload = [await command.get_translated_payload(tree, translator) for command in commands]
    payload.sort(key=lambda command: (command["type"], command["name"]))
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(f"{application_id}:{text}".encode()).hexdigest()
    if await store.get_meta("commands") == digest:
        return False
    try:
        synced = await tree.sync()
    except (discord.HTTPException, app_commands.CommandSyncFailure) as error:
        # Mentions, threads and the former commands still work; the next start tries again.
        log.error("commands could not be synced", error=str(error)[:500])  # noqa: TRY400 - the text names the field
        return False
    try:
        await store.set_meta("commands", digest)
        await store.set_meta("command-ids", json.dumps({registered.name: registered.id for registered in synced}))
    except TROUBLE as error:  # the commands work; the next start sends them once more
        log.warning("the sync could not be noted down", error=type(error).__name__)
    log.info("commands synced", commands=len(payload))
    return True


Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def EVERYWHERE(callback: Decorated) -> Decorated:  # noqa: N802 - reads like the constant it is
    """Servers, direct messages and group chats; installed by a server or by a person."""
    allowed = app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    installed = app_commands.allowed_installs(guilds=True, users=True)
    decorated: Decorated = installed(allowed(callback))
    return decorated


def command(name: str, callback: Callable[..., Any]) -> app_commands.Command[Any, Any, Any]:
    """A slash command with the words of its key."""
    return app_commands.Command(
        name=words(f"command-{name}"), description=words(f"command-{name}-description"), callback=callback
    )
