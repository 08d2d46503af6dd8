"""Reads a question that is not stored again from Discord."""

import discord

from discord_bot.features.chat.composing import compose
from discord_bot.features.chat.context import fetch
from discord_bot.features.chat.places import announced
from discord_bot.services import Services
from discord_bot.store.turns import Part, Turn


async def recall(services: Services, turn: Turn) -> bool:
    """Reads a question that is not stored from its messages in Discord. False: it is gone there, too."""
    try:
        messages = await fetch(services, turn.channel_id, turn.question_ids)
    except discord.HTTPException:
        return False
    me = services.me
    turn.parts = [
        Part(turn.asker_id, "", announced(message.content)) for message in messages if message.author.id == me
    ]
    if turn.parts:
        return True  # the question of a command is in the bot's own message above the answer
    if not any(message.author.id == turn.asker_id for message in messages):
        return False
    question = await compose(services, messages, turn.locale)
    turn.parts, turn.images = question.parts, question.images
    return bool(question)
