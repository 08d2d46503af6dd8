"""`antiphon up`, `serve`, `bot` and `check` with the real processes behind them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from antiphon.client import InferenceClient
from tests.support.processes import Process, running
from tests.support.terminal import Terminal, antiphon

QUIET = {
    "ANTIPHON__SERVICE__PORT": "0",
    "ANTIPHON__SERVICE__STATUS_PAGE": "false",
    "ANTIPHON__SERVICE__HTTP": "false",
    "ANTIPHON__SERVICE__GRACE": "1",
    "ANTIPHON__EMBEDDED__CHARACTERS_PER_SECOND": "0",
    "ANTIPHON__EMBEDDED__IMAGE_SECONDS": "0.001",
}


@pytest.fixture
async def refusing_discord() -> AsyncIterator[str]:
    """Answers as Discord answers a token that it does not know."""

    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    await runner.cleanup()


class SilentDiscord:
    """Takes every question and never answers; `asked` waits for the next and gives its path."""

    def __init__(self) -> None:
        self.url = ""
        self._paths: asyncio.Queue[str] = asyncio.Queue()

    async def listen(self, request: web.Request) -> web.Response:
        self._paths.put_nowait(request.path)
        await asyncio.Event().wait()
        raise AssertionError

    async def asked(self) -> str:
        async with asyncio.timeout(60):
            return await self._paths.get()


@pytest.fixture
async def silent_discord() -> AsyncIterator[SilentDiscord]:
    discord = SilentDiscord()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", discord.listen)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    discord.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    yield discord
    await runner.cleanup()


async def line_of_errors(process: Process, text: str) -> None:
    """Waits until standard error has the text."""
    async with asyncio.timeout(60), process._changed:
        await process._changed.wait_for(lambda: any(text in line for line in process.errors))


def children(pid: int) -> list[int]:
    """Of all threads of a process, on Linux."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(one) for text in texts for one in text.split()]


async def gone(pid: int) -> None:
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(watched, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), 60)
    finally:
        loop.remove_reader(watched)
        os.close(watched)


async def test_without_a_token_it_serves_and_tells_the_three_steps(tmp_path: Path) -> None:
    async with running("antiphon", "up", directory=tmp_path, environ=QUIET) as process:
        target = (await process.line("ready: ")).removeprefix("ready: ")
        await process.line("  3. export DISCORD_TOKEN")
        seen = await antiphon("chat", "Tell me about foxes", "-t", target, directory=tmp_path)
        assert "offline demo voice" in seen.out
        for name in ("one.png", "two.png"):
            drawn = await antiphon(
                "image", "a red fox", "--size", "128x128", "--seed", "7", "-o", name, "-t", target, directory=tmp_path
            )
            assert drawn.code == 0, drawn.err
        assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
        (service,) = children(process.pid)
        assert await process.end() == 0
        await gone(service)


async def test_on_a_terminal_it_opens_a_chat_and_ends_with_it(tmp_path: Path) -> None:
    async with Terminal.running("up", directory=tmp_path, environ=QUIET) as terminal:
        seen = await terminal.shows("> ")
        assert "ready: 127.0.0.1:" in terminal.screen
        (service,) = children(terminal.process.pid)
        terminal.type("Hello\r")
        seen = await terminal.shows("offline demo voice", seen)
        seen = await terminal.shows("> ", seen)
        terminal.interrupt_prompt()
        assert await terminal.ended() == 0
        await gone(service)
        assert "Traceback" not in terminal.screen


async def test_a_wrong_discord_token_ends_the_bot_and_not_the_service(tmp_path: Path, refusing_discord: str) -> None:
    environ = {**QUIET, "DISCORD_TOKEN": "not.a.token", "ANTIPHON__BOT__API_BASE_URL": refusing_discord}
    async with running("antiphon", "up", directory=tmp_path, environ=environ) as process:
        target = (await process.line("ready: ")).removeprefix("ready: ")
        await line_of_errors(process, "the service keeps running")
        assert any("DISCORD_TOKEN" in line for line in process.errors)
        assert not any("Traceback" in line or "not.a.token" in line for line in process.errors)
        async with InferenceClient(target) as client:
            assert await client.ready()
        assert await process.end() == 0


