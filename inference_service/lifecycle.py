"""The life cycle of the process: start, ready line, signals, drain."""

import asyncio
import contextlib
import gc
import sys
from pathlib import Path

import structlog

from antiphon import signals
from antiphon.config.load import ConfigError
from antiphon.config.model import Config
from antiphon.telemetry.logs import set_up_logs
from inference_service import workers
from inference_service.server import READY_PERIOD, Server

log = structlog.get_logger(__name__)
COLLECT_EVERY = (50_000, 20, 50)  # new objects, and rounds of the younger generations


async def serve(config: Config, environ: dict[str, str], path: Path | None) -> None:
    """Runs until SIGTERM or SIGINT. Raises StartProblem or ConfigError if the service cannot start."""
    set_up_logs(config.telemetry, "inference")
    _raise_descriptor_limit()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    signals.handle(loop, ("SIGTERM", "SIGINT"), ended.set)
    workers.when_alone(environ, ended.set)
    server = Server(config, environ, path)
    await server.start()
    _settle_memory()
    reloads: set[asyncio.Task[None]] = set()

    def on_hangup() -> None:
        task = loop.create_task(reload(server))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    signals.handle(loop, ("SIGHUP",), on_hangup)
    if server.shared.openai_url:
        log.info("OpenAI-compatible API", url=server.shared.openai_url)
    if server.status_port is not None:
        log.info("status page", url=f"http://{config.service.status_host}:{server.status_port}/")
    await _announce(server, ended)
    await ended.wait()
    log.info("draining", running=len(server.shared.door.live), grace=config.service.grace)
    await server.leave()
    await server.stop(server.config.service.grace)


async def _announce(server: Server, ended: asyncio.Event) -> None:
    """Prints the ready line as soon as something can answer."""
    if not server.shared.router.ready():
        log.warning("listening, but nothing can answer yet: add a key, or run `antiphon check`", target=server.target)
    while not server.shared.router.ready():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_PERIOD):
                await ended.wait()
        if ended.is_set():
            return
    sys.stdout.write(f"ready: {server.target}\n")
    sys.stdout.flush()


def _raise_descriptor_limit() -> None:
    """The usual limit of 1,024 is for programs that use select(); here every connection and upstream call needs a descriptor."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _settle_memory() -> None:
    """Objects created during the start live as long as the process, so the garbage collector can skip them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)


async def reload(server: Server) -> None:
    """Handles SIGHUP. An invalid configuration changes nothing, and the log says what is wrong."""
    try:
        await server.reload()
    except ConfigError as error:
        log.error("the configuration was not reloaded", problems=str(error).splitlines())  # noqa: TRY400
