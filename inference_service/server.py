"""Assembles the service: state, router, admission, gRPC server, HTTP for operators."""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
from msgspec.structs import asdict

from antiphon.config.load import ConfigError, load_config
from antiphon.config.model import Config
from antiphon.config.secrets import SecretProblem, find_secret
from inference_service import tls, transport
from inference_service.api.door import Door, Tokens
from inference_service.api.health import Health
from inference_service.api.parts import Shared
from inference_service.api.replays import Replays
from inference_service.api.servicers import add_health, add_inference, add_operations, add_reflection
from inference_service.credentials.types import BreakerSpec, StateStore
from inference_service.http.server import HttpServer
from inference_service.reloading import sentences
from inference_service.routing.build import ConfigProblem, build_parts
from inference_service.routing.router import Router
from inference_service.routing.welcome import notes
from inference_service.state.ledger import LimitLedger, state_directory
from inference_service.state.memory import MemoryStore
from inference_service.statuspage.http import StatusServer
from inference_service.tasks import Supervisor
from inference_service.telemetry.metrics import Metrics
from inference_service.telemetry.observer import Observers
from inference_service.telemetry.traces import Traces
from inference_service.usage.budgets import Budgets
from inference_service.usage.ledger import UsageLedger

log = structlog.get_logger(__name__)
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
READY_PERIOD = 1.0
NOTICE = 0.5  # seconds for clients to notice that a replica is stopping and to switch; at most a quarter of the grace
ALONE = "workers without Redis share nothing: limits, budgets and recorded answers are those of each process; set ANTIPHON_REDIS_URL"
GOODBYE = 1.0  # the last seconds of the grace, in which the service ends the remaining calls itself


class StartProblem(Exception):
    """The service cannot start. The message says what to do."""


@contextlib.contextmanager
def named(path: Path | None) -> Iterator[None]:
    """Turns a ConfigProblem into a ConfigError that names the configuration file."""
    try:
        yield
    except ConfigProblem as problem:
        raise ConfigError(str(path) if path else "configuration", problem.problems) from None


