"""One question made of messages that belong together."""

from collections.abc import Sequence

import discord

from discord_bot.features.chat.addressing import says_something, without_mention
from discord_bot.features.chat.card import Card, Spot
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.words import named, names_in, names_of, said_by
from discord_bot.features.voice.listening import ears
from discord_bot.interactions import asker
from discord_bot.services import Services
from discord_bot.store.turns import Part


async def compose(services: Services, messages: Sequence[discord.Message], locale: str, *, before: int = 0) -> Question:
    """In the order of writing, each part with its author. `before`: that many earlier messages of the channel belong to it, too."""
    last = messages[-1]
    who = asker(last.author, last.guild.id if last.guild else None, last.channel.id, last.channel)
    question = Question(ids=[message.id for message in messages], listen=ears(services, who))
    card = Card(services, question, locale)
    for message in messages:
        await card.add(message)
        text = own_text(services, message)
        if says_something(text):
            question.parts.append(Part(message.author.id, message.author.display_name, text))
        await question.attach(message.author, message.attachments, locale)
    if messages and question:
        first = messages[0]
        spot = Spot(first.author, first.channel, first.guild.id if first.guild else None)
        await card.add_before(spot, first.id, before)
    if card.line:
        question.notices.insert(0, card.line)
    return question


async def compose_typed(
    services: Services,
    prompt: str,
    attachments: Sequence[discord.Attachment],
    spot: Spot,
    locale: str,
    *,
    before: int = 0,
    before_id: int = 0,
) -> Question:
    """The question of a command. `before`: that many messages before `before_id` belong to it, too."""
    who = asker(spot.person, spot.guild_id, spot.channel.id, spot.channel)
    question = Question(listen=ears(services, who))
    card = Card(services, question, locale)
    await card.add_links(prompt, spot)
    if says_something(prompt):
        guild = getattr(spot.channel, "guild", None)
        question.parts.append(Part(spot.person.id, spot.person.display_name, named(prompt, names_of(guild, prompt))))
    await question.attach(spot.person, attachments, locale)
    if question:
        await card.add_before(spot, before_id, before)
    if card.line:
        question.notices.insert(0, card.line)
    return question


def own_text(services: Services, message: discord.Message) -> str:
    """What a person writes to the bot, without mentioning it."""
    role = message.guild.self_role if message.guild else None
    accounts = (services.me, role.id) if role is not None else (services.me,)
    names = {key: name for key, name in names_in(message).items() if key[1] not in accounts}
    return without_mention(said_by(message, names, embeds=False), *accounts)


def holds_anything(services: Services, message: discord.Message) -> bool:
    """A bare mention is not a question, unless it refers to something."""
    pointed = message.reference or message.message_snapshots or message.stickers or message.poll
    return says_something(own_text(services, message)) or bool(message.attachments or pointed)
