"""The Discord client: what all features share, and which event goes to which feature. Nothing else."""

import asyncio
import sys
import time
from typing import Any

import discord
import structlog
from discord import app_commands
from discord.http import Route

from antiphon.client import InferenceClient
from antiphon.config.model import Config
from discord_bot import tracing
from discord_bot.admission import Admission
from discord_bot.catalogue import Catalogue
from discord_bot.clock import DiscordClock
from discord_bot.commands import CommandMentions, FluentTranslator, sync_if_changed
from discord_bot.features import all_commands, all_controls
from discord_bot.features.catchup.digest import Digests
from discord_bot.features.chat.aftermath import Aftermath
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.inbox import Inbox
from discord_bot.features.chat.missed import answer_missed
from discord_bot.features.edit.feature import Editing
from discord_bot.features.image.feature import ImageFeature
from discord_bot.features.privacy.retention import keep_retention
from discord_bot.features.reminders.feature import Reminders
from discord_bot.features.settings.welcome import welcome
from discord_bot.features.tools.shelf import Shelf
from discord_bot.interactions import explain
from discord_bot.ledger import TROUBLE, WriteRetries
from discord_bot.metrics import BotMetrics
from discord_bot.presence import Presence
from discord_bot.recent import Recent
from discord_bot.rendering.buckets import use_own_buckets
from discord_bot.rendering.pacing import Paces
from discord_bot.rendering.trace import rate_limit_trace
from discord_bot.services import Services
from discord_bot.store.database import Store
from discord_bot.store.settings import SettingScope
from discord_bot.tasks import Tasks
from discord_bot.underway import Underway, turn_away

log = structlog.get_logger(__name__)

# The bot has no voice, so nothing to warn about.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
# Renaming may be answered with "wait ten minutes"; no task should hang for that long.
LONGEST_RATE_LIMIT = 60.0
MOST_LOCALES = 10_000
FIRST_RECOVERY, LONGEST_RECOVERY = 5.0, 300.0  # seconds between two attempts


