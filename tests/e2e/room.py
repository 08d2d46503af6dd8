"""The real bot in the test's own process, between an enforcing Discord and a scripted inference service.

Nothing is started but sockets, so a scene takes a second. What needs a process of its own (crashes, signals) is in the
tests with a `stage`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon.client import InferenceClient
from antiphon.config.load import load_config
from antiphon.v1 import chat_pb2, models_pb2
from discord_bot.bot import AntiphonBot
from discord_bot.metrics import BotMetrics
from discord_bot.store.database import open_store
from tests.fakes.discord.model import Channel, Guild, Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.inference import ScriptedInference, answer

WORDS = "Glaciers are slow rivers of ice."


@dataclass
class Room:
    discord: FakeDiscord
    service: ScriptedInference
    guild: Guild
    channel: Channel
    maria: Person
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    bot: AntiphonBot | None = None

    @property
    def me(self) -> str:
        return f"<@{self.discord.bot.id}>"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[AntiphonBot]:
        environ = {
            "ANTIPHON__BOT__API_BASE_URL": self.discord.api_url,
            "ANTIPHON__CLIENT__TARGET": self.service.target,
            "ANTIPHON__BOT__OPERATORS": f"[{self.maria.id}]",
            **self.settings,
        }
        config = load_config(environ=environ)
        store = await open_store(f"sqlite+aiosqlite:///{self.folder}/bot.sqlite3")
        async with InferenceClient.from_config(config, environ, service="antiphon-bot") as inference:
            bot = self.bot = AntiphonBot(config, store, inference, BotMetrics())
            living = asyncio.create_task(bot.start(self.discord.token))
            try:
                await self.discord.ready()
                await bot.wait_until_ready()
                yield bot
            finally:
                await bot.finish_answers()
                await bot.close()
                await asyncio.gather(living, return_exceptions=True)
                await store.close()

    async def person(self, name: str, **more: Any) -> Person:
        person = self.discord.add_user(name, **more)
        self.discord.join(self.guild, person)
        return person

    def asked(self, number: int = -1) -> str:
        """The last message of what the service was asked."""
        return text_of(self.service.chats[number].messages[-1])

    async def message(self, place: Channel, *words: str, button: str = "", number: int = -1) -> Message:
        """The bot's message there that holds the words and has the button."""

        def look() -> Message | None:
            fitting = [
                message
                for message in place.written
                if message.author is self.discord.bot
                and all(word in message.content for word in words)
                and (not button or button in message.buttons)
            ]
            return fitting[number] if fitting else None

        message: Message = await self.discord.wait_for(look)
        return message

    async def thread(self, count: int = 1) -> Channel:
        threads: list[Channel] = await self.discord.wait_for(
            lambda: len(self.guild.threads) >= count and self.guild.threads
        )
        return threads[count - 1]

    async def chats(self, count: int) -> None:
        """The service has been asked so often."""
        await self.discord.wait_for(lambda: len(self.service.chats) >= count)

    def script(self, make: Callable[[chat_pb2.ChatRequest], AsyncIterator[chat_pb2.ChatResponse]]) -> None:
        """The next answers; the world looks again whenever a question arrives."""

        async def told(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
            self.discord.changed()
            async for response in make(request):
                yield response

        self.service.on_chat(told)


def text_of(message: chat_pb2.Message) -> str:
    """Words and marks of a message as the service got it."""
    return "\n".join(
        part.text if part.HasField("text") else f"[{part.WhichOneof('content')}]" for part in message.parts
    )


def model(name: str, *tasks: models_pb2.Task.ValueType, **more: Any) -> models_pb2.Model:
    return models_pb2.Model(name=name, tasks=tasks or (models_pb2.TASK_CHAT,), available=True, **more)


@contextlib.asynccontextmanager
async def a_room(folder: Path, **settings: str) -> AsyncIterator[Room]:
    """`settings`: environment of the bot, without its prefix."""
    async with FakeDiscord() as discord, ScriptedInference() as service:  # type: ignore[abstract] # what is not scripted is not asked
        guild = discord.add_guild()
        channel = discord.add_text_channel(guild, "general")
        maria = discord.add_user("Maria")
        discord.join(guild, maria)
        service.listed.models.extend([model("chat"), model("second"), model("image", models_pb2.TASK_IMAGE)])
        more = {f"ANTIPHON__BOT__{name}": value for name, value in settings.items()}
        room = Room(discord, service, guild, channel, maria, folder, more)
        room.script(answer(WORDS))
        yield room
        assert discord.violations == []
