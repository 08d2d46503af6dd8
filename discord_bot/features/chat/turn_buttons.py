"""What each button under an answer does."""

import io
from typing import TYPE_CHECKING, Any

import discord

from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.answer import Answer, Tell
from discord_bot.features.chat.places import PASSING, PRIVATE, FollowupChannel
from discord_bot.features.chat.starting import Asked, go_on, teller
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, asker_of, private
from discord_bot.rendering.splitter import split
from discord_bot.store.conversations import Conversation, Turn

if TYPE_CHECKING:
    from discord_bot.features.chat.feature import ChatFeature

MOST_PARTS = 5  # follow-ups that an interaction allows
LONGEST_REPLY = 4_000


async def press(
    chat: "ChatFeature", interaction: BotInteraction, action: str, conversation: Conversation, turn: Turn
) -> None:
    locale = interaction.locale.value
    match action:
        case "stop":
            await _stop(chat, interaction, turn)
        case "reasoning":
            await _show_parts(interaction, turn.reasoning or t(locale, "stale"))
        case "file":
            data = io.BytesIO(turn.answer.encode())
            await interaction.response.send_message(file=discord.File(data, "answer.md"), ephemeral=True)
        case "share":
            await _share(interaction, turn)
        case "reply":
            await interaction.response.send_modal(ReplyForm(chat, conversation, locale))
        case "retry" | "resume" | "regenerate" | "answer":
            await _again(chat, interaction, action, conversation, turn)
        case _:
            await private(interaction, t(locale, "stale"))


async def _stop(chat: "ChatFeature", interaction: BotInteraction, turn: Turn) -> None:
    running = chat.answers.get(turn.id)
    # By name: in a thread "you" would be wrong for all readers but one.
    who = discord.utils.escape_markdown(interaction.user.display_name)
    if running is None or not running.stop(t(turn.locale, "state-stopped", who=who)):
        await private(interaction, t(interaction.locale.value, "nothing-to-stop"))
        return
    await interaction.response.defer()


async def _show_parts(interaction: BotInteraction, text: str) -> None:
    await interaction.response.defer(ephemeral=True, thinking=True)
    for part in split(text)[:MOST_PARTS]:
        await interaction.followup.send(part.text, ephemeral=True)


async def _share(interaction: BotInteraction, turn: Turn) -> None:
    """What one person was shown, for all; once."""
    if not turn.answer:
        await private(interaction, t(interaction.locale.value, "stale"))
        return
    await interaction.response.edit_message(view=None)
    note = t(turn.locale, "shared-by", who=discord.utils.escape_markdown(interaction.user.display_name))
    parts = [part.text for part in split(turn.answer)]
    files = [discord.File(io.BytesIO(turn.answer.encode()), "answer.md")] if len(parts) > MOST_PARTS - 1 else []
    for part in parts[: MOST_PARTS - 1]:
        await interaction.followup.send(part, suppress_embeds=True)
    await interaction.followup.send(f"-# {note}", files=files)


async def _again(
    chat: "ChatFeature", interaction: BotInteraction, action: str, conversation: Conversation, turn: Turn
) -> None:
    """Try again, continue, regenerate, answer now. The former answer stays where it stands, without its buttons."""
    locale = interaction.locale.value
    if not chat.claim(turn.id):  # two clicks on one button
        await private(interaction, t(locale, "answer-runs"))
        return
    try:
        running = chat.answers.get(turn.id)
        if running is not None and turn.state != "running":  # it stands already and is being put away
            await running.done.wait()
        elif running is not None or chat.is_busy(conversation.place_id):
            await private(interaction, t(locale, "answer-runs"))
            return
        denied = await chat.bot.admission.refusal(asker_of(interaction), locale, place=turn.channel_id)
        if not denied and not turn.question and not await chat.recall(turn):
            denied = t(locale, "stale")
        if denied:
            await private(interaction, denied)
            return
        tell = teller(interaction)
        if conversation.kind in PASSING:
            await _anew(chat, interaction, conversation, turn, tell)
        else:
            await _in_place(chat, interaction, action, conversation, turn, tell)
    finally:
        chat.release(turn.id)


async def _anew(
    chat: "ChatFeature", interaction: BotInteraction, conversation: Conversation, turn: Turn, tell: Tell
) -> None:
    """An answer that only one person sees has no channel; the click opens a new one."""
    await interaction.response.defer(ephemeral=conversation.kind == PRIVATE, thinking=True)
    turn.former = [*turn.former, turn.answer] if turn.answer else turn.former
    turn.answer, turn.state, turn.message_ids = "", "running", []
    await chat.save(turn)
    channel: Any = FollowupChannel(interaction, ephemeral=conversation.kind == PRIVATE)
    await chat.run(Answer(chat.bot, conversation, turn, channel, tell=tell))


async def _in_place(
    chat: "ChatFeature",
    interaction: BotInteraction,
    action: str,
    conversation: Conversation,
    turn: Turn,
    tell: Tell,
) -> None:
    await interaction.response.edit_message(view=None)
    channel: Any = interaction.channel or await chat.bot.fetch_channel(turn.channel_id)
    before, known = "", None
    if action == "resume":
        before, known = turn.answer, turn.message_ids
    elif action in ("retry", "answer") and not turn.answer:
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
    await chat.run(
        Answer(chat.bot, conversation, turn, channel, reply_to=reference, before=before, known=known, tell=tell)
    )


class ReplyForm(discord.ui.Modal):
    """For servers on which the bot cannot read messages: the next question of a thread, typed into a form."""

    def __init__(self, chat: "ChatFeature", conversation: Conversation, locale: str) -> None:
        super().__init__(title=t(locale, "reply-modal-title"))
        self._chat, self._conversation = chat, conversation
        self.text: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label=t(locale, "reply-modal-text"), style=discord.TextStyle.paragraph, max_length=LONGEST_REPLY
        )
        self.add_item(self.text)

    async def on_submit(self, interaction: Any, /) -> None:
        chosen: BotInteraction = interaction
        async with answered(chosen, "button:replied"):
            await self._ask(chosen)

    async def _ask(self, interaction: BotInteraction) -> None:
        locale = interaction.locale.value
        denied = await self._chat.bot.admission.refusal(
            asker_of(interaction), locale, place=self._conversation.place_id
        )
        if not denied and not says_something(self.text.value):
            denied = t(locale, "empty-prompt")
        if denied:
            await private(interaction, denied)
            return
        await go_on(self._chat, interaction, self._conversation, Asked(self.text.value))
