"""From start to end of the process: ready line, signals, drain."""

import asyncio
import contextlib
import gc
import signal
import sys
from pathlib import Path

import structlog

from antiphon.config.load import ConfigError
from antiphon.config.model import Config
from antiphon.telemetry.logs import set_up_logs
from inference_service import workers
from inference_service.server import Server

log = structlog.get_logger(__name__)
COLLECT_EVERY = (50_000, 20, 50)  # new objects, and rounds of the younger generations


async def serve(config: Config, environ: dict[str, str], path: Path | None) -> None:
    """Runs until SIGTERM or SIGINT. Raises StartProblem or ConfigError when it cannot start."""
    set_up_logs(config.telemetry, "inference")
    _raise_descriptor_limit()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    workers.when_alone(environ, ended.set)
    server = Server(config, environ, path)
    await server.start()
    _settle_memory()
    reloads: set[asyncio.Task[None]] = set()

    def on_hangup() -> None:
        task = loop.create_task(reload(server))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    if server.http_port is not None:
        scheme = "https" if config.service.tls is not None else "http"
        log.info("OpenAI-compatible API", url=f"{scheme}://{config.service.http_host}:{server.http_port}/v1")
    if server.status_port is not None:
        log.info("status page", url=f"http://{config.service.status_host}:{server.status_port}/")
    sys.stdout.write(f"ready: {server.target}\n")
    sys.stdout.flush()
    await ended.wait()
    log.info("draining", running=len(server.shared.door.live), grace=config.service.grace)
    await server.leave()
    await server.stop(server.config.service.grace)


def _raise_descriptor_limit() -> None:
    """The usual 1,024 is for programs that use select(); every connection and upstream call needs a descriptor."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _settle_memory() -> None:
    """Objects that exist after the start live as long as the process: the garbage collector can leave them alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_EVERY)


async def reload(server: Server) -> None:
    """SIGHUP: a configuration with a mistake changes nothing, and the log says what is wrong."""
    try:
        await server.reload()
    except ConfigError as error:
        log.error("the configuration was not reloaded", problems=str(error).splitlines())  # noqa: TRY400
