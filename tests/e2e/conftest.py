"""The whole product: a Discord that enforces its rules, the real bot process, the real service process, a provider."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.discord.model import Channel, Guild, Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.upstream.server import FakeUpstream
from tests.support.processes import Process, running

REGENERATE = ("Regenerate", "Заново")


@dataclass
class Stage:
    discord: FakeDiscord
    upstream: FakeUpstream
    guild: Guild
    channel: Channel
    maria: Person
    folder: Path
    target: str
    service: Process | None = None
    bot: Process | None = None
    more: dict[str, str] = field(default_factory=dict)
    """Further environment of the bot."""

    @property
    def bot_environment(self) -> dict[str, str]:
        return {
            "DISCORD_TOKEN": self.discord.token,
            "ANTIPHON__BOT__API_BASE_URL": self.discord.api_url,
            "ANTIPHON__CLIENT__TARGET": self.target,
            "ANTIPHON__BOT__DATABASE": f"sqlite+aiosqlite:///{self.folder}/bot.sqlite3",
            "ANTIPHON__BOT__OPERATORS": f"[{self.maria.id}]",
            **self.more,
        }

    @property
    def written(self) -> list[Message]:
        """All that the bot has written on the server, also what is gone again."""
        places = [*self.guild.channels.values(), *self.guild.threads]
        return [message for place in places for message in place.written if message.author is self.discord.bot]

    @contextlib.asynccontextmanager
    async def running_bot(self) -> AsyncIterator[Process]:
        async with running("discord_bot", directory=self.folder, environ=self.bot_environment) as bot:
            self.bot = bot
            await bot.line("ready: ")
            await self.discord.ready()
            yield bot

    async def finished(self, channel: Channel, number: int = -1, label: tuple[str, ...] = REGENERATE) -> Message:
        """The bot's message there once it is whole: with the buttons of an ended answer."""

        def look() -> Message | None:
            mine = channel.from_bot
            if not mine or (number >= 0 and len(mine) <= number):
                return None
            return mine[number] if any(one in mine[number].buttons for one in label) else None

        message: Message = await self.discord.wait_for(look)
        return message

    async def thread(self, count: int = 1) -> Channel:
        threads: list[Channel] = await self.discord.wait_for(
            lambda: len(self.guild.threads) >= count and self.guild.threads
        )
        return threads[count - 1]


def environment(upstream: FakeUpstream, model: str) -> dict[str, str]:
    options = '{preset = "plain"}'
    return {
        "ANTIPHON__SERVICE__PORT": "0",
        "ANTIPHON__SERVICE__STATUS_PAGE": "false",
        "ANTIPHON__SERVICE__HTTP": "false",
        "ANTIPHON__SERVICE__GRACE": "1.5",
        "ANTIPHON__EMBEDDED__IMAGE_SECONDS": "0.4",
        "ANTIPHON__PROVIDERS__A__KIND": "openai",
        "ANTIPHON__PROVIDERS__A__BASE_URL": upstream.base("a"),
        "ANTIPHON__PROVIDERS__A__MODELS": f'["{model}"]',
        "ANTIPHON__PROVIDERS__A__OPTIONS": options,
        "ANTIPHON__PROVIDERS__A__ANONYMOUS": "true",
        "ANTIPHON__PROVIDERS__EMBEDDED__KIND": "embedded",
        "ANTIPHON__ROUTES__CHAT__DEPLOYMENTS": f'["a/{model}"]',
        "ANTIPHON__ROUTES__VISION__DEPLOYMENTS": f'["a/{model}"]',
    }


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """`@pytest.mark.service(NAME="value")` changes the service's environment."""
    async with FakeDiscord() as discord, FakeUpstream() as upstream:
        guild = discord.add_guild()
        channel = discord.add_text_channel(guild, "general")
        maria = discord.add_user("Maria")
        discord.join(guild, maria)
        upstream.behaviour["voice"] = "ok"
        marker = request.node.get_closest_marker("service")
        environ = {**environment(upstream, "voice"), **(marker.kwargs if marker else {})}
        async with running("inference_service", directory=tmp_path, environ=environ) as service:
            target = (await service.line("ready: ")).split()[1]
            stage = Stage(discord, upstream, guild, channel, maria, tmp_path, target, service)
            try:
                yield stage
            finally:
                upstream.hold.set()
        assert discord.violations == []


Look = Callable[[], Any]
