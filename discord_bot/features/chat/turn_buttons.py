"""What each button under an answer does."""

import io
from typing import TYPE_CHECKING, Any

import discord

from discord_bot.features.chat.answer import Answer
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.rendering.splitter import split
from discord_bot.store.conversations import Conversation, Turn

if TYPE_CHECKING:
    from discord_bot.features.chat.feature import ChatFeature

MOST_PARTS = 5  # follow-ups that an interaction allows


async def press(
    chat: "ChatFeature", interaction: BotInteraction, action: str, conversation: Conversation, turn: Turn
) -> None:
    locale = interaction.locale.value
    match action:
        case "stop":
            running = chat.answers.get(turn.id)
            who = interaction.user.display_name
            if running is None or not running.stop(t(turn.locale, "state-stopped", who=who)):
                await private(interaction, t(locale, "nothing-to-stop"))
            elif not interaction.response.is_done():
                await interaction.response.defer()
        case "reasoning":
            await show_parts(interaction, turn.reasoning or t(locale, "stale"))
        case "file":
            data = io.BytesIO(turn.answer.encode())
            await interaction.response.send_message(file=discord.File(data, "answer.md"), ephemeral=True)
        case "share":
            await interaction.response.defer()
            note = t(locale, "shared-by", who=discord.utils.escape_markdown(interaction.user.display_name))
            for part in split(turn.answer):
                await interaction.followup.send(part.text, suppress_embeds=True)
            await interaction.followup.send(f"-# {note}")
        case _:
            await again(chat, interaction, action, conversation, turn)


async def show_parts(interaction: BotInteraction, text: str) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    for part in split(text)[:MOST_PARTS]:
        await interaction.followup.send(part.text, ephemeral=True)


async def again(
    chat: "ChatFeature", interaction: BotInteraction, action: str, conversation: Conversation, turn: Turn
) -> None:
    """Try again, continue, regenerate. The former answer stays where it stands, without its buttons."""
    locale = interaction.locale.value
    running = chat.answers.get(turn.id)
    if running is not None and turn.state != "running":  # it stands already and is being put away
        await running.done.wait()
    elif running is not None:
        await private(interaction, t(locale, "limit-concurrent", count=1))
        return
    if not turn.question:
        await private(interaction, t(locale, "stale"))
        return
    denied = await chat.denied(asker_of(interaction), locale)
    if denied:
        await private(interaction, denied)
        return
    await interaction.response.edit_message(view=None)
    bot = interaction.client
    channel: Any = interaction.channel or await bot.fetch_channel(turn.channel_id)
    before, known = "", None
    if action == "resume":
        before, known = turn.answer, turn.message_ids
    elif action == "retry" and not turn.answer:
        known = turn.message_ids
    elif turn.answer:
        turn.former = [*turn.former, turn.answer]
    turn.answer, turn.state = before, "running"
    if known is None:
        turn.message_ids = []
    await chat.save(turn)
    reference = None
    if known is None and turn.question_ids and turn.channel_id == channel.id:
        reference = discord.MessageReference(
            message_id=turn.question_ids[-1], channel_id=channel.id, fail_if_not_exists=False
        )
    answer = Answer(bot, conversation, turn, channel, reply_to=reference, before=before, known=known, upto=turn.id)
    bot.spawn(chat.run(answer), "answer")
