"""A whole town for chaos: a Discord, a provider, the service and the bot, each process watched over and started again.

Whoever watches over a process does what a service manager does, and nothing else: no person helps.
"""

import asyncio
import contextlib
import resource
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.discord.model import Guild
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.upstream.server import FakeUpstream
from tests.support.processes import Process, running
from tests.support.redis import free_port

CLOCK = Path(__file__).parent / "clock"
PROVIDER_KEY, CALLER_TOKEN = "canary-provider-key-000000000001", "canary-caller-token-00000001"
ENDLESS = resource.RLIM_INFINITY


class Watched:
    """A process that is started again whenever it ends, until it is told to end."""

    def __init__(self, module: str, folder: Path, environ: dict[str, str]) -> None:
        self._module, self._folder, self._environ = module, folder, environ
        self._process: Process | None = None
        self._ended = False
        self._up = False
        self._changed = asyncio.Condition()
        self.starts = 0
        self.said: list[str] = []

    async def run(self) -> None:
        while not self._ended:
            async with running(self._module, directory=self._folder, environ=self._environ) as process:
                self._process, self.starts = process, self.starts + 1
                waiting = asyncio.create_task(process.wait(3_600))
                ready = asyncio.create_task(process.line("ready: "))
                await asyncio.wait({waiting, ready}, return_when=asyncio.FIRST_COMPLETED)
                await self._is(up=ready.done() and ready.exception() is None)
                await waiting
                ready.cancel()
                await asyncio.gather(ready, return_exceptions=True)
                await self._is(up=False)
                self.said += [*process.lines, *process.errors]

    async def _is(self, *, up: bool) -> None:
        async with self._changed:
            self._up = up
            self._changed.notify_all()

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    async def kill(self) -> None:
        """As a crash would; returns when it is there again."""
        before = self.starts
        await self.process.kill()
        await self.back(before + 1)

    async def back(self, start: int) -> None:
        """It is up in its start of that number, or a later one."""
        async with asyncio.timeout(90), self._changed:
            await self._changed.wait_for(lambda: self._up and self.starts >= start)

    async def end(self) -> None:
        self._ended = True
        if self.process.running:
            await self.process.end()

    # --- what a machine may run out of -------------------------------------------------------------

    def fill_disk(self) -> None:
        """Every write to a file fails; a limit of the process needs no rights."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (1, ENDLESS))

    def free_disk(self) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (ENDLESS, ENDLESS))

    def take_descriptors(self) -> tuple[int, int]:
        """It can open nothing more. Returns what to give back."""
        limits = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        held = len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (held, limits[1]))
        return limits

    def give_descriptors(self, limits: tuple[int, int]) -> None:
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, limits)


@dataclass
class Town:
    folder: Path
    discord: FakeDiscord
    upstream: FakeUpstream
    guild: Guild
    service: Watched
    bot: Watched
    target: str
    http: str
    database: str
    _clock: Path = field(default=Path())

    def move_clock(self, seconds: float) -> None:
        """Of both processes."""
        self._clock.write_bytes(struct.pack("<d", seconds))

    @property
    def said(self) -> list[str]:
        """Everything that the processes have printed."""
        living = [line for one in (self.service, self.bot) for line in (*one.process.lines, *one.process.errors)]
        return [*self.service.said, *self.bot.said, *living]


@contextlib.asynccontextmanager
async def town(folder: Path, *, database: str = "", redis: str = "") -> AsyncIterator[Town]:
    clock = folder / "clock"
    clock.write_bytes(struct.pack("<d", 0.0))
    both = {"PYTHONPATH": str(CLOCK), "ANTIPHON_TEST_CLOCK": str(clock)}
    port, http_port = free_port(), free_port()
    target = f"127.0.0.1:{port}"
    database = database or f"sqlite+aiosqlite:///{folder}/bot.sqlite3"
    async with FakeDiscord() as discord, FakeUpstream() as upstream:
        upstream.behaviour["voice"] = "ok"
        guild = discord.add_guild()
        service = Watched("inference_service", folder, {**both, **_service(upstream, port, http_port, redis)})
        bot = Watched("discord_bot", folder, {
            **both,
            "DISCORD_TOKEN": discord.token,
            "ANTIPHON_TOKEN": CALLER_TOKEN,
            "ANTIPHON__BOT__API_BASE_URL": discord.api_url,
            "ANTIPHON__CLIENT__TARGET": target,
            "ANTIPHON__BOT__DATABASE": database,
            "ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_HOUR": "0",
            "ANTIPHON__BOT__QUOTAS__USER_REQUESTS_PER_DAY": "0",
        })  # fmt: skip
        town = Town(
            folder, discord, upstream, guild, service, bot, target, f"http://127.0.0.1:{http_port}", database, clock
        )
        watching = [asyncio.create_task(one.run()) for one in (service, bot)]
        try:
            await asyncio.gather(service.back(1), bot.back(1))
            await discord.ready()
            yield town
        finally:
            await asyncio.gather(bot.end(), service.end())
            await asyncio.gather(*watching)


def _service(upstream: FakeUpstream, port: int, http_port: int, redis: str) -> dict[str, str]:
    provider = "ANTIPHON__PROVIDERS__A__"
    return {
        "ANTIPHON__SERVICE__PORT": str(port),
        "ANTIPHON__SERVICE__STATUS_PAGE": "false",
        "ANTIPHON__SERVICE__HTTP": "true",
        "ANTIPHON__SERVICE__HTTP_PORT": str(http_port),
        "ANTIPHON__SERVICE__GRACE": "2",
        "ANTIPHON__SERVICE__CALLERS__ALL__TOKEN_ENV": "ALL",
        "ANTIPHON__SERVICE__CALLERS__ALL__SCOPES": '["chat", "image", "operate"]',
        "ALL": CALLER_TOKEN,
        f"{provider}KIND": "openai",
        f"{provider}BASE_URL": upstream.base("a"),
        f"{provider}MODELS": '["voice"]',
        f"{provider}CREDENTIALS_ENV": '["A_KEY"]',
        f"{provider}OPTIONS": '{preset = "plain"}',
        "A_KEY": PROVIDER_KEY,
        "ANTIPHON__PROVIDERS__EMBEDDED__KIND": "embedded",
        "ANTIPHON__ROUTES__CHAT__DEPLOYMENTS": '["a/voice"]',
        "ANTIPHON__ROUTING__BREAKER__PROBE_INTERVAL": "1",
        **({"ANTIPHON_REDIS_URL": redis} if redis else {}),
    }  # fmt: skip
