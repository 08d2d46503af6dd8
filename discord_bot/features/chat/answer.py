"""One answer: from the service's stream to finished messages, whatever happens meanwhile."""

import asyncio
import uuid

import discord
import structlog

from antiphon import errors
from discord_bot.features.chat import buttons
from discord_bot.features.chat.addressing import says_something
from discord_bot.features.chat.display import Display
from discord_bot.features.chat.ending import Ending, Stop, footer
from discord_bot.features.chat.prompt import Prompt, prepare
from discord_bot.features.chat.records import Records
from discord_bot.features.chat.request import Request
from discord_bot.features.tools.talk import Talk
from discord_bot.features.tools.toolbox import Fill
from discord_bot.i18n import t
from discord_bot.problems import Problem, delivery, describe, empty, short_reference, utcnow
from discord_bot.rendering.view import Look
from discord_bot.rendering.writer import Undeliverable, Withdrawn
from discord_bot.scope import conversation_key
from discord_bot.services import Services
from discord_bot.store.turns import State, Turn
from discord_bot.tracing import origin

log = structlog.get_logger(__name__)
KEPT_REASONING = 20_000


class Answer:
    """Runs once. `stop` may come at any moment: from a button, a deleted question, or a shutdown."""

    def __init__(self, services: Services, records: Records, fill: Fill, request: Request) -> None:
        self._services, self._records, self._fill, self.request = services, records, fill, request
        self.people = request.turn.people
        """Everybody whose words were read for it."""
        self.forgotten = False
        """One of them had everything erased meanwhile, or it was deleted in Discord: nothing of it is stored."""
        self._display = Display(services, request, records.removals)
        self._talk: Talk | None = None
        self._stop: Stop | None = None
        self._abandoned = False
        self.done = asyncio.Event()
        """It has ended, and the store knows how."""

    @property
    def turn(self) -> Turn:
        return self.request.turn

    @property
    def ending(self) -> bool:
        """Its last look, with the buttons of an ended answer, is on its way to Discord or there."""
        return self._display.ending

    # --- control -----------------------------------------------------------------------------

    def stop(self, sentence: str, state: State = State.STOPPED) -> bool:
        """False if it has ended already."""
        if self.done.is_set() or self._stop is not None:
            return False
        self._stop = Stop(sentence, state)
        if self._talk is not None:
            self._talk.cancel()
        return True

    async def abandon(self, state: State) -> None:
        """Ends it without a last update, because its place is gone or it is about to be overwritten; returns when it has."""
        self._abandoned = True
        self.stop("", state)
        await self.done.wait()

    def decide(self, *, allowed: bool) -> bool:
        """The person has pressed the button. False: nothing is waiting for it."""
        toolbox = self._talk.toolbox if self._talk is not None else None
        return toolbox is not None and toolbox.decide(allowed=allowed)

    # --- running ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Raises only CancelledError: every end is shown in the channel and stored."""
        services, turn, ticket = self._services, self.turn, self.request.ticket
        ticket.start()
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
            await self._break(error)
        finally:
            ticket.end()
            services.metrics.duration.observe(self._display.seconds)
            if turn.state is State.RUNNING:
                turn.state = State.FAILED
            await asyncio.shield(self._records.keep(self))

    async def _answer(self) -> None:
        turn, display = self.turn, self._display
        display.show_state(t(turn.locale, "state-thinking"))
        prompt = await prepare(self._services, self.request, self._fill)
        self.people |= prompt.history.people
        if prompt.history.left_out:
            display.notes.append(t(turn.locale, "state-history-cut", count=prompt.history.left_out))
        if prompt.toolbox is not None:
            prompt.toolbox.note, prompt.toolbox.ask = display.note, display.ask
            prompt.toolbox.people |= self.people
        talk = self._talk = self._begin(prompt)
        problem = await self._follow(talk)
        self.people |= prompt.toolbox.people if prompt.toolbox is not None else set()
        turn.answer = self.request.before + talk.text
        turn.reasoning = talk.reasoning[:KEPT_REASONING]
        turn.deployment = talk.deployment
        if problem is None and self._stop is None and not says_something(talk.text):
            problem = empty(talk.request_id)
        await self._account(talk, free=problem is not None and problem.retry and not talk.text and self._stop is None)
        self._services.metrics.answered(problem is None)
        await self._finish(talk, prompt, problem)

    def _begin(self, prompt: Prompt) -> Talk:
        services, conversation = self._services, self.request.conversation
        return Talk(
            lambda messages, tools: services.inference.chat(
                messages, prompt.model, tools=tools,
                tenant_id=str(conversation.guild_id or ""), user_id=str(self.request.ticket.payer),
                timeout=services.config.bot.answer_timeout, trace_parent=origin(),
                conversation_id=conversation_key(services.me, conversation.id),
            ),
            prompt.history.messages, prompt.toolbox,
        )  # fmt: skip

    async def _follow(self, talk: Talk) -> Problem | None:
        """Shows the stream to its end."""
        if self._stop is not None:
            talk.cancel()
        try:
            async for event in talk:
                self._display.on(event, talk.text, talk.deployment)
        except errors.AntiphonError as error:
            log.info("answer failed", error=type(error).__name__, request_id=talk.request_id)
            return describe(error, utcnow(), talk.request_id)
        return None

    async def _account(self, talk: Talk, *, free: bool) -> None:
        """Tokens are known at the end; an answer that failed without a word is not charged."""
        usage, charge = self._services.store.usage, self.request.ticket.charge
        tokens = talk.usage.tokens or len(talk.text) // 4
        await self._services.ledger.note("tokens", lambda: usage.add_tokens(charge, tokens))
        if free:
            await self._services.ledger.note("refund", lambda: usage.refund(charge))

    # --- the end -----------------------------------------------------------------------------------

    async def _finish(self, talk: Talk, prompt: Prompt, problem: Problem | None) -> None:
        request, turn, config = self.request, self.turn, self._services.config.bot
        ending = Ending(self._stop, problem, talk.finished.reason if talk.finished else "")
        if self._abandoned:
            turn.state = ending.state
            await self._display.leave()
            return
        seconds = self._display.seconds
        signature = (
            footer(talk.usage, talk.deployment, seconds, turn.locale) if prompt.scope.footer(config.footer) else ""
        )
        look = Look(
            text=turn.answer, tail=self._tail(ending, prompt), line=ending.line(turn.locale, signature),
            notes=self._display.notes, live=False, most=request.most,
        )  # fmt: skip
        offer = ending.offer(
            request, look, shows_reasoning=config.reasoning, reads_messages=config.message_content_intent
        )
        # Stored before its buttons can be pressed. The state stays RUNNING until Discord shows the end, so that whatever a
        # crash leaves half shown is found by it.
        await self._records.keep(self)
        await self._display.finish(look, offer, turn.answer, t(turn.locale, "state-whole-file"))
        turn.state = ending.state
        if (
            self._display.was_quiet
            and turn.state is State.DONE
            and request.reply_to is not None
            and not request.passing
        ):
            await self._say_done()

    def _tail(self, ending: Ending, prompt: Prompt) -> str:
        """The sentence below the text: what went wrong, or where the answer comes from."""
        locale = self.turn.locale
        if ending.stop is not None:
            return ""
        if ending.problem is not None:
            return ending.problem.text(locale, utcnow(), self._services.commands.of(locale, "model"))
        return prompt.toolbox.sources_line(t(locale, "tool-sources")) if prompt.toolbox is not None else ""

    async def _say_undelivered(self, reason: str) -> None:
        """Tells the asker alone, if possible; the channel accepts no more messages."""
        key, tell = delivery(reason), self.request.tell
        if key is None or tell is None or self._abandoned:
            return
        locale = self.turn.locale
        try:
            await tell(t(locale, "undelivered", reason=t(locale, key)))
        except discord.HTTPException:
            log.info("the asker could not be told")

    async def _break(self, error: Exception) -> None:
        """An unexpected error: shown as such, with an id that is in the logs."""
        reference = short_reference(uuid.uuid4().hex)
        self._services.metrics.errors.labels("answer").inc()
        log.error("an answer broke", reference=reference, exc_info=error)
        command = self._services.commands.of(self.turn.locale, "model")
        tail = describe(error, utcnow(), reference).text(self.turn.locale, utcnow(), command)
        offer = buttons.Offer(retry=not self.turn.answer, regenerate=bool(self.turn.answer))
        look = Look(text=self.turn.answer, tail=tail, live=False, most=self.request.most)
        try:
            await self._display.finish(look, offer)
        except (Undeliverable, Withdrawn, discord.HTTPException):
            log.info("a broken answer could not be marked", reference=reference)

    async def _say_done(self) -> None:
        done = t(self.turn.locale, "state-done")
        try:
            await self.request.channel.send(done, reference=self.request.reply_to, mention_author=False)
        except discord.HTTPException:
            log.info("the end of an answer could not be told")