class Server:
    """Call `start`, then `stop`. `start` raises StartProblem or ConfigError."""

    def __init__(self, config: Config, environ: Mapping[str, str], path: Path | None = None) -> None:
        self.config, self._environ, self._path = config, environ, path
        self.target = ""
        self.shared: Shared
        self._server: transport.Server
        self._store: StateStore
        self._health: Health
        self._status: StatusServer | None = None
        self._http: HttpServer | None = None
        self._supervisor = Supervisor()
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        config = self.config
        check_exposure(config)
        with named(self._path):
            tokens = caller_tokens(config, self._environ)
            parts = build_parts(config, self._environ)
            redis_url = redis_url_of(config, self._environ)
        metrics, traces = Metrics(debug=config.telemetry.log_level.lower() == "debug"), Traces(config.telemetry)
        observer = Observers(metrics, traces)
        breaker = config.routing.breaker
        spec = BreakerSpec(breaker.failures, breaker.window, breaker.probe_interval, breaker.bench)
        self._usage = self._answers = shared = None
        if redis_url:
            # Redis is loaded only if replicas share state.
            from inference_service.state.shared import SharedStore  # noqa: PLC0415
            from inference_service.usage.answers import SharedAnswers  # noqa: PLC0415
            from inference_service.usage.shared import SharedUsage  # noqa: PLC0415

            self._store = shared = SharedStore(redis_url, config.state, spec, observer.state_backend, self._supervisor)
            self._usage = SharedUsage(redis_url, config.state)
            self._answers = SharedAnswers(redis_url, config.state)
        else:
            self._store = MemoryStore(spec, ledger=self._ledger(config))
            if config.service.workers > 1:
                log.warning(ALONE, workers=config.service.workers)
        router = Router(config, parts, self._store, observer, self._supervisor)
        door = Door(config.service, tokens, Budgets(self._usage, self._supervisor), metrics.refused)
        replays = Replays(self._answers)
        self.shared = Shared(router, door, metrics, UsageLedger(self._usage), traces, replays=replays)
        if shared is not None:
            await shared.start()
        await self._listen()
        router.start()
        await self._look()
        self._supervisor.watch("readiness", self._keep_looking)
        if config.service.http is not False:
            await self._start_http()
        if config.service.status_page is not False:
            await self._start_status()
        for warning in parts.warnings:
            log.warning(warning)
        for note in notes(parts):
            log.info(note)

    def _ledger(self, config: Config) -> LimitLedger | None:
        """The memory of limits that survives a restart; None if there is no directory for it."""
        directory = state_directory(config.state.directory, self._path, self._environ)
        return LimitLedger(directory) if directory is not None else None

    async def _listen(self) -> None:
        service = self.config.service
        self._server = transport.new_server(service)
        add_inference(self._server, self.shared)
        add_operations(self._server, self.shared, self.reload)
        self._health = add_health(self._server)
        add_reflection(self._server, self._health.closed)
        address = f"[{service.host}]:{service.port}" if ":" in service.host else f"{service.host}:{service.port}"
        try:
            port = await self._server.start(service.host, service.port, service.tls)
        except tls.TlsProblem as error:
            raise StartProblem(f"cannot listen on {address}: {error}") from error
        except OSError as error:
            reason = "the port is in use, or this machine does not have the address"
            raise StartProblem(f"cannot listen on {address}: {reason}") from error
        self.target = f"{'127.0.0.1' if service.host in ('0.0.0.0', '') else service.host}:{port}"  # noqa: S104 - shown, not bound

    async def _start_status(self) -> None:
        service = self.config.service
        if service.status_page is None and service.status_host not in LOOPBACK:
            return
        self._status = StatusServer(self.shared, self.reload, self.probe)
        try:
            await self._status.start(service.status_host, service.status_port)
        except OSError:
            if service.status_page:
                raise StartProblem(
                    f"cannot serve the status page on {service.status_host}:{service.status_port}: the port is in use"
                ) from None
            self._status = None
            log.warning("the status page is off: its port is in use", port=service.status_port)

    async def _start_http(self) -> None:
        service = self.config.service
        if service.http is None and service.http_host not in LOOPBACK:
            return
        http = HttpServer(self.shared)
        try:
            await http.start(service)
        except OSError:
            if service.http:
                text = f"cannot serve OpenAI's API on {service.http_host}:{service.http_port}: the port is in use"
                raise StartProblem(text) from None
            log.warning("OpenAI's API is off: its port is in use", port=service.http_port)
            return
        self._http = http
        scheme = "https" if service.tls is not None else "http"
        host = f"[{service.http_host}]" if ":" in service.http_host else service.http_host
        self.shared.openai_url = f"{scheme}://{host}:{http.port}/v1"

    @property
    def http_port(self) -> int | None:
        """The URL of the OpenAI-compatible API; None if it is off."""
        return self._http.port if self._http is not None else None

    @property
    def status_port(self) -> int | None:
        return self._status.port if self._status is not None else None

    # --- while running -----------------------------------------------------------------------

    async def _look(self) -> None:
        await self.shared.router.refresh()
        self._health.set_ready(self.shared.router.ready() and self._supervisor.healthy)

    async def _keep_looking(self) -> None:
        while not self.shared.door.leaving:
            await asyncio.sleep(READY_PERIOD)
            self.shared.metrics.live.set(self.shared.door.working)
            await asyncio.shield(self.shared.ledger.flush())
            if not self.shared.door.leaving:
                await self._look()

    async def reload(self) -> list[str]:
        """Reads configuration and secrets again. Raises ConfigError and then changes nothing."""
        async with self._reloading:
            config = load_config(self._path, self._environ)
            with named(self._path):
                tokens = caller_tokens(config, self._environ)
                changes = await self.shared.router.reload(config, self._environ)
            changes += sentences(self.config, config)
            self.shared.door.settings, self.shared.door.tokens = config.service, tokens
            self.config = config
            log.info("reloaded", changes=len(changes))
            return changes

    async def probe(self) -> list[dict[str, Any]]:
        """The rows of `antiphon check --list` for the configuration in effect."""
        from inference_service import check  # noqa: PLC0415 - it imports this module

        parts = build_parts(self.config, self._environ)
        return [asdict(row) for row in await check.rows(parts, only_list=True)]

    # --- the end -------------------------------------------------------------------------------

    async def leave(self) -> None:
        """Reports not ready but still accepts calls: gRPC cancels requests in transit when a server stops listening."""
        self.shared.door.leaving = True
        self._health.end()
        await asyncio.sleep(min(NOTICE, self.config.service.grace / 4))

    async def stop(self, grace: float) -> None:
        """Refuses new requests, gives streams `grace` seconds to finish, then ends the rest with a clear status."""
        door = self.shared.door
        door.leaving = door.draining = True
        self._health.end()
        self._health.close()
        if self._http is not None:
            self._http.leave()
        stopping = asyncio.ensure_future(self._server.stop(grace))
        await asyncio.wait([stopping], timeout=max(0.0, grace - GOODBYE))
        for task in list(door.live.values()):
            task.cancel()
        await stopping
        if self._http is not None:
            await self._http.stop()
        if self._status is not None:
            await self._status.stop()
        await self._supervisor.close()
        await self.shared.router.close()
        await self.shared.ledger.flush_all()
        for side in (self._usage, self._answers):
            if side is not None:
                await side.close()
        await asyncio.to_thread(self.shared.traces.close)  # it waits for the collector


