"""One answer: from the service's stream to messages that stand, in every state that it can be in."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

import discord
import structlog

from antiphon import errors, events
from discord_bot.conversation.history import History, build
from discord_bot.features.chat import buttons
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.context import recollect
from discord_bot.features.memory.notes import with_memory
from discord_bot.features.tools.talk import Talk
from discord_bot.features.tools.toolbox import Fill, Toolbox
from discord_bot.i18n import t
from discord_bot.notices import notice_text
from discord_bot.problems import Problem, delivery, describe, empty, short_reference, utcnow
from discord_bot.quotas import Ticket
from discord_bot.rendering.plates import plates
from discord_bot.rendering.view import MOST_SEGMENTS, Look, contents, needs_file
from discord_bot.rendering.writer import Undeliverable, Withdrawn, Writer
from discord_bot.scope import model_choices, persona_of
from discord_bot.services import Services
from discord_bot.store.conversations import PASSING, Conversation, Kind
from discord_bot.store.settings import Scope
from discord_bot.store.turns import State, Turn
from discord_bot.tracing import origin

log = structlog.get_logger(__name__)
Tell = Callable[[str], Awaitable[None]]
KEPT_REASONING = 20_000
CONTINUE = "Continue your last answer exactly where it stopped. Do not repeat anything and do not comment on this."
MOST_IN_INTERACTION = 4  # messages; an interaction allows five follow-ups
QUIET = 25.0  # seconds after which the end of an answer is said by a message of its own: edits notify nobody
RECENT = 10.0


class Keeper(Protocol):
    """What an answer asks of the conversations: that its end is noted."""

    async def keep(self, answer: "Answer") -> None: ...

    def removed(self, message_id: int) -> None: ...

    @property
    def toolbox(self) -> Fill: ...


class Answer:
    """Runs once. `stop` may come at any moment, from a button, a deleted question, or the end of the process."""

    def __init__(
        self,
        services: Services,
        keeper: Keeper,
        conversation: Conversation,
        turn: Turn,
        ticket: Ticket,
        channel: Any,
        *,
        reply_to: discord.MessageReference | None = None,
        before: str = "",
        known: list[int] | None = None,
        notices: list[str] | None = None,
        tell: Tell | None = None,
        sign_at: float = 0.0,
    ) -> None:
        """`before`: the half answer that is continued; `known`: messages to write over; `tell`: reaches the asker alone."""
        self._services, self._keeper = services, keeper
        self.conversation, self.turn, self.ticket, self.channel = conversation, turn, ticket, channel
        self.people = turn.people
        """Everybody whose words were read for it."""
        self.forgotten = False
        """One of them had everything erased meanwhile, or it was deleted in Discord: nothing of it is stored."""
        self._before, self._tell = before, tell
        self._passing = conversation.kind in PASSING
        self._most = MOST_IN_INTERACTION if self._passing else MOST_SEGMENTS
        self._notes = list(notices or [])
        self._writer = Writer(
            channel,
            turn.channel_id,
            services.paces,
            f"{turn.id}:{uuid.uuid4().hex[:8]}",
            turn.locale,
            reply_to=reply_to,
            known=known,
            sign_at=sign_at,
        )
        self._writer.on_messages = self._remember
        self._writer.on_removal = keeper.removed
        self._writer.on_first_text = lambda: services.metrics.first_text.observe(time.monotonic() - self._began)
        self._reply_to = reply_to
        self._stopped = ""  # the sentence that says by whom
        self._state_after_stop = State.STOPPED
        self._abandoned = False
        self._began = time.monotonic()
        self._thinking_since: float | None = None
        self._restarted: str | None = None
        self._stream: Talk | None = None
        self._toolbox: Toolbox | None = None
        self._question = ""  # what a tool needs to be allowed
        self._last_new_message = self._began
        self.done = asyncio.Event()
        """It has ended, and the store knows how."""

    # --- control -----------------------------------------------------------------------------

    def stop(self, sentence: str, state: State = State.STOPPED) -> bool:
        """False when it has ended already."""
        if self.done.is_set() or self._stopped:
            return False
        self._stopped, self._state_after_stop = sentence or " ", state
        if self._stream is not None:
            self._stream.cancel()
        return True

    async def abandon(self, state: State) -> None:
        """Ends it without a last look, because its place is gone or it is about to be written over; returns when it has."""
        self._abandoned = True
        self.stop("", state)
        await self.done.wait()

    # --- running ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Never raises but CancelledError: every end is told in the channel and kept in the store."""
        services, turn = self._services, self.turn
        self.ticket.start()
        structlog.contextvars.bind_contextvars(turn=turn.id)
        try:
            await self._answer()
        except Withdrawn:
            turn.state, self.forgotten = State.DELETED, True
        except Undeliverable as problem:
            turn.state = State.FAILED
            services.metrics.undelivered()
            log.warning("an answer could not be delivered", reason=str(problem))
            await self._say_undelivered(str(problem))
        except Exception as error:  # noqa: BLE001 - the outermost place of an answer; logged and told
            turn.state = State.FAILED
            await self._break(error)
        finally:
            self.ticket.end()
            services.metrics.duration.observe(time.monotonic() - self._began)
            if turn.state is State.RUNNING:
                turn.state = State.FAILED
            await asyncio.shield(self._keeper.keep(self))

    async def _answer(self) -> None:
        services, turn, config = self._services, self.turn, self._services.config
        self._show_state(t(turn.locale, "state-thinking"))
        scope = await services.store.settings.scope(
            self.conversation.guild_id, self.conversation.channel_id, turn.asker_id
        )
        persona = persona_of(config, scope, self.conversation)
        if scope.user.remembers:
            persona = with_memory(persona, await services.store.memory.notes(turn.asker_id))
        history, sees = await self._history(persona)
        self.people |= history.people
        if history.left_out:
            self._notes.append(t(turn.locale, "state-history-cut", count=history.left_out))
        choices = model_choices(config, scope, self.conversation, sees=sees, asked=turn.model)
        model = await services.catalogue.choose(choices, "chat")
        stream = self._stream = Talk(
            lambda messages, tools: services.inference.chat(
                messages, model, tools=tools,
                tenant_id=str(self.conversation.guild_id or ""), user_id=str(self.ticket.payer),
                timeout=config.bot.answer_timeout, trace_parent=origin(),
            ),
            history.messages, await self._tools(model, scope),
        )  # fmt: skip
        problem: Problem | None = None
        try:
            if self._stopped:
                stream.cancel()
            async for event in stream:
                self._on(event)
        except errors.AntiphonError as error:
            problem = describe(error, utcnow(), stream.request_id)
            log.info("answer failed", error=type(error).__name__, request_id=stream.request_id)
        self.people |= self._toolbox.people if self._toolbox is not None else set()
        turn.answer = self._before + stream.text
        turn.reasoning = stream.reasoning[:KEPT_REASONING]
        turn.deployment = stream.deployment
        if problem is None and not self._stopped and not says_something(stream.text):
            problem = empty(stream.request_id)
        await self._account(free=problem is not None and problem.retry and not stream.text and not self._stopped)
        services.metrics.answered(problem is None)
        await self._finish(problem, footer=scope.footer(config.bot.footer))

    async def _tools(self, model: str, scope: Scope) -> Toolbox | None:
        """None for a half answer that is continued, and for one of a comparison: they are words alone."""
        turn = self.turn
        if self._before or turn.model is not None:
            return None
        self._toolbox = await self._keeper.toolbox(
            self.conversation, self.channel, self.ticket.payer, turn.locale, model, scope
        )
        if self._toolbox is not None:
            self._toolbox.note, self._toolbox.ask = self._note, self._ask
            self._toolbox.people |= self.people
        return self._toolbox

    def _note(self, line: str) -> None:
        self._notes.append(line)
        self._show_words(t(self.turn.locale, "state-thinking"))

    def _ask(self, question: str) -> None:
        self._question = question
        self._show_words()

    def _show_words(self, line: str = "") -> None:
        text = self._stream.text if self._stream is not None else ""
        self._show(Look(text=self._before + text, line=line, notes=self._notes))

    def decide(self, *, allowed: bool) -> bool:
        """The person has pressed. False: nothing waits for it."""
        return self._toolbox is not None and self._toolbox.decide(allowed=allowed)

    async def _account(self, *, free: bool) -> None:
        """Tokens are known at the end; an answer that failed without a word is not charged."""
        assert self._stream is not None  # noqa: S101 - it has run
        usage, charge = self._services.store.usage, self.ticket.charge
        tokens = self._stream.usage.tokens or len(self._stream.text) // 4
        await self._services.ledger.note("tokens", lambda: usage.add_tokens(charge, tokens))
        if free:
            await self._services.ledger.note("refund", lambda: usage.refund(charge))

    async def _history(self, persona: str) -> tuple[History, bool]:
        """The branch of the conversation that leads to this question."""
        services, turn = self._services, self.turn
        store = services.store.conversations
        former = await recollect(services, (await store.line(turn))[:-1])
        answered = [one for one in former if one.answer]
        images = await store.images([one.id for one in (*answered, *([] if turn.images else [turn]))])
        for one in (*answered, turn):
            one.images = one.images or images.get(one.id, [])
        config = services.config.bot
        context = await services.catalogue.context_tokens(
            turn.model or self.conversation.model or config.chat_model, config.history_tokens
        )
        history = build(persona, [*answered, turn], context)
        if self._before:
            going_on = [events.Message.assistant(self._before), events.Message.user(CONTINUE)]
            history = replace(history, messages=[*history.messages, *going_on])
        return history, any(one.images for one in (*answered, turn))

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
            case events.Reasoning() if self._services.config.bot.reasoning:
                self._thinking_since = self._thinking_since or time.monotonic()
                seconds = int(time.monotonic() - self._thinking_since)
                if not stream.text:
                    self._show_state(t(locale, "state-reasoning", seconds=seconds))
            case events.Progress() if not stream.text:
                self._show_state(progress_line(event, locale))
            case events.Notice() if event.kind == "changed":
                self._notes.append(notice_text(locale, event, stream.deployment))
            case _:
                pass

    _shown_text = ""

    def _show_state(self, line: str) -> None:
        """What is continued stays in sight."""
        self._show(Look(text=self._before, line=line, notes=self._notes))

    def _show(self, look: Look) -> None:
        self._shown_text = look.text[len(self._before) :] if look.text else self._shown_text
        look.most = self._most
        asks = bool(self._question)
        if asks:
            look.tail, look.line = self._question, ""
        self._writer.show(look, lambda: buttons.live(self.turn, asks=asks))

    def _remember(self, ids: list[int]) -> None:
        if len(ids) > len(self.turn.message_ids):
            self._last_new_message = time.monotonic()
        self.turn.message_ids = list(ids)
        note = self._services.ledger.note("messages", lambda: self._services.store.conversations.update(self.turn))
        self._services.tasks.spawn(note, "messages")

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
            command = self._services.commands.of(locale, "model")
            turn.state, look.tail = State.FAILED, problem.text(locale, utcnow(), command)
        else:
            turn.state = State.DONE
            if self._toolbox is not None:
                look.tail = self._toolbox.sources_line(t(locale, "tool-sources"))
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
            reasoning=bool(turn.reasoning) and self._services.config.bot.reasoning,
            file=file and not needs_file(look),
            picture=bool(plates(turn.answer)),
            share=self.conversation.kind is Kind.PRIVATE and bool(turn.answer),
            fork=bool(turn.answer) and self.conversation.guild_id is not None,
            reply=self.conversation.kind is Kind.THREAD and not self._services.config.bot.message_content_intent,
        )
        # Before its buttons can be pressed.
        await self._keeper.keep(self)
        await self._writer.finish(
            look,
            lambda: buttons.ended(turn, offer, passing=self._passing),
            turn.answer,
            t(locale, "state-whole-file"),
        )
        late = seconds > QUIET and time.monotonic() - self._last_new_message > RECENT
        if late and turn.state is State.DONE and self._reply_to is not None and not self._passing:
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
        self._services.metrics.errors.labels("answer").inc()
        log.error("an answer broke", reference=reference, exc_info=error)
        command = self._services.commands.of(self.turn.locale, "model")
        tail = describe(error, utcnow(), reference).text(self.turn.locale, utcnow(), command)
        offer = buttons.Offer(retry=not self.turn.answer, regenerate=bool(self.turn.answer))
        look = Look(text=self.turn.answer, tail=tail, live=False, most=self._most)
        try:
            await self._writer.finish(look, lambda: buttons.ended(self.turn, offer, passing=self._passing))
        except (Undeliverable, Withdrawn, discord.HTTPException):
            log.info("a broken answer could not be marked", reference=reference)

    async def _say_done(self) -> None:
        try:
            await self.channel.send(t(self.turn.locale, "state-done"), reference=self._reply_to, mention_author=False)
        except discord.HTTPException:
            log.info("the end of an answer could not be told")


def progress_line(event: events.Progress, locale: str) -> str:
    if event.stage == "waiting" and event.eta is not None:
        return t(locale, "state-waiting", seconds=max(1, round(event.eta)))
    if event.queue_position is not None:
        if event.eta is not None:
            return t(locale, "state-queued-eta", position=event.queue_position, seconds=max(1, round(event.eta)))
        return t(locale, "state-queued", position=event.queue_position)
    if event.stage == "waiting":
        return t(locale, "state-slow")
    return t(locale, "state-loading" if event.stage == "loading" else "state-working")
