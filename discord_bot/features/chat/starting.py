"""/chat, menus and the form below an answer: questions that come as interactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord

from discord_bot.conversation.title import thread_name
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.answer import Answer, Tell
from discord_bot.features.chat.places import PRIVATE, PUBLIC, FollowupChannel, announcement, thread_on
from discord_bot.features.chat.question import Question, typed
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.scope import scope_of
from discord_bot.store.conversations import Conversation

if TYPE_CHECKING:
    from discord_bot.features.chat.feature import ChatFeature


@dataclass(frozen=True)
class Asked:
    """What a person has filled in."""

    prompt: str
    attachments: Sequence[discord.Attachment] = ()
    model: str | None = None
    persona: str | None = None
    hidden: bool = False


async def start(chat: "ChatFeature", interaction: BotInteraction, asked: Asked) -> None:
    """/chat: in a thread of its own where there are threads, else where it was asked."""
    locale = interaction.locale.value
    denied: str | None = t(locale, "empty-prompt")
    if says_something(asked.prompt) or asked.attachments:
        denied = await chat.bot.admission.refusal(asker_of(interaction), locale, place=interaction.id)
    if denied:
        await private(interaction, denied)
        return
    # Installed by a person alone, the bot sees nothing of the place: what it may do there is to answer.
    at_home = interaction.guild_id is None or interaction.is_guild_integration()
    here = await _conversation_here(chat, interaction, asked) if at_home and not asked.hidden else None
    if here is not None:
        await go_on(chat, interaction, here, asked)
    elif asked.hidden or not at_home or not isinstance(interaction.channel, discord.TextChannel):
        await interaction.response.defer(ephemeral=asked.hidden, thinking=True)
        question = await typed(asked.prompt, asked.attachments, locale)
        await answer_interaction(
            chat, interaction, question, hidden=asked.hidden, model=asked.model, persona=asked.persona
        )
    else:
        await _in_thread(chat, interaction, interaction.channel, asked)


async def _conversation_here(chat: "ChatFeature", interaction: BotInteraction, asked: Asked) -> Conversation | None:
    """The conversation that a place already is; a wish for another model or persona asks for a new one."""
    if asked.model or asked.persona or interaction.channel_id is None:
        return None
    store, place = chat.bot.store.conversations, interaction.channel_id
    if interaction.guild_id is None and interaction.context.dm_channel:
        known = await store.find(place)
        return known or await store.create(place, place, None, interaction.user.id, "direct", model=None, persona=None)
    return await store.find(place) if isinstance(interaction.channel, discord.Thread) else None


async def _in_thread(
    chat: "ChatFeature", interaction: BotInteraction, channel: discord.TextChannel, asked: Asked
) -> None:
    locale, store = interaction.locale.value, chat.bot.store
    await interaction.response.send_message(
        announcement(interaction.user.display_name, asked.prompt), suppress_embeds=True
    )
    message = await channel.fetch_message((await interaction.original_response()).id)
    scope = await scope_of(store, interaction.guild_id, channel.id, interaction.user.id)
    wanted = scope.get("threads", True)
    thread = await thread_on(message, asked.prompt, scope) if wanted else None
    if thread is None and wanted:
        await private(interaction, t(locale, "no-threads"))
    await chat.first_words(interaction)
    place: Any = thread or channel
    conversation = await store.conversations.create(
        thread.id if thread else message.id,
        place.id,
        interaction.guild_id,
        interaction.user.id,
        "thread" if thread else "chain",
        model=asked.model,
        persona=asked.persona,
        title=thread_name(asked.prompt) if thread else "",
    )
    reference = None if thread else message.to_reference(fail_if_not_exists=False)
    await _ask(chat, interaction, conversation, await typed(asked.prompt, asked.attachments, locale), place, reference)


async def go_on(chat: "ChatFeature", interaction: BotInteraction, conversation: Conversation, asked: Asked) -> None:
    """The next question of a conversation that stands already, in its place."""
    await interaction.response.send_message(
        announcement(interaction.user.display_name, asked.prompt), suppress_embeds=True
    )
    sent = await interaction.original_response()
    place: Any = interaction.channel
    reference = discord.MessageReference(message_id=sent.id, channel_id=place.id, fail_if_not_exists=False)
    question = await typed(asked.prompt, asked.attachments, interaction.locale.value)
    await _ask(chat, interaction, conversation, question, place, reference)


async def _ask(
    chat: "ChatFeature",
    interaction: BotInteraction,
    conversation: Conversation,
    question: Question,
    place: Any,
    reference: discord.MessageReference | None,
) -> None:
    locale = interaction.locale.value
    if not question:
        await private(interaction, "\n".join(question.notices) or t(locale, "empty-prompt"))
        return
    if conversation.closed:
        await chat.bot.store.conversations.change(conversation.id, closed=False)
    turn = await chat.add_turn(conversation, interaction.user, question, locale, place.id)
    await chat.run(
        Answer(
            chat.bot,
            conversation,
            turn,
            place,
            reply_to=reference,
            notices=question.notices,
            tell=teller(interaction),
        )
    )


async def answer_interaction(
    chat: "ChatFeature",
    interaction: BotInteraction,
    question: Question,
    *,
    hidden: bool = True,
    model: str | None = None,
    persona: str | None = None,
) -> None:
    """One answer in an interaction that was deferred; it is no conversation that goes on."""
    locale, channel_id = interaction.locale.value, interaction.channel_id or interaction.id
    if not question:
        await private(interaction, "\n".join(question.notices) or t(locale, "empty-prompt"))
        return
    conversation = await chat.bot.store.conversations.create(
        interaction.id,
        channel_id,
        interaction.guild_id,
        interaction.user.id,
        PRIVATE if hidden else PUBLIC,
        model=model,
        persona=persona,
    )
    turn = await chat.add_turn(conversation, interaction.user, question, locale, channel_id)
    channel: Any = FollowupChannel(interaction, ephemeral=hidden)
    await chat.run(Answer(chat.bot, conversation, turn, channel, notices=question.notices, tell=teller(interaction)))
    await chat.first_words(interaction)


def teller(interaction: BotInteraction) -> Tell:
    """Tells the person alone, as long as Discord lets the interaction be answered."""

    async def tell(text: str) -> None:
        if not interaction.is_expired():
            await private(interaction, text)

    return tell