def check_exposure(config: Config) -> None:
    """Allows plain text on loopback only, unless service.insecure is set. Raises StartProblem."""
    service = config.service
    hosts = {"service.host": service.host, **({"service.http_host": service.http_host} if service.http else {})}
    exposed = {key: host for key, host in hosts.items() if host not in LOOPBACK}
    if not exposed or service.tls is not None:
        return
    key, host = next(iter(exposed.items()))
    if not service.insecure:
        raise StartProblem(
            f"{key} is {host!r}, which is not loopback, and there is no TLS: set [service.tls], "
            "or set service.insecure = true to accept the risk"
        )
    log.warning(
        "listening without TLS beyond loopback, as service.insecure allows", host=host, callers=len(service.callers)
    )


def caller_tokens(config: Config, environ: Mapping[str, str]) -> Tokens:
    """The tokens of the configured callers. Raises ConfigProblem for a caller without one."""
    secrets: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    for name, caller in config.service.callers.items():
        if caller.token_env is None:  # its certificate is enough
            continue
        key = f"service.callers.{name}.token_env"
        try:
            secret = find_secret(caller.token_env, environ)
        except SecretProblem as error:
            problems.append((key, str(error)))
            continue
        if secret is None:
            problems.append((key, f"the variable {caller.token_env} (or {caller.token_env}_FILE) is not set"))
        elif secret.value in secrets.values():
            problems.append((key, "another caller has the same token"))
        else:
            secrets[name] = secret.value
    if problems:
        raise ConfigProblem(problems)
    return Tokens(config.service.callers, secrets)


def redis_url_of(config: Config, environ: Mapping[str, str]) -> str | None:
    """The URL of Redis, None without Redis. Raises ConfigProblem if Redis is configured and the URL is missing or invalid."""
    if config.state.backend == "memory":
        return None
    secret = find_secret(config.state.redis_url_env, environ)
    if secret is None and config.state.backend == "redis":
        raise ConfigProblem(
            [("state.backend", f"is 'redis', but the variable {config.state.redis_url_env} is not set")]
        )
    if secret is not None and not secret.value.startswith(REDIS_SCHEMES):
        text = f"the variable {secret.name} must be a URL that starts with {', '.join(REDIS_SCHEMES)}"
        raise ConfigProblem([("state.redis_url_env", text)])
    return secret.value if secret else None


def load(path: Path | None = None) -> Config:
    """The configuration of this process. Raises ConfigError."""
    return load_config(path, os.environ)


__all__ = ["ConfigError", "ConfigProblem", "Server", "StartProblem", "load"]
