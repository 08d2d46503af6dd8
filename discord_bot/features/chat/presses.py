"""What each button under an answer does."""

import io
import re
from typing import Any

import discord
import structlog

from discord_bot.access import may_control
from discord_bot.admission import Refused
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.buttons import LABELS, PATTERN
from discord_bot.features.chat.context import recall_answer, said
from discord_bot.features.chat.feature import ChatFeature
from discord_bot.features.chat.forking import fork
from discord_bot.features.chat.places import FollowupChannel
from discord_bot.features.chat.recalling import recall
from discord_bot.features.chat.starting import Asked, go_on, teller
from discord_bot.i18n import t
from discord_bot.interactions import BotInteraction, answered, asker_of, pressable, private
from discord_bot.rendering.drawing import draw
from discord_bot.rendering.plates import plates
from discord_bot.rendering.splitter import split
from discord_bot.store.conversations import PASSING, Conversation, Kind
from discord_bot.store.turns import Turn

log = structlog.get_logger(__name__)
MOST_PARTS = 5  # follow-ups that an interaction allows
LONGEST_REPLY = 4_000
FOR_ALL = ("reasoning", "file", "picture", "reply", "fork")
"""In a place that everybody sees, what these show is no secret either."""


def turn_buttons(chat: ChatFeature) -> type[discord.ui.DynamicItem[Any]]:
    async def press(interaction: BotInteraction, match: "re.Match[str]", _: list[Any]) -> None:
        await Press(chat, interaction).press(match["action"], int(match["turn"]))

    return pressable(PATTERN, press, "button")


