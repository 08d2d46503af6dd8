"""/chat and everything else that starts or continues a conversation by an interaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord
import structlog

from discord_bot.admission import Refused
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.asking import Asking, Tell
from discord_bot.features.chat.card import IN_THREADS, Spot
from discord_bot.features.chat.composing import compose_typed
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.places import FollowupChannel, announcement, is_home, may_have_thread, thread_on
from discord_bot.features.chat.question import Question
from discord_bot.features.chat.sign import Sign
from discord_bot.features.choice import is_locked, may_change
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, asker_of, private
from discord_bot.ledger import TROUBLE
from discord_bot.store.conversations import Conversation, Kind
from discord_bot.store.settings import SettingScope

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Asked:
    """The fields that a person has filled in."""

    prompt: str
    attachments: Sequence[discord.Attachment] = ()
    model: str | None = None
    persona: str | None = None
    hidden: bool = False


async def start(chat: ChatFeature, interaction: BotInteraction, form: Asked) -> None:
    """/chat: in a new thread if the channel has threads, else where it was used."""
    locale = interaction.locale.value
    denied: str | None = t(locale, "empty-prompt")
    if form.model and await is_locked(chat.services, interaction):
        denied = t(locale, "model-locked")
    elif says_something(form.prompt) or form.attachments:
        denied = await chat.services.admission.refusal(asker_of(interaction), locale, place=interaction.id)
    if denied:
        await private(interaction, denied)
        return
    at_home = is_home(interaction)
    here = await _conversation_here(chat, interaction) if at_home and not form.hidden else None
    if here is not None and (form.model or form.persona) and not may_change(interaction, here):
        await private(interaction, t(locale, "model-owner"))
    elif here is not None:
        await _choose(chat, here, form)
        await go_on(chat, interaction, here, form)
    elif form.hidden or not at_home or interaction.channel is None:
        await interaction.response.defer(ephemeral=form.hidden, thinking=True)
        question = await compose_typed(chat.services, form.prompt, form.attachments, _spot(interaction), locale)
        await answer_interaction(
            chat, interaction, question, hidden=form.hidden, model=form.model, persona=form.persona
        )
    else:
        await _in_place(chat, interaction, form)


async def _conversation_here(chat: ChatFeature, interaction: BotInteraction) -> Conversation | None:
    """The conversation of the current place."""
    if interaction.channel_id is None:
        return None
    store, place = chat.services.store.conversations, interaction.channel_id
    if interaction.guild_id is None and interaction.context.dm_channel:
        return await store.find(place) or await store.create(place, place, None, interaction.user.id, Kind.DIRECT)
    return await store.find(place) if isinstance(interaction.channel, discord.Thread) else None


async def _choose(chat: ChatFeature, conversation: Conversation, form: Asked) -> None:
    """Another model or persona from this question on; earlier turns stay."""
    store = chat.services.store.conversations
    if form.model:
        conversation.model = form.model
        await store.set_model(conversation.id, form.model)
    if form.persona:
        conversation.persona = form.persona
        await store.set_persona(conversation.id, form.persona)


async def _in_place(chat: ChatFeature, interaction: BotInteraction, form: Asked) -> None:
    """In a new thread, or as a chain of replies in channels without threads."""
    locale, services, channel = interaction.locale.value, chat.services, interaction.channel
    said = await interaction.response.send_message(
        announcement(interaction.user.display_name, form.prompt, len(form.attachments)), suppress_embeds=True
    )
    settings = await services.store.settings.guild(interaction.guild_id)
    message = _as_message(said, interaction)
    thread = await thread_on(message, form.prompt, settings) if may_have_thread(channel, interaction.guild) else None
    if thread is None and settings.threads and isinstance(channel, discord.TextChannel):
        await private(interaction, t(locale, "no-threads"))
    if thread is not None:
        chat.titles.wanted(thread.id, form.prompt)
    place: Any = thread or channel
    conversation = await services.store.conversations.create(
        thread.id if thread else message.id,
        place.id,
        interaction.guild_id,
        interaction.user.id,
        Kind.THREAD if thread else Kind.CHAIN,
        model=form.model,
        persona=form.persona,
    )
    reference = None if thread else _reference(message.id, place.id)
    await _ask(chat, interaction, conversation, form, place, reference, message.id)
    await first_words(chat, interaction)


def _spot(interaction: BotInteraction) -> Spot:
    return Spot(interaction.user, interaction.channel or discord.Object(interaction.id), interaction.guild_id)


def _as_message(said: Any, interaction: BotInteraction) -> Any:
    """The answer that Discord has just returned, as a message that a thread can be attached to: no further request."""
    resource = said.resource
    partial = interaction.channel.get_partial_message(resource.id) if resource is not None else None  # type: ignore[union-attr] # checked before
    return partial or resource


def _reference(message_id: int, channel_id: int) -> discord.MessageReference:
    return discord.MessageReference(message_id=message_id, channel_id=channel_id, fail_if_not_exists=False)


async def go_on(chat: ChatFeature, interaction: BotInteraction, conversation: Conversation, form: Asked) -> None:
    """The next question of an existing conversation, in its place."""
    said = await interaction.response.send_message(
        announcement(interaction.user.display_name, form.prompt, len(form.attachments)), suppress_embeds=True
    )
    place: Any = interaction.channel
    message_id = said.message_id or interaction.id
    await _ask(chat, interaction, conversation, form, place, _reference(message_id, place.id), message_id)


async def _ask(
    chat: ChatFeature,
    interaction: BotInteraction,
    conversation: Conversation,
    form: Asked,
    place: Any,
    reference: discord.MessageReference | None,
    message_id: int,
) -> None:
    locale = interaction.locale.value
    sign = Sign(place, locale, reply_to=reference)
    try:
        called = conversation.kind is Kind.CHAIN and isinstance(place, discord.Thread)
        question = await compose_typed(
            chat.services, form.prompt, form.attachments, _spot(interaction), locale,
            before=IN_THREADS if called else 0, before_id=message_id,
        )  # fmt: skip
        question.ids = [message_id]  # where the question is
        if not question:
            await sign.drop()
            await private(interaction, "\n".join(question.notices) or t(locale, "empty-prompt"))
            return
        if conversation.closed:
            await chat.services.store.conversations.set_closed(conversation.id, closed=False)
        await _run(chat, interaction, conversation, question, place, place.id, reference, sign)
    finally:
        await sign.drop()


async def _run(
    chat: ChatFeature,
    interaction: BotInteraction,
    conversation: Conversation,
    question: Question,
    channel: Any,
    channel_id: int,
    reference: discord.MessageReference | None = None,
    sign: Sign | None = None,
) -> None:
    asking = Asking(
        asker_of(interaction), question, interaction.locale.value, channel, channel_id,
        tell=teller(interaction), reply_to=reference, sign=sign,
    )  # fmt: skip
    try:
        await chat.ask(conversation, asking)
    except Refused as refused:
        await private(interaction, str(refused))


async def answer_interaction(
    chat: ChatFeature,
    interaction: BotInteraction,
    question: Question,
    *,
    hidden: bool = True,
    model: str | None = None,
    persona: str | None = None,
) -> None:
    """One answer in a deferred interaction; it cannot be continued."""
    locale, channel_id = interaction.locale.value, interaction.channel_id or interaction.id
    if not question:
        await private(interaction, "\n".join(question.notices) or t(locale, "empty-prompt"))
        return
    conversation = await chat.services.store.conversations.create(
        interaction.id,
        channel_id,
        interaction.guild_id,
        interaction.user.id,
        Kind.PRIVATE if hidden else Kind.PUBLIC,
        model=model,
        persona=persona,
    )
    channel = FollowupChannel(interaction, ephemeral=hidden)
    await _run(chat, interaction, conversation, question, channel, channel_id)
    await first_words(chat, interaction)


async def first_words(chat: ChatFeature, interaction: BotInteraction) -> None:
    """Tells first-time askers privately where their questions go."""
    settings, who, locale = chat.services.store.settings, interaction.user.id, interaction.locale.value
    try:
        if (await settings.user(who)).told or interaction.is_expired():
            return
        await settings.set(SettingScope.USER, who, "told", True)
        command = chat.services.commands.of(locale, "privacy")
        await interaction.followup.send(t(locale, "first-words", command=command), ephemeral=True)
    except (discord.HTTPException, *TROUBLE):
        log.info("the first words could not be told")


def teller(interaction: BotInteraction) -> Tell:
    """Tells the person alone, as long as the interaction can be answered."""

    async def tell(text: str) -> None:
        if not interaction.is_expired():
            await private(interaction, text)

    return tell
