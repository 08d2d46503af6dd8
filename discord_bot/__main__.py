"""`python -m discord_bot`: the bot as a process.

Prints `ready: <name>` on standard output once Discord has accepted the login. A wrong
configuration or token is one readable line on standard error and exit code 2;
SIGTERM closes running answers properly and exits with 0.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays: looking for garbage among it costs a tenth of the start

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import discord
import structlog

from antiphon import signals
from antiphon.client import InferenceClient
from antiphon.config.load import ConfigError, load_config
from antiphon.config.model import Config
from antiphon.config.secrets import SecretProblem, find_secret
from antiphon.telemetry.logs import set_up_logs
from discord_bot.bot import AntiphonBot
from discord_bot.manage import manage
from discord_bot.metrics import BotMetrics
from discord_bot.store.database import Store, open_store
from discord_bot.store.problem import DatabaseProblem

log = structlog.get_logger(__name__)

AUTHENTICATION_FAILED = 4004
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class StartProblem(Exception):
    """The process cannot run; its text is for the person who started it."""


def main() -> int:
    gc.freeze()
    gc.enable()
    try:
        config = load_config()
        set_up_logs(config.telemetry, "bot")
        if len(sys.argv) > 1:
            return manage(sys.argv[1:], database_url(config, os.environ), os.environ)
        token = discord_token(config, os.environ)
        _runner()(run(config, os.environ, token))
    except (ConfigError, SecretProblem, StartProblem) as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - the person at the terminal reads it
        return 2
    return 0


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop  # noqa: PLC0415 - does not exist on Windows
    except ImportError:
        return asyncio.run

    def on_uvloop(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)

    return on_uvloop


def discord_token(config: Config, environ: Mapping[str, str]) -> str:
    name = config.bot.token_env
    if (secret := find_secret(name, environ)) is not None:
        return secret.value
    raise StartProblem(
        f"{name} is not set. Make a bot at https://discord.com/developers/applications, "
        f"copy its token and start again with {name}=… (or {name}_FILE=path).",
    )


def database_url(config: Config, environ: Mapping[str, str]) -> str:
    secret = find_secret(config.bot.database_env, environ)
    return secret.value if secret is not None else config.bot.database


async def run(config: Config, environ: Mapping[str, str], token: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals.handle(loop, ("SIGTERM", "SIGINT"), stop.set)
    try:
        store = await open_store(database_url(config, environ))
    except DatabaseProblem as problem:
        raise StartProblem(f"bot.database: {problem}") from None
    metrics = BotMetrics()
    try:
        await _serve_metrics(config, metrics)
        async with InferenceClient.from_config(config, environ, service="antiphon-bot") as inference:
            await _live(config, store, inference, metrics, token, stop)
    finally:
        await metrics.close()
        await store.close()


async def _serve_metrics(config: Config, metrics: BotMetrics) -> None:
    port = config.bot.metrics_port
    if port is None:
        return
    try:
        port = await metrics.serve(config.bot.metrics_host, port)
    except OSError as error:
        raise StartProblem(f"bot.metrics_port: {port}: {error.strerror or error}") from None
    log.info("metrics are served", port=port)


async def _live(
    config: Config, store: Store, inference: InferenceClient, metrics: BotMetrics, token: str, stop: asyncio.Event
) -> None:
    """Stays connected until `stop`; keeps retrying if Discord cannot be reached."""
    pause = FIRST_PAUSE
    while not stop.is_set():
        bot = AntiphonBot(config, store, inference, metrics)
        try:
            await _until(bot, token, stop)
        except discord.PrivilegedIntentsRequired:
            log.warning(
                "message content intent is off in the developer portal; answering mentions, replies, menus and commands"
            )
            config = without_message_content(config)
        except discord.LoginFailure:
            raise StartProblem(
                f"Discord refused the token of {config.bot.token_env}. Reset it at "
                "https://discord.com/developers/applications and try again."
            ) from None
        except discord.ConnectionClosed as closed:
            if closed.code == AUTHENTICATION_FAILED:
                raise StartProblem(f"Discord refused the token of {config.bot.token_env} at its gateway.") from None
            raise StartProblem(f"Discord closed the gateway for good with code {closed.code}.") from None
        except (OSError, discord.HTTPException, discord.GatewayNotFound) as error:
            log.warning("discord cannot be reached", error=type(error).__name__, again_in=pause)
            await _pause(stop, pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def without_message_content(config: Config) -> Config:
    return config.model_copy(update={"bot": config.bot.model_copy(update={"message_content_intent": False})})


async def _until(bot: AntiphonBot, token: str, stop: asyncio.Event) -> None:
    stopped = asyncio.create_task(stop.wait(), name="stop")
    living = asyncio.create_task(bot.start(token), name="discord")
    try:
        await asyncio.wait({stopped, living}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await bot.finish_answers()
    finally:
        stopped.cancel()
        await bot.close()
        living.cancel()  # it may be waiting for its next connection attempt
        await asyncio.gather(living, stopped, return_exceptions=True)
    if not living.cancelled() and (error := living.exception()) and not stop.is_set():
        raise error


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


if __name__ == "__main__":
    sys.exit(main())
