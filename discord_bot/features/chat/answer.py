"""One answer: from the service's stream to messages that stand, in every state that it can be in."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import discord
import structlog

from antiphon import errors, events
from antiphon.streams import ChatStream
from discord_bot.conversation.history import History, build
from discord_bot.features.chat import buttons
from discord_bot.features.chat.context import recollect
from discord_bot.features.chat.places import PASSING, PRIVATE
from discord_bot.i18n import t
from discord_bot.problems import Problem, delivery, describe, short_reference, utcnow
from discord_bot.rendering.view import MOST_SEGMENTS, Look, contents, needs_file
from discord_bot.rendering.writer import Undeliverable, Withdrawn, Writer
from discord_bot.scope import model_of, persona_of, scope_of
from discord_bot.store.conversations import Conversation, Turn
from discord_bot.tracing import origin

if TYPE_CHECKING:
    from discord_bot.bot import AntiphonBot

log = structlog.get_logger(__name__)
Tell = Callable[[str], Awaitable[None]]
KEPT_REASONING = 20_000
CONTINUE = "Continue your last answer exactly where it stopped. Do not repeat anything and do not comment on this."
MOST_IN_INTERACTION = 4  # messages; an interaction allows five follow-ups
QUIET = 25.0  # seconds after which the end of an answer is said by a message of its own: edits notify nobody
RECENT = 10.0


class Answer:
    """Runs once. `stop` may come at any moment, from a button, a deleted question, or the end of the process."""

    def __init__(
        self,
        bot: "AntiphonBot",
        conversation: Conversation,
        turn: Turn,
        channel: discord.abc.Messageable,
        *,
        reply_to: discord.MessageReference | None = None,
        before: str = "",
        known: list[int] | None = None,
        notices: list[str] | None = None,
        tell: Tell | None = None,
    ) -> None:
        """`before`: the half answer that is continued; `known`: messages to write over; `tell`: reaches the asker alone."""
        self._bot, self.conversation, self.turn, self._channel = bot, conversation, turn, channel
        self.asked = turn.question
        self._before, self._tell = before, tell
        self._passing = conversation.kind in PASSING
        self._most = MOST_IN_INTERACTION if self._passing else MOST_SEGMENTS
        self._notes = list(notices or [])
        self._writer = Writer(
            channel,
            turn.channel_id,
            bot.paces,
            f"{turn.id}:{uuid.uuid4().hex[:8]}",
            turn.locale,
            reply_to=reply_to,
            known=known,
        )
        self._writer.on_messages = self._remember
        self._writer.on_removal = bot.chat.removals.add
        self._writer.on_first_text = lambda: bot.metrics.first_text.observe(time.monotonic() - self._began)
        self._reply_to = reply_to
        self._stopped = ""  # the sentence that says by whom
        self._state_after_stop = "stopped"
        self._abandoned = False
        self._began = time.monotonic()
        self._thinking_since: float | None = None
        self._restarted: str | None = None
        self._stream: ChatStream | None = None
        self._last_new_message = self._began
        self.done = asyncio.Event()
        """It has ended, and the store knows how."""

    # --- control -----------------------------------------------------------------------------

    def stop(self, sentence: str, state: str = "stopped") -> bool:
        """False when it has ended already."""
        if self.done.is_set() or self._stopped:
            return False
        self._stopped, self._state_after_stop = sentence or " ", state
        if self._stream is not None:
            self._stream.cancel()
        return True

    async def abandon(self, state: str) -> None:
        """Ends it without a last look, because its place is gone or it is about to be written over; returns when it has."""
        self._abandoned = True
        self.stop("", state)
        await self.done.wait()

    # --- running ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Never raises but CancelledError: every end is told in the channel and kept in the store."""
        bot, turn = self._bot, self.turn
        bot.gate.begin(turn.asker_id, self.conversation.place_id)
        structlog.contextvars.bind_contextvars(turn=turn.id)
        try:
            await self._answer()
        except Withdrawn:
            turn.state = "deleted"
        except Undeliverable as problem:
            turn.state = "failed"
            bot.metrics.undelivered()
            log.warning("an answer could not be delivered", reason=str(problem))
            await self._say_undelivered(str(problem))
        except Exception as error:  # noqa: BLE001 - the outermost place of an answer; logged and told
            turn.state = "failed"
            await self._break(error)
        finally:
            bot.gate.end(turn.asker_id)
            bot.metrics.duration.observe(time.monotonic() - self._began)
            if turn.state == "running":
                turn.state = "failed"
            await asyncio.shield(bot.chat.keep(self))

    async def _answer(self) -> None:
        bot, turn = self._bot, self.turn
        scope = await scope_of(bot.store, self.conversation.guild_id, self.conversation.channel_id, turn.asker_id)
        history, sees = await self._history(persona_of(bot.config, scope, self.conversation))
        if history.left_out:
            self._notes.append(t(turn.locale, "state-history-cut", count=history.left_out))
        model = model_of(bot.config, scope, self.conversation, sees=sees)
        self._show(Look(line=t(turn.locale, "state-thinking"), notes=self._notes))
        stream = self._stream = bot.inference.chat(
            history.messages,
            model,
            tenant_id=str(self.conversation.guild_id or ""),
            user_id=str(turn.asker_id),
            timeout=bot.config.bot.answer_timeout,
            trace_parent=origin(),
        )
        problem: Problem | None = None
        try:
            if self._stopped:
                stream.cancel()
            async for event in stream:
                self._on(event)
        except errors.AntiphonError as error:
            problem = describe(error, utcnow(), stream.request_id)
            log.info("answer failed", error=type(error).__name__, request_id=stream.request_id)
        turn.answer = self._before + stream.text
        turn.reasoning = stream.reasoning[:KEPT_REASONING]
        turn.deployment = stream.deployment
        tokens = stream.usage.tokens or len(stream.text) // 4
        await bot.store.usage.add(
            self.conversation.guild_id, turn.asker_id, requests=int(not problem or bool(stream.text)), tokens=tokens
        )
        bot.metrics.answered(problem is None)
        await self._finish(problem, footer=bool(scope.get("footer", bot.config.bot.footer)))

    async def _history(self, persona: str) -> tuple[History, bool]:
        """The branch of the conversation that leads to this question."""
        bot, turn = self._bot, self.turn
        former = await recollect(bot, (await bot.store.conversations.line(turn))[:-1])
        turns = [*(one for one in former if one.answer), turn]
        images = await bot.store.conversations.images([one.id for one in turns])
        context = await bot.catalogue.context_tokens(
            self.conversation.model or bot.config.bot.chat_model, bot.config.bot.history_tokens
        )
        several = len({one.asker_id for one in turns}) > 1
        made = build(persona, turns, images, context, several=several)
        if self._before:
            made = History(
                [*made.messages, events.Message.assistant(self._before), events.Message.user(CONTINUE)], made.left_out
            )
        return made, any(images.values())

    def _on(self, event: events.ChatEvent) -> None:
        """Shows what happened; never waits."""
        stream, locale = self._stream, self.turn.locale
        assert stream is not None  # noqa: S101 - it is what yields
        match event:
            case events.Delta():
                text = stream.text
                # After a restart the former text stays until the new one is as long: no flicker.
                if self._restarted is not None and len(text) < len(self._restarted):
                    text = self._restarted
                self._show(Look(text=self._before + text, notes=self._notes))
            case events.Handover() if event.keep_chars == 0:
                self._restarted = self._restarted or self._shown_text
            case events.Reasoning() if self._bot.config.bot.reasoning:
                self._thinking_since = self._thinking_since or time.monotonic()
                seconds = int(time.monotonic() - self._thinking_since)
                if not stream.text:
                    self._show(Look(line=t(locale, "state-reasoning", seconds=seconds), notes=self._notes))
            case events.Progress() if not stream.text:
                self._show(Look(line=progress_line(event, locale), notes=self._notes))
            case events.Notice() if event.kind == "changed":
                self._notes.append(event.message)
            case _:
                pass

    _shown_text = ""

    def _show(self, look: Look) -> None:
        self._shown_text = look.text[len(self._before) :] if look.text else self._shown_text
        look.most = self._most
        self._writer.show(look, lambda: buttons.live(self.turn))

    def _remember(self, ids: list[int]) -> None:
        if len(ids) > len(self.turn.message_ids):
            self._last_new_message = time.monotonic()
        self.turn.message_ids = list(ids)
        self._bot.spawn(self._bot.chat.save(self.turn), "save")

    # --- the end -----------------------------------------------------------------------------------

    async def _finish(self, problem: Problem | None, *, footer: bool) -> None:
        turn, locale, stream = self.turn, self.turn.locale, self._stream
        assert stream is not None  # noqa: S101 - it has run
        if self._abandoned:
            turn.state = self._state_after_stop
            await self._writer.leave()
            return
        look = Look(text=turn.answer, notes=self._notes, live=False, most=self._most)
        seconds = time.monotonic() - self._began
        reason = stream.finished.reason if stream.finished else ""
        if self._stopped:
            turn.state, look.line = self._state_after_stop, self._stopped.strip()
        elif problem is not None:
            turn.state, look.tail = "failed", problem.text(locale, utcnow())
        else:
            turn.state = "done"
            if reason == "length":
                look.line = t(locale, "state-cut-off")
            elif reason == "content_filter":
                look.line = t(locale, "state-filtered")
            elif footer:
                look.line = self._footer(seconds)
        file = len(contents(look, locale)) > 2
        offer = buttons.Offer(
            retry=problem is not None and problem.retry and not turn.answer,
            resume=bool(turn.answer) and (bool(self._stopped) or problem is not None or reason == "length"),
            regenerate=bool(turn.answer) or bool(self._stopped),
            reasoning=bool(turn.reasoning) and self._bot.config.bot.reasoning,
            file=file and not needs_file(look),
            share=self.conversation.kind == PRIVATE and bool(turn.answer),
            reply=self.conversation.kind == "thread" and not self._bot.message_content,
        )
        # Before its buttons can be pressed.
        await self._bot.chat.save(turn)
        await self._writer.finish(
            look,
            lambda: buttons.ended(turn, offer, passing=self._passing),
            turn.answer,
            t(locale, "state-whole-file"),
        )
        late = seconds > QUIET and time.monotonic() - self._last_new_message > RECENT
        if late and turn.state == "done" and self._reply_to is not None and not self._passing:
            await self._say_done()

    def _footer(self, seconds: float) -> str:
        stream, locale = self._stream, self.turn.locale
        assert stream is not None  # noqa: S101 - it has run
        line = t(locale, "state-footer", model=stream.deployment, seconds=f"{seconds:.1f}")
        # Of an answer that was there at once a speed says nothing.
        speed = stream.usage.completion_tokens / seconds if seconds >= 1 else 0.0
        return f"{line} · {t(locale, 'state-speed', speed=round(speed))}" if speed >= 1 else line

    async def _say_undelivered(self, reason: str) -> None:
        """To the asker alone, where that is possible; the channel takes nothing more."""
        key = delivery(reason)
        if key is None or self._tell is None or self._abandoned:
            return
        locale = self.turn.locale
        try:
            await self._tell(t(locale, "undelivered", reason=t(locale, key)))
        except discord.HTTPException:
            log.info("the asker could not be told")

    async def _break(self, error: Exception) -> None:
        """Something that nothing expected: told as such, with an id that is in the logs."""
        reference = short_reference(uuid.uuid4().hex)
        self._bot.metrics.errors.labels("answer").inc()
        log.error("an answer broke", reference=reference, exc_info=error)
        tail = describe(error, utcnow(), reference).text(self.turn.locale, utcnow())
        offer = buttons.Offer(retry=not self.turn.answer, regenerate=bool(self.turn.answer))
        look = Look(text=self.turn.answer, tail=tail, live=False, most=self._most)
        try:
            await self._writer.finish(look, lambda: buttons.ended(self.turn, offer, passing=self._passing))
        except (Undeliverable, Withdrawn, discord.HTTPException):
            log.info("a broken answer could not be marked", reference=reference)

    async def _say_done(self) -> None:
        try:
            await self._channel.send(t(self.turn.locale, "state-done"), reference=self._reply_to, mention_author=False)  # type: ignore[arg-type] # it is one
        except discord.HTTPException:
            log.info("the end of an answer could not be told")


def progress_line(event: events.Progress, locale: str) -> str:
    if event.stage == "waiting" and event.eta is not None:
        return t(locale, "state-waiting", seconds=max(1, round(event.eta)))
    if event.queue_position is not None:
        if event.eta is not None:
            return t(locale, "state-queued-eta", position=event.queue_position, seconds=max(1, round(event.eta)))
        return t(locale, "state-queued", position=event.queue_position)
    return t(locale, "state-working", stage=event.stage)
