"""What happens to conversations from outside: edits, deletions, deleted threads, shutdown and restart."""

import asyncio
from typing import Any

import discord
import structlog

from discord_bot.admission import Refused
from discord_bot.features.chat import buttons, passing
from discord_bot.features.chat.composing import compose
from discord_bot.features.chat.context import fetch, said
from discord_bot.features.chat.inbox import Inbox
from discord_bot.features.chat.question import Question
from discord_bot.i18n import t
from discord_bot.interactions import asker
from discord_bot.rendering.view import Look, contents
from discord_bot.store.conversations import PASSING
from discord_bot.store.turns import State, Turn

log = structlog.get_logger(__name__)
RECENT_MESSAGES = 25
LAST_WORDS = 10.0  # seconds for running answers to say that they are interrupted


class Aftermath:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox, self._chat, self._services = inbox, inbox.chat, inbox.services

    # --- edits ---------------------------------------------------------------------------------------

    async def on_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """The last question was edited: it is answered again, in place. An older one only changes the context."""
        message, store = payload.message, self._services.store.conversations
        # Discord also sends this for previews of links and for threads on a message.
        if message.author.id == self._services.me or not payload.data.get("edited_timestamp"):
            return
        if self._inbox.replace(message):
            return
        turn = await self._turn(payload.channel_id, payload.message_id)
        if turn is None or payload.message_id not in turn.question_ids:
            return
        channel: Any = self._services.rooms.get_channel(turn.channel_id) or await self._services.rooms.fetch_channel(
            turn.channel_id
        )
        question = await compose(self._services, await self._messages(turn, message), turn.locale)
        if question.text == turn.question or not question:
            return
        newest = await store.newest(turn.conversation_id)
        is_last = newest is not None and newest.id == turn.id
        running = self._chat.running.answers.get(turn.id)
        if running is not None:
            await running.abandon(State.DONE)
            turn = await store.turn(turn.id) or turn
        turn.parts, turn.images = question.parts, question.images
        keeping = await self._services.store.wishes.keeping(turn.people)
        await store.set_question(turn, keeping)
        if is_last:
            await self._answer_again(turn, message, channel, question)

    async def _turn(self, channel_id: int, message_id: int) -> Turn | None:
        """A question that started a thread is in the channel above; the thread has the message's id."""
        store = self._services.store.conversations
        return await store.by_message(channel_id, message_id) or await store.by_message(message_id, message_id)

    async def _messages(self, turn: Turn, changed: discord.Message) -> list[discord.Message]:
        """All messages of the question; deleted ones no longer belong to it."""
        messages = []
        for number in turn.question_ids:
            try:
                messages += (
                    [changed] if number == changed.id else await fetch(self._services, turn.channel_id, [number])
                )
            except discord.HTTPException:
                log.info("a part of a question is gone")
        return messages

    async def _answer_again(self, turn: Turn, message: discord.Message, channel: Any, question: Question) -> None:
        conversation = await self._services.store.conversations.get(turn.conversation_id)
        claim = self._chat.running.claim(turn.id)
        if conversation is None or self._chat.running.closing or claim is None:
            self._chat.running.release(turn.id, claim)
            return
        try:
            who = asker(message.author, conversation.guild_id, channel.id, channel)
            ticket = question.ticket or await self._services.admission.admit(who, turn.locale, place=channel.id)
            turn.former = [*turn.former, turn.answer] if turn.answer else turn.former
            await self._chat.ask_again(
                conversation, turn, ticket, channel, known=turn.message_ids, notices=question.notices
            )
        except Refused:
            return  # the former answer stays; the warning is not repeated for every further edit
        finally:
            self._chat.running.release(turn.id, claim)

    # --- deletions -------------------------------------------------------------------------------------

    async def on_delete(self, channel_id: int, message_ids: set[int]) -> None:
        others = {deleted for deleted in message_ids if not self._chat.records.removals.discard(deleted)}
        for message_id in others:
            self._inbox.forget(message_id)
        if others:
            await self._services.ledger.note("deletion", lambda: self._delete_turns(channel_id, others))

    async def _delete_turns(self, channel_id: int, message_ids: set[int]) -> None:
        """Deleting a question deletes its answer; deleting an answer ends it. May be called again for the same message."""
        store = self._services.store.conversations
        for message_id in message_ids:
            turn = await self._turn(channel_id, message_id)
            if turn is None or turn.state is State.DELETED:
                continue
            running = self._chat.running.answers.get(turn.id)
            if running is not None:
                running.forgotten = True
                await running.abandon(State.DELETED)
                turn = await store.turn(turn.id) or turn
            is_question = message_id in turn.question_ids
            if not is_question and message_id not in turn.message_ids[-1:] and running is None:
                continue  # one part of a long answer; the rest remains
            await store.erase(turn)
            if is_question:
                await self._delete(turn.channel_id, turn.message_ids)

    async def _delete(self, channel_id: int, message_ids: list[int]) -> None:
        channel = self._services.rooms.get_partial_messageable(channel_id)
        for message_id in message_ids:
            self._chat.records.removals.add(message_id)
            try:
                await channel.get_partial_message(message_id).delete()
            except discord.HTTPException:
                log.debug("an answer could not be deleted")

    async def on_thread_gone(self, channel_id: int) -> None:
        for answer in [
            running for running in self._chat.running.answers.values() if running.turn.channel_id == channel_id
        ]:
            await answer.abandon(State.DELETED)
        privacy = self._services.store.privacy
        await self._services.ledger.note("place gone", lambda: privacy.erase_place(channel_id))

    # --- restarts ----------------------------------------------------------------------------------

    async def interrupt_all(self) -> None:
        """Shutdown: every running answer says so, and none begins."""
        running = self._chat.running.close()
        if running:
            await asyncio.wait([asyncio.ensure_future(answer.done.wait()) for answer in running], timeout=LAST_WORDS)

    async def recover(self) -> None:
        """After a crash: gives everything unfinished in Discord a proper end."""
        store = self._services.store.conversations
        for turn in await store.running():
            if turn.id in self._chat.running.answers:
                continue
            turn.state = State.INTERRUPTED
            conversation = await store.get(turn.conversation_id)
            if conversation is not None and conversation.kind in PASSING:
                await passing.close(self._services, turn)
            elif conversation is not None:
                await self._mark_interrupted(turn)
            await store.update(turn)  # last: another crash before it means another attempt

    async def _standing(self, channel: Any, turn: Turn) -> list[discord.Message]:
        """The messages of the answer. A crash may have come before the newest id was stored."""
        recent = channel.history(limit=RECENT_MESSAGES)
        mine = [message async for message in recent if message.id in turn.message_ids or self._is_part(message, turn)]
        return mine[::-1]

    def _is_part(self, message: discord.Message, turn: Turn) -> bool:
        """Its buttons name the turn; the first sign has none yet and replies to the question."""
        if message.author.id != self._services.me:
            return False
        names_turn = any(parts[:2] == ["turn", "1"] and parts[3:4] == [str(turn.id)] for parts in _ids(message))
        asked_in = message.reference.message_id if message.reference is not None else None
        return names_turn or (asked_in in turn.question_ids and message.content == _sign(turn))

    async def _mark_interrupted(self, turn: Turn) -> None:
        channel: Any = self._services.rooms.get_channel(
            turn.channel_id
        ) or self._services.rooms.get_partial_messageable(turn.channel_id)
        line = t(turn.locale, "state-restart")
        try:
            standing = await self._standing(channel, turn)
            # Only what was shown is left of the half answer; it can be continued from there. It stays in Discord
            # alone: nobody knows any more whose words the prompt held, and so whom to ask before storing it.
            texts = [_shown(message.content, t(turn.locale, "cursor")) for message in standing]
            turn.answer = turn.answer or "\n".join(filter(None, texts))
            turn.message_ids = [*turn.message_ids, *(part.id for part in standing if part.id not in turn.message_ids)]
            if standing and not _grows(standing[-1], turn):
                # It had ended; only the record of it was lost.
                turn.state = State.DONE
                return
            view = buttons.ended(turn, buttons.Offer(resume=bool(turn.answer), regenerate=True))
            if standing:
                content = f"{texts[-1]}\n-# {line}".strip()
                await standing[-1].edit(content=content, view=view, suppress=True)
            else:
                look = Look(line=line, live=False)
                turn.message_ids.append((await channel.send(contents(look, turn.locale)[-1], view=view)).id)
        except discord.HTTPException:
            log.info("an interrupted answer could not be marked")


def _sign(turn: Turn) -> str:
    return f"-# {t(turn.locale, 'state-thinking')}"


def _grows(message: discord.Message, turn: Turn) -> bool:
    """It is a first sign, or it still offers to stop the answer."""
    return message.content == _sign(turn) or any(parts[2:3] == ["stop"] for parts in _ids(message))


def _ids(message: discord.Message) -> list[list[str]]:
    """The parts of the custom ids of its buttons."""
    items = (item for row in message.components for item in getattr(row, "children", ()))
    return [str(getattr(item, "custom_id", "")).split(":") for item in items]


def _shown(content: str, cursor: str) -> str:
    """The answer's own words in a message that was still growing."""
    text = said(content.partition(cursor)[0].rstrip())
    return "" if text.startswith("-# ") else text