async def test_a_bot_that_crashes_comes_back(tmp_path: Path, silent_discord: SilentDiscord) -> None:
    environ = {**QUIET, "DISCORD_TOKEN": "not.a.token", "ANTIPHON__BOT__API_BASE_URL": silent_discord.url}
    async with running("antiphon", "up", directory=tmp_path, environ=environ) as process:
        await process.line("ready: ")
        first = await silent_discord.asked()
        bot = next(pid for pid in children(process.pid) if "discord_bot" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(bot, signal.SIGKILL)
        await line_of_errors(process, "The bot stopped with exit code -9; restarting in 1 s.")
        second = await silent_discord.asked()
        assert first == second
        assert await process.end() == 0


async def test_each_process_gets_only_the_secrets_that_it_needs(tmp_path: Path, silent_discord: SilentDiscord) -> None:
    (tmp_path / "antiphon.toml").write_text(
        '[service.callers.bot]\ntoken_env = "ANTIPHON_TOKEN"\nscopes = ["chat", "image"]\n'
        '[service.callers.other]\ntoken_env = "OTHER_TOKEN"\n[bot]\ntoken_env = "MY_BOT"\n'
    )
    (tmp_path / "database").write_text("sqlite+aiosqlite:///bot.sqlite3")
    services = {"GROQ_API_KEY": "groq-1", "GIT_TOKEN2": "git-2", "OTHER_TOKEN": "other-3", "ANTIPHON_REDIS_URL": ""}
    bots = {"MY_BOT": "not.a.token", "ANTIPHON_DATABASE_URL_FILE": str(tmp_path / "database")}
    both = {"ANTIPHON_TOKEN": "caller-5", "HTTPS_PROXY": "", "ANTIPHON__BOT__API_BASE_URL": silent_discord.url, **QUIET}
    async with running("antiphon", "up", directory=tmp_path, environ={**services, **bots, **both}) as process:
        await process.line("ready: ")
        await silent_discord.asked()
        seen = {}
        for pid in children(process.pid):
            module = next(name for name in ("discord_bot", "inference_service") if name in command_line(pid))
            entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
            seen[module] = {entry.partition("=")[0] for entry in entries}
        assert await process.end() == 0
    assert seen["inference_service"] >= {*services, *both}
    assert not seen["inference_service"] & set(bots)
    assert seen["discord_bot"] >= {*bots, *both, "PATH"}
    assert not seen["discord_bot"] & set(services)


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


async def test_a_service_that_dies_ends_it_all(tmp_path: Path) -> None:
    async with running("antiphon", "up", directory=tmp_path, environ=QUIET) as process:
        await process.line("ready: ")
        await process.line("  3. export")
        (service,) = children(process.pid)
        os.kill(service, signal.SIGKILL)
        assert await process.wait() == 1
        assert any("The service stopped" in line for line in process.errors)


@pytest.mark.parametrize("command", ["up", "serve", "bot", "check"])
async def test_a_broken_configuration_is_one_readable_line_and_code_2(tmp_path: Path, command: str) -> None:
    (tmp_path / "antiphon.toml").write_text("[service]\nprot = 1\n")
    ran = await antiphon(command, directory=tmp_path, environ={"DISCORD_TOKEN": "x"})
    assert ran.code == 2
    assert ran.err.strip().splitlines() == ["antiphon.toml: service.prot: there is no such key; did you mean 'port'?"]
    assert ran.out == ""


async def test_a_port_in_use_is_one_readable_line_and_code_2(tmp_path: Path) -> None:
    async with running("antiphon", "serve", directory=tmp_path, environ=QUIET) as first:
        port = (await first.line("ready: ")).rpartition(":")[2]
        for command in ("serve", "up"):
            ran = await antiphon(command, directory=tmp_path, environ={**QUIET, "ANTIPHON__SERVICE__PORT": port})
            assert ran.code == 2
            assert port in ran.err
            assert "Traceback" not in ran.err
        assert await first.end() == 0


async def test_the_bot_without_a_token_says_where_to_get_one(tmp_path: Path) -> None:
    ran = await antiphon("bot", directory=tmp_path)
    assert ran.code == 2
    assert "DISCORD_TOKEN is not set" in ran.err


async def test_a_configuration_file_is_named_on_the_command_line_for_every_process(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[service]\nport = 0\nstatus_page = false\nhttp = false\n")
    (tmp_path / "antiphon.toml").write_text("broken")
    command = ("--config", "mine.toml", "serve")
    async with running("antiphon", *command, directory=tmp_path, environ={}) as process:
        await process.line("ready: ")
        assert await process.end() == 0


async def test_check_says_what_works(tmp_path: Path) -> None:
    ran = await antiphon("check", directory=tmp_path)
    assert ran.code == 0, ran.err
    assert "embedded" in ran.out
