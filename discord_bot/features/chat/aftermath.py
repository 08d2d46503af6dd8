"""What happens to conversations from outside: edits, deletions, threads that go, the end of the process, its return."""

import asyncio
from typing import TYPE_CHECKING, Any

import discord
import structlog

from discord_bot.features.chat import buttons
from discord_bot.features.chat.addressing import without_mention
from discord_bot.features.chat.answer import Answer
from discord_bot.i18n import t
from discord_bot.rendering.view import Look, contents
from discord_bot.store.conversations import Turn

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
RECENT_MESSAGES = 25


class Aftermath:
    def __init__(self, bot: "AntiphonBot") -> None:
        self._bot, self._chat = bot, bot.chat

    async def on_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """The last question was changed: it is answered again, in place."""
        turn = await self._bot.store.conversations.by_message(payload.channel_id, payload.message_id)
        text = payload.data.get("content")
        if (
            turn is None
            or payload.message_id not in turn.question_ids
            or not text
            or "edited_timestamp" not in payload.data
            or not payload.data["edited_timestamp"]
        ):
            return
        question = without_mention(text, self._bot.user.id if self._bot.user else 0)
        if question == turn.question or len(turn.question_ids) != 1:
            return
        conversation = await self._bot.store.conversations.get(turn.conversation_id)
        newest = (await self._bot.store.conversations.history(turn.conversation_id))[-1:]
        running = self._chat.answers.get(turn.id)
        if running is not None:
            running.stop("", "deleted")
            await running.done.wait()
        turn.question, turn.state = question, "done"
        await self._chat.save(turn)
        if conversation is None or not newest or newest[0].id != turn.id:
            return  # an older question: only the context of the next answer changes
        channel: Any = self._bot.get_channel(turn.channel_id) or await self._bot.fetch_channel(turn.channel_id)
        turn.state, turn.former = "running", [*turn.former, turn.answer] if turn.answer else turn.former
        turn.answer = ""
        await self._chat.save(turn)
        await self._chat.run(Answer(self._bot, conversation, turn, channel, known=turn.message_ids))

    async def on_delete(self, channel_id: int, message_ids: set[int]) -> None:
        """A deleted question takes its answer along; a deleted answer ends it."""
        for message_id in message_ids:
            self._chat.forget(message_id)
            turn = await self._bot.store.conversations.by_message(channel_id, message_id)
            if turn is None or turn.state == "deleted":
                continue
            running = self._chat.answers.get(turn.id)
            if running is not None:
                running.stop("", "deleted")
                await running.done.wait()
                turn = await self._bot.store.conversations.turn(turn.id) or turn
            asked = message_id in turn.question_ids
            turn.state = "deleted"
            await self._chat.save(turn)
            if asked:
                await self._delete(channel_id, turn.message_ids)

    async def _delete(self, channel_id: int, message_ids: list[int]) -> None:
        channel: Any = self._bot.get_partial_messageable(channel_id)
        for message_id in message_ids:
            try:
                await channel.get_partial_message(message_id).delete()
            except discord.HTTPException:
                log.debug("an answer could not be deleted")

    async def on_thread_gone(self, channel_id: int) -> None:
        for answer in [one for one in self._chat.answers.values() if one.turn.channel_id == channel_id]:
            answer.stop("", "deleted")
        await self._bot.store.privacy.erase_place(channel_id)

    # --- restarts ----------------------------------------------------------------------------------

    async def interrupt_all(self) -> None:
        """The process ends: every running answer says so."""
        running = list(self._chat.answers.values())
        for answer in running:
            answer.stop(t(answer.turn.locale, "state-restart"), "interrupted")
        if running:
            await asyncio.wait([asyncio.ensure_future(answer.done.wait()) for answer in running], timeout=10)

    async def recover(self) -> None:
        """After a crash: what stands unfinished in Discord gets an honest end."""
        for turn in await self._bot.store.conversations.running():
            if turn.id in self._chat.answers:
                continue
            turn.state = "interrupted"
            await self._chat.save(turn)
            conversation = await self._bot.store.conversations.get(turn.conversation_id)
            if conversation is None or conversation.kind == "private":
                continue
            await self._mark_interrupted(turn)

    @staticmethod
    async def _last_message(channel: Any, turn: Turn) -> discord.Message | None:
        """The newest message of the answer. A crash may have come before its id was kept: then its button tells."""
        known: discord.Message | None = None
        if turn.message_ids:
            known = await channel.fetch_message(turn.message_ids[-1])
        mark = f"turn:1:stop:{turn.id}"
        async for message in channel.history(limit=RECENT_MESSAGES):
            ids = [
                getattr(item, "custom_id", "") for row in message.components for item in getattr(row, "children", ())
            ]
            if mark in ids:
                return message  # type: ignore[no-any-return] # the channel is one of several kinds
        return known

    async def _mark_interrupted(self, turn: Turn) -> None:
        channel: Any = self._bot.get_partial_messageable(turn.channel_id)
        offer = buttons.Offer(resume=bool(turn.answer), regenerate=True)
        line = t(turn.locale, "state-restart")
        try:
            message = await self._last_message(channel, turn)
            if message is not None:
                cursor = t(turn.locale, "cursor")
                text = message.content.partition(cursor)[0].rstrip()
                text = "" if text.startswith("-# ") else text
                await message.edit(content=f"{text}\n-# {line}".strip(), view=buttons.ended(turn, offer), suppress=True)
            else:
                look = Look(line=line, live=False)
                message = await channel.send(contents(look, turn.locale)[-1], view=buttons.ended(turn, offer))
            if message.id not in turn.message_ids:
                turn.message_ids = [*turn.message_ids, message.id]
                await self._chat.save(turn)
        except discord.HTTPException:
            log.info("an interrupted answer could not be marked")
