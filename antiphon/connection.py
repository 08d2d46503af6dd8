"""The client's connection: opened on first use, re-established after a restart, with a clear reason when it fails."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc

from antiphon import errors, refusals
from antiphon.channel import client_options
from antiphon.config.load import ConfigError
from antiphon.config.model import Client, Config
from antiphon.config.secrets import find_secret
from antiphon.v1 import inference_service_pb2_grpc, operations_service_pb2_grpc

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a service that is down or restarting."""
ASK_AGAIN = 0.25
"""Seconds between two attempts while a service is being replaced; gRPC's own retries happen in between."""
RETRY_AFTER = 5.0
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}, so that no health package is needed
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound
# Sign in gRPC's error text → what a person should know; the first match counts. Waiting does not help with the first table.
PERMANENT = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted: check client.ca and client.server_name"),
    ("Peer name", "its certificate is for another name: check client.server_name"),
    ("not in peer certificate", "its certificate is for another name: check client.server_name"),
    ("ostname Verification", "its certificate is for another name: check client.server_name"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS: check client.tls and client.ca"),
)
TEMPORARY = (
    ("handshake", "the TLS handshake failed: check client.ca, client.certificate and client.key"),
    ("DNS", "the host name does not exist"),
    ("onnection refused", "nothing listens on that port; is the service running?"),
)
UNKNOWN_CAUSE = "is the service running?"
# How a port that expects TLS reacts to plain text.
HANGS_UP = ("Socket closed", "onnection reset", "GOAWAY")
PLAIN_ON_TLS = "it closes the connection at once; if it expects TLS, set client.ca or client.tls = true"


class Connection:
    """A channel to `target`. `connect_timeout` is in seconds. Belongs to the event loop that opens it."""

    def __init__(
        self,
        target: str,
        token: str | None = None,
        tls: grpc.ChannelCredentials | None = None,
        server_name: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
    ) -> None:
        self.target = target
        self._token, self._tls, self._server_name = token, tls, server_name
        self._connect_timeout = connect_timeout
        self._channel: grpc.aio.Channel | None = None
        self._inference: Any = None
        self._operations: Any = None

    @property
    def inference(self) -> Any:
        """The stub of InferenceService."""
        self.channel()
        return self._inference

    @property
    def operations(self) -> Any:
        """The stub of OperationsService."""
        self.channel()
        return self._operations

    def channel(self) -> grpc.aio.Channel:
        """The channel, created on first use. This does not connect yet."""
        if self._channel is None:
            options = client_options()
            if self._server_name:
                options.append(("grpc.ssl_target_name_override", self._server_name))
            if self._tls is not None:
                self._channel = grpc.aio.secure_channel(self.target, self._tls, options=options)
            else:
                self._channel = grpc.aio.insecure_channel(self.target, options=options)
            self._inference = inference_service_pb2_grpc.InferenceServiceStub(self._channel)
            self._operations = operations_service_pb2_grpc.OperationsServiceStub(self._channel)
        return self._channel

    async def close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def metadata(self, trace_parent: str = "") -> tuple[tuple[str, str], ...]:
        """gRPC refuses call credentials on an insecure channel, so the token is metadata on both kinds of channel."""
        fields = (("authorization", f"Bearer {self._token}"),) if self._token else ()
        return (*fields, ("traceparent", trace_parent)) if trace_parent else fields

    async def ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - also of the call behind it
        """Waits for a service that is starting. Raises ConnectionLost if it does not answer in time."""
        channel = self.channel()
        longest = self._connect_timeout if timeout is None else min(timeout, self._connect_timeout)
        until = time.monotonic() + longest
        while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE and _first(
                PERMANENT, reason := await self._failure()
            ):
                raise self._lost(reason)
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await channel.wait_for_state_change(state)
            except TimeoutError:
                raise self._lost(await self._failure()) from None

    async def again(self, failed: grpc.aio.AioRpcError, begun: float) -> bool:
        """Whether to repeat a call that no server answered, because the service or its last replica is being replaced.
        Waits a moment before it returns True. `begun`: time.monotonic() of the first attempt."""
        late = time.monotonic() - begun + ASK_AGAIN > self._connect_timeout
        if late or not refusals.nobody_answered(failed):
            return False
        await asyncio.sleep(ASK_AGAIN)
        return True

    async def healthy(self, service: str, timeout: float) -> bool:  # noqa: ASYNC109 - of the call
        try:
            return await self._ask_health(service, timeout) == SERVING
        except grpc.aio.AioRpcError:
            return False

    async def _ask_health(self, service: str, timeout: float) -> bytes:  # noqa: ASYNC109 - of the call
        name = service.encode()
        ask: Any = self.channel().unary_unary(HEALTH)
        return bytes(await ask(b"\n" + bytes([len(name)]) + name if name else b"", timeout=timeout))

    async def _failure(self) -> str:
        """gRPC's error text for this connection. Only a call gets to see it."""
        try:
            await self._ask_health("", 0.5)
        except grpc.aio.AioRpcError as failed:
            return failed.details() or ""
        return ""

    def _lost(self, reason: str) -> errors.ConnectionLost:
        hangs_up = self._tls is None and any(sign in reason for sign in HANGS_UP)
        cause = _first(PERMANENT + TEMPORARY, reason) or (PLAIN_ON_TLS if hangs_up else UNKNOWN_CAUSE)
        return errors.ConnectionLost(
            f"the service at {self.target} cannot be reached: {cause}", retry_after=RETRY_AFTER
        )


def _first(table: tuple[tuple[str, str], ...], reason: str) -> str:
    return next((text for sign, text in table if sign in reason), "")


def from_config(config: Config, environ: Mapping[str, str]) -> dict[str, Any]:
    """Target, token, TLS and server name from the configuration. Raises ConfigError or SecretProblem."""
    chosen = config.client
    secret = find_secret(chosen.token_env, environ)
    return {
        "target": chosen.target or address(config.service.host, config.service.port),
        "token": secret.value if secret else None,
        "tls": _credentials(chosen),
        "server_name": chosen.server_name,
    }


def address(host: str, port: int) -> str:
    """The address at which to call a service that listens on `host`."""
    if host in EVERYWHERE:
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _credentials(chosen: Client) -> grpc.ChannelCredentials | None:
    if not (chosen.tls or chosen.ca or chosen.certificate):
        return None
    if (chosen.certificate is None) != (chosen.key is None):
        raise ConfigError("configuration", [("client.certificate", "set both certificate and key, or neither")])
    authority, key, certificate = (
        _read(name, path)
        for name, path in (("ca", chosen.ca), ("key", chosen.key), ("certificate", chosen.certificate))
    )
    return grpc.ssl_channel_credentials(authority, key, certificate)


def _read(name: str, path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        problem = (f"client.{name}", f"the file {path} cannot be read: {error.strerror}")
        raise ConfigError("configuration", [problem]) from error
