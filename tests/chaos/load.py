"""Work that goes on while the town suffers, and the promises that are checked for every piece of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from antiphon.client import InferenceClient
from antiphon.errors import AntiphonError
from discord_bot.i18n import t
from tests.chaos.town import CALLER_TOKEN, Town
from tests.e2e.conftest import REGENERATE
from tests.e2e.test_conversation import body
from tests.fakes.discord.model import Channel, Message
from tests.fakes.discord.people import Person
from tests.fakes.upstream.server import TEXT

LONGEST = 90.0  # seconds that one piece of work may take, restarts and slow machines included
PAUSE = 0.1  # seconds between two tries of one caller
STOP = ("Stop", "Стоп")
SIGNS = tuple(f"-# {t(locale, 'state-thinking')}" for locale in ("en", "ru"))
CANARY = "zaunkönig"


@dataclass
class Load:
    """What happened to each request: whole, honestly failed, or a broken promise."""

    town: Town
    whole: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    talks: dict[Person, int] = field(default_factory=dict)
    """Questions that each person has asked in private."""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def note(self, kind: str, outcome: dict[str, int]) -> None:
        async with self._changed:
            outcome[kind] = outcome.get(kind, 0) + 1
            self._changed.notify_all()

    async def progress(self, count: int = 6, *, kinds: tuple[str, ...] = ("grpc", "http", "discord")) -> None:
        """So many more pieces of work have ended, in whichever way."""

        def ended() -> int:
            return sum(outcome.get(kind, 0) for outcome in (self.whole, self.failed) for kind in kinds)

        before = ended()
        async with asyncio.timeout(LONGEST), self._changed:
            await self._changed.wait_for(lambda: ended() >= before + count)

    async def repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self._over.is_set():
            await work()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), PAUSE)

    def over(self) -> None:
        self._over.set()

    # --- one piece of work each ----------------------------------------------------------------------

    async def grpc(self, client: InferenceClient) -> None:
        stream = client.chat("How do glaciers move?", timeout=30)
        try:
            async for _ in stream:
                pass
        except AntiphonError:
            await self.note("grpc", self.failed)
            return
        if stream.text != TEXT:
            self.broken.append(f"gRPC called {stream.text!r} a whole answer")
        await self.note("grpc", self.whole)

    async def http(self, session: aiohttp.ClientSession) -> None:
        asked = {"model": "chat", "messages": [{"role": "user", "content": "How do glaciers move?"}]}
        try:
            async with session.post(f"{self.town.http}/v1/chat/completions", json=asked) as answer:
                said = await answer.json()
        except (aiohttp.ClientError, OSError):  # TimeoutError included
            await self.note("http", self.failed)
            return
        if answer.status != 200:
            if "message" not in said.get("error", {}):
                self.broken.append(f"HTTP failed without a reason: {said}")
            await self.note("http", self.failed)
            return
        text = said["choices"][0]["message"]["content"]
        if text != TEXT:
            self.broken.append(f"HTTP called {text!r} a whole answer")
        await self.note("http", self.whole)

    async def talk(self, person: Person) -> Message:
        """One question, until its answer has come to an end: whole, or with a reason."""
        channel, discord = person.direct(), self.town.discord
        number = self.talks[person] = self.talks.get(person, 0) + 1
        before = len(written(channel))
        await person.say(channel, f"{CANARY} {number}" if person.name == "Ada" else f"question {number}")
        ended: Message = await discord.wait_for(lambda: next(filter(_ended, written(channel)[before:]), None), LONGEST)
        await self.note("discord", self.whole if is_whole(ended) else self.failed)
        return ended


def written(channel: Channel) -> list[Message]:
    """All of the bot, also what is gone again."""
    return [message for message in channel.written if message.author.bot]


def is_whole(message: Message) -> bool:
    return body(message.content) == TEXT and any(one in message.buttons for one in REGENERATE)


def _ended(message: Message) -> bool:
    """An answer that still grows can be stopped; one that has ended, or a refusal, cannot. The first sign is no end."""
    return message.content not in SIGNS and not any(one in message.buttons for one in STOP)


@contextlib.asynccontextmanager
async def working(town: Town, people: list[Person], callers: int = 2) -> AsyncIterator[Load]:
    """Callers over gRPC and HTTP, and people in Discord, until the block ends."""
    load = Load(town)
    headers = {"Authorization": f"Bearer {CALLER_TOKEN}"}
    timeout = aiohttp.ClientTimeout(total=30)
    async with (
        InferenceClient(town.target, CALLER_TOKEN, connect_timeout=5) as client,
        aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
    ):
        works: list[Callable[[], Awaitable[object]]] = [
            *(lambda: load.grpc(client) for _ in range(callers)),
            *(lambda: load.http(session) for _ in range(callers)),
            *((lambda person=person: load.talk(person)) for person in people),
        ]
        running = [asyncio.create_task(load.repeat(work)) for work in works]  # type: ignore[arg-type]
        try:
            yield load
        finally:
            load.over()
            await asyncio.gather(*running)
        # Nobody has helped: the next piece of each kind of work succeeds.
        async with asyncio.timeout(LONGEST):
            for kind, work in (("grpc", lambda: load.grpc(client)), ("http", lambda: load.http(session))):
                before = load.whole.get(kind, 0)
                while load.whole.get(kind, 0) == before:
                    await work()
