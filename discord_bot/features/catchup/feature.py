"""/catchup and *Since here*: what a person has missed in a channel, shown to that person alone. Nothing is stored."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import discord
import structlog

from antiphon import errors
from antiphon.streams import ChatStream
from discord_bot.admission import Refused
from discord_bot.features.catchup.reading import Reading, read
from discord_bot.features.catchup.summary import Summary
from discord_bot.features.chat.buttons import view_of
from discord_bot.features.chat.places import FollowupChannel, settings_channel
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.problems import Problem, countdown_at, describe, utcnow
from discord_bot.quotas import Ticket
from discord_bot.rendering.view import Look
from discord_bot.rendering.writer import Undeliverable, Withdrawn, Writer
from discord_bot.services import Services

log = structlog.get_logger(__name__)
MOST_SHOWN = 4  # messages; an interaction allows five follow-ups
PATTERN = r"catchup:1:(?P<action>[a-z]+):(?P<since>\d+)"


@dataclass(frozen=True)
class Start:
    """Where the missed part starts: at the person's own last message, unless one of these says otherwise."""

    message_id: int = 0
    """That message is the first one."""
    hours: int = 0

    def known(self, person_id: int) -> Callable[[discord.Message], bool]:
        if self.message_id:
            return lambda message: message.id < self.message_id
        if self.hours:
            return lambda _: False
        return lambda message: author_of(message) == person_id

    def after(self, now: datetime) -> datetime | None:
        return now - timedelta(hours=self.hours) if self.hours else None


def author_of(message: discord.Message) -> int:
    """The author of a message, or the person whose command made the bot write it."""
    interaction = message.interaction_metadata
    return interaction.user.id if interaction is not None else message.author.id


def refusal(interaction: BotInteraction) -> str | None:
    """The message key that says why nothing can be read here. Uses only what the asker may read."""
    if interaction.guild_id is None:
        return "catchup-direct"
    if not interaction.is_guild_integration():
        return "catchup-guest"
    if not (interaction.permissions.view_channel and interaction.permissions.read_message_history):
        return "catchup-not-allowed"
    if not interaction.app_permissions.read_message_history:
        return "catchup-blind"
    return None


class Catchup:
    """One catch-up of one person."""

    def __init__(self, services: Services, interaction: BotInteraction) -> None:
        self._services, self._interaction, self._locale = services, interaction, interaction.locale.value

    async def run(self, start: Start) -> None:
        interaction, locale = self._interaction, self._locale
        key = refusal(interaction)
        command = self._services.commands.of(locale, "catchup")
        denied = t(locale, key, command=command) if key else await self._denied()
        if denied:
            await private(interaction, denied)
            return
        # The first sign of life; reading takes as long as Discord needs.
        await interaction.response.defer(ephemeral=True, thinking=True)
        channel: Any = interaction.channel
        reading = await read(channel, start.known(interaction.user.id), after=start.after(utcnow()))
        if not reading.lines:
            await private(interaction, self._nothing(reading, start))
            return
        try:
            ticket = await self._services.admission.admit(asker_of(interaction), locale, place=interaction.id)
        except Refused as refused:
            await private(interaction, str(refused))
            return
        await self._tell(reading, start, ticket)

    async def _denied(self) -> str | None:
        who = asker_of(self._interaction)
        return await self._services.admission.refusal(who, self._locale, place=self._interaction.id)

    def _nothing(self, reading: Reading, start: Start) -> str:
        if start.hours:
            return t(self._locale, "catchup-nothing-hours", count=start.hours)
        if reading.stopped_at is None:
            return t(self._locale, "catchup-nothing-ever")
        return t(self._locale, "catchup-nothing", when=countdown_at(reading.stopped_at.timestamp()))

    async def _tell(self, reading: Reading, start: Start, ticket: Ticket) -> None:
        services, interaction, locale = self._services, self._interaction, self._locale
        writer = Writer(
            FollowupChannel(interaction, ephemeral=True),  # type: ignore[arg-type] # it sends like one
            interaction.channel_id or 0, services.paces, f"catchup:{interaction.id}", locale,
        )  # fmt: skip
        writer.show(Look(line=t(locale, "catchup-reading", count=len(reading.lines))), lambda: None)
        ticket.start()
        try:
            scope = await services.store.settings.scope(
                interaction.guild_id,
                settings_channel(interaction.channel, interaction.channel_id or 0),
                interaction.user.id,
            )
            summary = Summary(services, reading, locale)
            stream = await summary.ask(scope, interaction.guild_id, ticket, interaction.user.display_name)
            problem = await self._follow(stream, summary, writer, self._heading(reading, start))
            await settle(services, ticket, stream, free=problem is not None and not stream.text)
            text = summary.text(stream.text)
            look = Look(
                text=f"{self._heading(reading, start)}\n{text}" if text else "",
                tail=problem.text(locale, utcnow()) if problem else "",
                notes=summary.notes() if text else [], live=False, most=MOST_SHOWN,
            )  # fmt: skip
            retry = problem is not None and problem.retry
            await writer.finish(look, lambda: again(start, locale) if retry else None)
        except (Undeliverable, Withdrawn):
            log.info("a catch-up could not be delivered")
        except asyncio.CancelledError:  # the process ends
            await writer.leave()
            await services.ledger.note("refund", lambda: services.store.usage.refund(ticket.charge))
            raise
        finally:
            ticket.end()

    async def _follow(self, stream: ChatStream, summary: Summary, writer: Writer, heading: str) -> Problem | None:
        try:
            async for _ in stream:
                if stream.text:
                    look = Look(text=f"{heading}\n{summary.text(stream.text)}", most=MOST_SHOWN)
                    writer.show(look, lambda: None)
        except errors.AntiphonError as error:
            log.info("a catch-up failed", error=type(error).__name__, request_id=stream.request_id)
            return describe(error, utcnow(), stream.request_id)
        return None

    def _heading(self, reading: Reading, start: Start) -> str:
        first = reading.lines[0].url
        if start.hours:
            return t(self._locale, "catchup-heading-hours", count=start.hours, link=first)
        if reading.stopped_at is None or start.message_id:
            return t(self._locale, "catchup-heading", link=first)
        return t(self._locale, "catchup-heading-since", when=countdown_at(reading.stopped_at.timestamp()), link=first)


async def settle(services: Services, ticket: Ticket, stream: ChatStream, *, free: bool) -> None:
    """Tokens are known at the end; a summary that failed without a word is not charged."""
    charge, tokens = ticket.charge, stream.usage.tokens or len(stream.text) // 4
    await services.ledger.note("tokens", lambda: services.store.usage.add_tokens(charge, tokens))
    if free:
        await services.ledger.note("refund", lambda: services.store.usage.refund(charge))


def again(start: Start, locale: str) -> discord.ui.View | None:
    since = start.message_id or start.hours
    action = "since" if start.message_id else "hours" if start.hours else "mine"
    return view_of(discord.ui.Button(label=t(locale, "button-retry"), custom_id=f"catchup:1:{action}:{since}"))


def start_of(action: str, since: int) -> Start | None:
    """The state in a button's id."""
    match action:
        case "since":
            return Start(message_id=since)
        case "hours":
            return Start(hours=since)
        case "mine":
            return Start()
    return None
