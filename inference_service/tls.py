"""TLS and mutual TLS for the server. Renewed certificates are loaded without a restart."""

import ssl
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import grpc
import structlog

from antiphon.config.model import Tls

log = structlog.get_logger(__name__)
Loaded = TypeVar("Loaded")


class TlsProblem(Exception):
    """A file named in [service.tls] cannot be used."""


def credentials(tls: Tls) -> grpc.ServerCredentials:
    """For grpcio. Raises TlsProblem."""

    def configuration() -> grpc.ServerCertificateConfiguration:
        authority = tls.client_ca.read_bytes() if tls.client_ca else None
        return grpc.ssl_server_certificate_configuration(
            [(tls.key.read_bytes(), tls.certificate.read_bytes())], root_certificates=authority
        )

    source = _Source(tls, configuration)
    fetch: Any = source.fetch  # None is allowed: nothing new
    return grpc.dynamic_ssl_server_credentials(
        source.read(), fetch, require_client_authentication=tls.client_ca is not None
    )


def context(tls: Tls, protocol: str = "h2") -> ssl.SSLContext:
    """For a server on the event loop. Every handshake uses the current certificate. Raises TlsProblem.

    `protocol`: the protocol's name in ALPN.
    """

    def build() -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.client_ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([protocol])
        context.load_cert_chain(tls.certificate, tls.key)
        if tls.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    source = _Source(tls, build)
    first = current = source.read()

    def choose(connection: Any, _: str | None, __: ssl.SSLContext) -> None:
        nonlocal current
        current = source.fetch() or current
        connection.context = current

    first.sni_callback = choose  # also called for clients that send no server name
    return first


def check(tls: Tls) -> None:
    """Checks the files, because gRPC accepts any bytes and then silently fails every handshake. Raises TlsProblem."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(
            tls.certificate, tls.key, password=""
        )  # an encrypted key raises an error instead of prompting
    except (ssl.SSLError, ValueError) as error:
        raise TlsProblem(
            f"service.tls: {tls.certificate} and {tls.key} are not a matching pair of PEM files"
        ) from error
    if tls.client_ca is None:
        return
    try:
        context.load_verify_locations(tls.client_ca)
    except ssl.SSLError as error:
        raise TlsProblem(f"service.tls: {tls.client_ca} is not a PEM file") from error


class _Source(Generic[Loaded]):
    """Checks the files when a connection arrives, at most every `reload_seconds`. gRPC calls it from its own threads."""

    def __init__(self, tls: Tls, build: Callable[[], Loaded]) -> None:
        self._tls, self._build = tls, build
        self._seen: tuple[float, ...] = ()
        self._looked = 0.0

    def _times(self) -> tuple[float, ...]:
        paths = (self._tls.key, self._tls.certificate, self._tls.client_ca)
        return tuple(path.stat().st_mtime for path in paths if path is not None)

    def read(self) -> Loaded:
        """Raises TlsProblem."""
        try:
            self._seen = self._times()
            check(self._tls)
            loaded = self._build()
        except ssl.SSLError as error:
            raise TlsProblem("service.tls: the files changed while they were read") from error
        except OSError as error:
            raise TlsProblem(f"service.tls: {error.filename} cannot be read: {error.strerror}") from error
        self._looked = time.monotonic()
        return loaded

    def fetch(self) -> Loaded | None:
        """A new configuration; None if nothing changed."""
        if time.monotonic() - self._looked < self._tls.reload_seconds:
            return None
        self._looked = time.monotonic()
        try:
            if self._times() == self._seen:
                return None
            renewed = self.read()
        except (OSError, TlsProblem):
            log.warning("the renewed certificate cannot be used; keeping the previous one")
            return None
        log.info("the certificate was renewed")
        return renewed
