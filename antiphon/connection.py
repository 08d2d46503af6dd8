"""The client's connection: made late, found again after a restart of the service, and plain about why it is not there."""

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
"""Seconds in which a service that is down or restarting may come back."""
ASK_AGAIN = 0.25
"""Seconds between two questions to a service that is being exchanged; gRPC's own retries lie between them."""
RETRY_AFTER = 5.0
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}, so that no health package is needed
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound
# What gRPC says of a connection that failed → what a person should know. The first that fits. Those of the first
# table do not heal by waiting.
HOPELESS = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not accepted: look at client.ca and client.server_name"),
    ("Peer name", "its certificate is for another name: look at client.server_name"),
    ("not in peer certificate", "its certificate is for another name: look at client.server_name"),
    ("ostname Verification", "its certificate is for another name: look at client.server_name"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS: look at client.tls and client.ca"),
)
PASSING = (
    ("handshake", "the TLS handshake failed: look at client.ca, client.certificate and client.key"),
    ("DNS", "there is no such name"),
    ("onnection refused", "nothing listens there; is the service running?"),
)
UNKNOWN_CAUSE = "is the service running?"
# What a port that expects TLS does to plain text.
HANGS_UP = ("Socket closed", "onnection reset", "GOAWAY")
PLAIN_ON_TLS = "it closes the connection at once; if it speaks TLS, set client.ca or client.tls = true"


class Connection:
    """A channel to `target`; `connect_timeout` in seconds. Bound to the loop on which it is opened."""

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
        """Made at the first use; nothing connects yet."""
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
        """Call credentials cannot ride on an insecure channel, so the token is metadata on both kinds."""
        found = (("authorization", f"Bearer {self._token}"),) if self._token else ()
        return (*found, ("traceparent", trace_parent)) if trace_parent else found

    async def ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - also of the call behind it
        """Waits a little for a service that is starting. Raises ConnectionLost when it does not come."""
        channel = self.channel()
        longest = self._connect_timeout if timeout is None else min(timeout, self._connect_timeout)
        until = time.monotonic() + longest
        while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE and _first(HOPELESS, said := await self._failure()):
                raise self._lost(said)
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await channel.wait_for_state_change(state)
            except TimeoutError:
                raise self._lost(await self._failure()) from None

    async def again(self, failed: grpc.aio.AioRpcError, begun: float) -> bool:
        """Whether to ask again what nobody has answered: the service, or the one replica that was left of it, is being
        exchanged for another. Waits a moment before it says yes. `begun`: when it was first asked, by time.monotonic()."""
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
        """What gRPC says of it; only a call learns that."""
        try:
            await self._ask_health("", 0.5)
        except grpc.aio.AioRpcError as failed:
            return failed.details() or ""
        return ""

    def _lost(self, said: str) -> errors.ConnectionLost:
        hangs_up = self._tls is None and any(sign in said for sign in HANGS_UP)
        cause = _first(HOPELESS + PASSING, said) or (PLAIN_ON_TLS if hangs_up else UNKNOWN_CAUSE)
        return errors.ConnectionLost(
            f"the service at {self.target} cannot be reached: {cause}", retry_after=RETRY_AFTER
        )


def _first(table: tuple[tuple[str, str], ...], said: str) -> str:
    return next((text for sign, text in table if sign in said), "")


def from_config(config: Config, environ: Mapping[str, str]) -> dict[str, Any]:
    """Target, token, TLS and server name as the configuration has them. Raises ConfigError or SecretProblem."""
    chosen = config.client
    secret = find_secret(chosen.token_env, environ)
    return {
        "target": chosen.target or address(config.service.host, config.service.port),
        "token": secret.value if secret else None,
        "tls": _credentials(chosen),
        "server_name": chosen.server_name,
    }


def address(host: str, port: int) -> str:
    """Where to call a service that listens there."""
    if host in EVERYWHERE:
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _credentials(chosen: Client) -> grpc.ChannelCredentials | None:
    if not (chosen.tls or chosen.ca or chosen.certificate):
        return None
    if (chosen.certificate is None) != (chosen.key is None):
        raise ConfigError("configuration", [("client.certificate", "certificate and key belong together")])
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
