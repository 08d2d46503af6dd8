"""The queue of one conversation: one answer at a time; messages that arrive meanwhile are answered together."""

import asyncio
from collections.abc import Awaitable, Callable

import discord
import structlog

log = structlog.get_logger(__name__)
MERGE = 1.2  # seconds within which messages belong to one question
FINISHED = 0.5  # the same after a finished sentence
SENTENCE_END = tuple(".!?…。！？")
LONGEST_MERGE = 8.0  # however long a person types
WAITING = "🕓"

Handle = Callable[[list[discord.Message], float], Awaitable[None]]
"""Gets the messages, and since when (of the loop's clock) their author waits."""


class Desk:
    """Ends by itself when nothing is left to answer; `is_idle` says when it may be dropped.

    `line` is the lock of whatever is answering in the conversation: a command, a button or a message. `merges`:
    several messages may make up one question; a question that starts a conversation has only one.
    """

    def __init__(self, handle: Handle, line: asyncio.Lock, *, merges: bool = True) -> None:
        self._handle, self._line, self._merges = handle, line, merges
        self._pending: list[discord.Message] = []
        self._marked: set[int] = set()
        self._arrived = asyncio.Event()
        self._typing_until = 0.0
        self._task: asyncio.Task[None] | None = None
        self._answering = False
        self._reactions: set[asyncio.Task[None]] = set()  # keeps them from being garbage collected while they run

    @property
    def is_idle(self) -> bool:
        return self._task is None or self._task.done()

    def add(self, message: discord.Message) -> None:
        self._pending.append(message)
        self._arrived.set()
        if self.is_idle:
            self._task = asyncio.create_task(self._work(), name=f"desk:{message.channel.id}")
        elif self._answering:
            self._marked.add(message.id)
            self._react(message, add=True)

    def remove(self, message_id: int) -> bool:
        """A waiting message was deleted."""
        before = len(self._pending)
        self._pending = [message for message in self._pending if message.id != message_id]
        return len(self._pending) < before

    def replace(self, message: discord.Message) -> bool:
        """A waiting message was edited: its new text is the question."""
        for number, waiting in enumerate(self._pending):
            if waiting.id == message.id:
                self._pending[number] = message
                return True
        return False

    def typing(self, user_id: int) -> None:
        """The asker is still typing, so the question waits. Other people's typing delays nothing."""
        if any(message.author.id == user_id for message in self._pending):
            self._typing_until = asyncio.get_running_loop().time() + MERGE
            self._arrived.set()

    async def end(self) -> None:
        """Nothing more is answered; returns when the current work has been undone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._pending:
            since = loop.time()
            await self._gather()
            if await self._until_free():
                since = loop.time()
            # Their events may have overtaken each other; ids are in the order of writing.
            together, self._pending = sorted(self._pending, key=lambda waiting: waiting.id), []
            for message in together:
                if message.id in self._marked:
                    self._marked.discard(message.id)
                    self._react(message, add=False)
            if together:
                self._answering = True
                try:
                    await self._handle(together, since)
                except Exception:
                    # One failing question must not end the conversation.
                    log.exception("a question could not be answered")
                self._answering = False

    async def _until_free(self) -> bool:
        """What is written until the present answer is complete belongs to the same question. Returns whether there was any."""
        if not self._line.locked():
            return False
        self._answering = True
        for message in self._pending:
            self._marked.add(message.id)
            self._react(message, add=True)
        async with self._line:
            self._answering = False
        return True

    async def _gather(self) -> None:
        """Waits until nobody has written or typed for a moment."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_MERGE
        while self._merges and loop.time() < until:
            self._arrived.clear()
            try:
                async with asyncio.timeout(max(self._pause(), self._typing_until - loop.time())):
                    await self._arrived.wait()
            except TimeoutError:
                if self._typing_until <= loop.time():
                    return

    def _pause(self) -> float:
        ended = self._pending and self._pending[-1].content.rstrip().endswith(SENTENCE_END)
        return FINISHED if ended else MERGE

    def _react(self, message: discord.Message, *, add: bool) -> None:
        async def react() -> None:
            try:
                if add:
                    await message.add_reaction(WAITING)
                elif message.guild is not None:
                    await message.remove_reaction(WAITING, message.guild.me)
            except discord.HTTPException:
                log.debug("no reaction was possible")

        task = asyncio.create_task(react())
        self._reactions.add(task)
        task.add_done_callback(self._reactions.discard)
