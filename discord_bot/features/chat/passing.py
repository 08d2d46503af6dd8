"""Answers that live in an interaction: after a crash they are still closed, as long as Discord accepts their token."""

import json
import time
from typing import Any

import discord
import structlog

from discord_bot.features.chat import buttons
from discord_bot.features.chat.context import said
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction
from discord_bot.services import Services
from discord_bot.store.turns import Turn

log = structlog.get_logger(__name__)
TOKEN_LIFE = 14.5 * 60  # seconds; Discord accepts a token for fifteen minutes


def _key(turn_id: int) -> str:
    return f"interaction:{turn_id}"


async def note(services: Services, turn_id: int, interaction: BotInteraction) -> None:
    """The way back to an answer that has begun. It holds no person's words."""
    way = {"app": interaction.application_id, "token": interaction.token, "until": time.time() + TOKEN_LIFE}
    await services.ledger.note("interaction", lambda: services.store.set_meta(_key(turn_id), json.dumps(way)))


async def forget(services: Services, turn_id: int) -> None:
    await services.ledger.note("interaction", lambda: services.store.delete_meta(_key(turn_id)))


async def close(services: Services, turn: Turn) -> None:
    """Gives what the person still sees growing a proper end, and buttons to answer again."""
    way = json.loads(await services.store.get_meta(_key(turn.id)) or "{}")
    await services.store.delete_meta(_key(turn.id))
    if not way or way["until"] < time.time():
        return
    client: Any = services.rooms
    webhook = discord.Webhook.partial(way["app"], way["token"], client=client)
    # Before its first message, the answer is Discord's own "thinking" message.
    target: Any = turn.message_ids[-1] if turn.message_ids else "@original"
    try:
        shown = ""
        if turn.message_ids:
            standing = (await webhook.fetch_message(target)).content
            shown = said(standing.partition(t(turn.locale, "cursor"))[0].rstrip())
        text = f"{shown}\n-# {t(turn.locale, 'state-restart')}".strip()
        view = buttons.ended(turn, buttons.Offer(regenerate=True), passing=True)
        await webhook.edit_message(target, content=text, view=view)
    except discord.HTTPException as error:
        log.info("a private answer could not be closed", status=error.status)