class Press:
    """One press of one person."""

    def __init__(self, chat: ChatFeature, interaction: BotInteraction) -> None:
        self._chat, self._interaction, self._locale = chat, interaction, interaction.locale.value

    async def press(self, action: str, turn_id: int) -> None:
        await self._acknowledge(action)
        store = self._chat.services.store.conversations
        standing = await self._chat.running.standing(turn_id)
        turn = await store.turn(turn_id)
        conversation = await store.get(turn.conversation_id) if turn else None
        if turn is None or conversation is None or action not in LABELS:
            await private(self._interaction, t(self._locale, "stale"))
            return
        if action in ("allow", "deny"):
            await self._decide(turn, allowed=action == "allow")
            return
        moderator = self._interaction.permissions.manage_messages if self._interaction.guild_id else False
        for_all = action in FOR_ALL and conversation.kind not in PASSING
        if not for_all and not may_control(asker_of(self._interaction), turn.asker_id, moderator=moderator):
            await private(self._interaction, t(self._locale, "access-control"))
            return
        match action:
            case "stop":
                await self._stop(turn)
            case "reasoning":
                await self._show(turn.reasoning)
            case "file":
                await self._send_file(turn)
            case "picture":
                await self._send_pictures(turn)
            case "share":
                await self._share(turn)
            case "reply":
                await self._interaction.response.send_modal(ReplyForm(self._chat, conversation, self._locale))
            case "fork":
                await fork(self._chat, self._interaction, conversation, turn)
            case _ if not standing:
                await private(self._interaction, t(self._locale, "answer-runs"))
            case _:
                await self._again(action, conversation, turn)

    async def _acknowledge(self, action: str) -> None:
        """Answers before anything is looked up: Discord waits three seconds, whatever the database or the service do."""
        if action in ("reasoning", "file", "picture", "fork"):
            await self._interaction.response.defer(ephemeral=True, thinking=True)
        elif action != "reply":  # a form must be the first response
            await self._interaction.response.defer()

    async def _stop(self, turn: Turn) -> None:
        running = self._chat.running.answers.get(turn.id)
        # By name: in a thread, "you" would be wrong for all readers but one.
        who = discord.utils.escape_markdown(self._interaction.user.display_name)
        if running is None or not running.stop(t(turn.locale, "state-stopped", who=who)):
            await private(self._interaction, t(self._locale, "nothing-to-stop"))

    async def _decide(self, turn: Turn, *, allowed: bool) -> None:
        """A tool waits for permission from the person for whom it would work, and from nobody else."""
        running = self._chat.running.answers.get(turn.id)
        if running is not None and running.request.ticket.payer != self._interaction.user.id:
            await private(self._interaction, t(self._locale, "access-asker"))
        elif running is None or not running.decide(allowed=allowed):
            await private(self._interaction, t(self._locale, "allow-late"))

    async def _show(self, text: str) -> None:
        for part in split(text or t(self._locale, "stale"))[:MOST_PARTS]:
            await self._interaction.followup.send(part.text, ephemeral=True)

    async def _send_file(self, turn: Turn) -> None:
        await recall_answer(self._chat.services, turn)
        if not turn.answer:
            await self._interaction.followup.send(t(self._locale, "stale"), ephemeral=True)
            return
        file = discord.File(io.BytesIO(turn.answer.encode()), "answer.md")
        await self._interaction.followup.send(file=file, ephemeral=True)

    async def _send_pictures(self, turn: Turn) -> None:
        """Wide tables, and formulas that text cannot say."""
        await recall_answer(self._chat.services, turn)
        drawn = await draw(plates(turn.answer))
        if not drawn:
            await self._interaction.followup.send(t(self._locale, "nothing-to-draw"), ephemeral=True)
            return
        named = [(f"{number}.png", data) for number, data in enumerate(drawn, 1)]
        files = [discord.File(io.BytesIO(data), name, description=t(self._locale, "plate-alt")) for name, data in named]
        await self._interaction.followup.send(files=files, ephemeral=True)

    async def _share(self, turn: Turn) -> None:
        """Shares a private answer with the channel, once."""
        message = self._interaction.message
        if not turn.answer and message is not None and len(turn.message_ids) == 1:
            turn.answer = said(message.content)  # not stored, but visible above the button
        if not turn.answer:
            await private(self._interaction, t(self._locale, "stale"))
            return
        await self._take_buttons()
        note = t(turn.locale, "shared-by", who=discord.utils.escape_markdown(self._interaction.user.display_name))
        question = next((part.text for part in turn.parts if says_something(part.text)), "")
        quoted = "> " + " ".join(question.split())[:300] + "\n" if question else ""
        parts = [part.text for part in split(quoted + turn.answer)]
        files = [discord.File(io.BytesIO(turn.answer.encode()), "answer.md")] if len(parts) > MOST_PARTS - 1 else []
        for part in parts[: MOST_PARTS - 1]:
            await self._interaction.followup.send(part, suppress_embeds=True)
        await self._interaction.followup.send(f"-# {note}", files=files)

    async def _again(self, action: str, conversation: Conversation, turn: Turn) -> None:
        """Handles "try again", "continue", "regenerate" and "answer now"; charges the person who presses."""
        chat, interaction, locale = self._chat, self._interaction, self._locale
        claim = chat.running.claim(turn.id)
        if claim is None or chat.running.is_busy(
            conversation.place_id
        ):  # two clicks on one button, or another answer here
            chat.running.release(turn.id, claim)
            await private(interaction, t(locale, "answer-runs"))
            return
        try:
            who = asker_of(interaction)
            denied = await chat.services.admission.refusal(who, locale, place=turn.channel_id)
            if not denied and not turn.asks_something and not await recall(chat.services, turn):
                denied = t(locale, "stale")
            if denied:
                await private(interaction, denied)
            elif conversation.kind in PASSING:
                await self._anew(conversation, turn)
            else:
                await self._in_place(action, conversation, turn)
        except Refused as refused:
            await private(interaction, str(refused))
        finally:
            chat.running.release(turn.id, claim)

    async def _take_buttons(self) -> None:
        """Buttons of the former answer are removed. In an archived thread they stay: nothing can be edited there."""
        try:
            await self._interaction.edit_original_response(view=None)
        except discord.HTTPException:
            log.info("the buttons of a former answer stay")

    async def _anew(self, conversation: Conversation, turn: Turn) -> None:
        """A private answer has no channel; the click opens a new one."""
        interaction, hidden = self._interaction, conversation.kind is Kind.PRIVATE
        ticket = await self._chat.services.admission.admit(
            asker_of(interaction), self._locale, place=conversation.place_id
        )
        turn.former = [*turn.former, turn.answer] if turn.answer else turn.former
        channel = FollowupChannel(interaction, ephemeral=hidden)
        await self._chat.ask_again(conversation, turn, ticket, channel, tell=teller(interaction))

    async def _in_place(self, action: str, conversation: Conversation, turn: Turn) -> None:
        """The former answer stays, without its buttons."""
        chat, interaction = self._chat, self._interaction
        ticket = await chat.services.admission.admit(asker_of(interaction), self._locale, place=conversation.place_id)
        await self._take_buttons()
        channel: Any = interaction.channel or await chat.services.rooms.fetch_channel(turn.channel_id)
        before, messages = "", None
        if action == "resume":
            await recall_answer(chat.services, turn)
            before, messages = turn.answer, turn.message_ids
        elif action in ("retry", "answer") and not turn.answer:
            pressed = [interaction.message.id] if interaction.message is not None else []
            messages = turn.message_ids or pressed  # a quick press comes before the message is stored
        elif turn.answer:
            turn.former = [*turn.former, turn.answer]
        reference = None
        has_question = turn.question_ids[-1:] != [channel.id]  # a thread's first message is in the channel above
        if messages is None and turn.question_ids and has_question and turn.channel_id == channel.id:
            reference = discord.MessageReference(
                message_id=turn.question_ids[-1], channel_id=channel.id, fail_if_not_exists=False
            )
        await chat.ask_again(
            conversation, turn, ticket, channel,
            reply_to=reference, before=before, known=messages, tell=teller(interaction),
        )  # fmt: skip


class ReplyForm(discord.ui.Modal):
    """For servers on which the bot cannot read messages: the next question of a thread, typed into a form."""

    def __init__(self, chat: ChatFeature, conversation: Conversation, locale: str) -> None:
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
        denied = await self._chat.services.admission.refusal(
            asker_of(interaction), locale, place=self._conversation.place_id
        )
        if not denied and not says_something(self.text.value):
            denied = t(locale, "empty-prompt")
        if denied:
            await private(interaction, denied)
            return
        await go_on(self._chat, interaction, self._conversation, Asked(self.text.value))