class AntiphonBot(discord.AutoShardedClient):
    """Features know `services`; only this file knows the client."""

    def __init__(self, config: Config, store: Store, inference: InferenceClient, metrics: BotMetrics) -> None:
        # Discord's address belongs to the library's class; a process talks to a single Discord.
        Route.BASE = config.bot.api_base_url.rstrip("/")
        use_own_buckets()
        paces, self._clock = Paces(), DiscordClock()
        super().__init__(
            intents=intents(message_content=config.bot.message_content_intent),
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=config.bot.shard_count,
            # Neither members nor messages are cached: memory grows with the running answers, not the servers.
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT,
            enable_debug_events=False,
            http_trace=rate_limit_trace(paces, metrics.wrote, lambda date: self._clock.observe(date, time.time())),
        )
        self.services = Services(
            config, store, inference, metrics, self, paces,
            Catalogue(inference, config.bot.models), Admission(config.bot, store, metrics),
            WriteRetries(metrics), Tasks(metrics), CommandMentions(), Underway(),
        )  # fmt: skip
        self.tree = AnsweringTree(self)
        self.chat = ChatFeature(self.services)
        self.inbox = Inbox(self.chat)
        self.aftermath = Aftermath(self.inbox)
        self.image = ImageFeature(self.services)
        self._presence = Presence(store, self._clock)
        self.digests = Digests(self.services)
        self.reminders = Reminders(self.services)
        self.inbox.takers.append(Editing(self.image).take)
        self.shelf = Shelf(self.services, self.image, self.reminders)
        self.chat.toolbox = self.shelf.toolbox
        self._was_ready = False
        self._locales = Recent[tuple[int, str]](MOST_LOCALES)

    async def setup_hook(self) -> None:
        """Once per process, before the gateway: commands, buttons, and what a restart left behind."""
        await self.tree.set_translator(FluentTranslator())
        for command in all_commands(self.chat, self.image, self.digests, self.reminders):
            self.tree.add_command(command)
        self.add_dynamic_items(*all_controls(self.chat, self.image))
        await sync_if_changed(self.tree, self.application_id, self.services.store)
        await self.services.commands.read(self.services.store)
        self.services.metrics.watch(self)
        self.services.tasks.spawn(keep_retention(self.services, self._clock), "retention")
        self.services.tasks.spawn(self._presence.keep(), "presence")

    async def finish_answers(self) -> None:
        """The process is to end: whatever runs gets an honest last state, and nothing new begins."""
        self.services.underway.closing = True
        await asyncio.gather(self.aftermath.interrupt_all(), self.image.interrupt_all())
        await asyncio.gather(self.services.underway.end(), self.inbox.end())
        await self.services.ledger.end()

    async def close(self) -> None:
        await self.services.tasks.end()
        await self.services.ledger.end()
        await self.services.catalogue.close()
        await super().close()

    async def on_ready(self) -> None:
        content = self.services.config.bot.message_content_intent
        log.info("connected", guilds=len(self.guilds), shards=self.shard_count, message_content=content)
        if not self._was_ready:
            self._was_ready = True
            print(f"ready: {self.user}", flush=True)  # noqa: T201 - whoever started the process waits for this line
            self.services.tasks.spawn(self.digests.alarm.run(), "digests")
            self.services.tasks.spawn(self.reminders.alarm.run(), "reminders")
            self.shelf.connect()
        self.services.tasks.spawn(self._recover(), "recovery")

    async def on_resumed(self) -> None:
        self._presence.resumed()

    async def on_disconnect(self) -> None:
        await self._presence.lost()

    async def _recover(self) -> None:
        """Waits for an unreachable database: nothing that a crash left behind may stay unfinished in Discord."""
        pause = FIRST_RECOVERY
        while True:
            try:
                await self._look_back()
            except TROUBLE as error:
                log.warning("what a restart left cannot be looked up", error=type(error).__name__, again_in=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_RECOVERY)
            else:
                return

    async def _look_back(self) -> None:
        away_since = await self._presence.back()
        await self.aftermath.recover()
        await self.image.recover()
        places = [channel for guild in self.guilds for channel in (*guild.channels, *guild.threads)]
        await answer_missed(self.inbox, places, away_since, self._clock)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Discord reveals a person's language only here; answers to their messages use it as well."""
        who, locale = interaction.user.id, interaction.locale.value
        if (who, locale) in self._locales:
            return
        for language in discord.Locale:
            self._locales.discard((who, language.value))
        self._locales.add((who, locale))
        settings = self.services.store.settings
        await self.services.ledger.note("locale", lambda: settings.set(SettingScope.USER, who, "locale", locale))

    async def on_app_command_completion(self, interaction: discord.Interaction[Any], _: object) -> None:
        tracing.leave(interaction)

    async def on_message(self, message: discord.Message) -> None:
        with tracing.began(self.services.inference, "message"):
            await self.inbox.on_message(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        await self.aftermath.on_edit(payload)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._on_delete(payload.channel_id, {payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self._on_delete(payload.channel_id, payload.message_ids)

    async def _on_delete(self, channel_id: int, message_ids: set[int]) -> None:
        await self.aftermath.on_delete(channel_id, message_ids)
        await self.image.on_delete(channel_id, message_ids)

    async def on_raw_typing(self, payload: discord.RawTypingEvent) -> None:
        self.inbox.on_typing(payload.channel_id, payload.user_id)

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        await self.aftermath.on_thread_gone(payload.thread_id)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self.aftermath.on_thread_gone(channel.id)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await welcome(self.services, guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        privacy = self.services.store.privacy
        await self.services.ledger.note("server gone", lambda: privacy.erase_guild(guild.id))

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the library's signature
        self.services.metrics.errors.labels(event_method).inc()
        log.error("event failed", event_name=event_method, exc_info=sys.exc_info()[1])


class AnsweringTree(app_commands.CommandTree[AntiphonBot]):
    """Every failed command is answered; nobody ever reads "the application did not respond"."""

    async def interaction_check(self, interaction: discord.Interaction[AntiphonBot], /) -> bool:
        underway = interaction.client.services.underway
        if interaction.type is discord.InteractionType.application_command:
            if underway.closing:
                await turn_away(interaction)
                return False
            underway.add(interaction)
            name = interaction.command.name if interaction.command else ""
            tracing.enter(interaction, interaction.client.services.inference, f"command {name}")
        return True

    async def on_error(
        self, interaction: discord.Interaction[AntiphonBot], error: app_commands.AppCommandError, /
    ) -> None:
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        tracing.leave(interaction, type(cause).__name__)
        await explain(interaction, cause, interaction.command.name if interaction.command else "command")


def intents(*, message_content: bool) -> discord.Intents:
    """Only the intents that are used: each further one is traffic from every server."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.guild_messages = True
    wanted.dm_messages = True
    wanted.guild_typing = True
    wanted.dm_typing = True
    wanted.message_content = message_content
    return wanted
