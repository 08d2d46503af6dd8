"""TLS and mutual TLS for the server; renewed certificates are taken without a restart."""

import ssl
import time
from pathlib import Path
from typing import Any

import grpc
import structlog

from antiphon.config.model import Tls

log = structlog.get_logger(__name__)


class TlsProblem(Exception):
    """A file of [service.tls] cannot be used."""


def credentials(tls: Tls) -> grpc.ServerCredentials:
    """Raises TlsProblem."""
    source = _Source(tls)
    first = source.read()
    return grpc.dynamic_ssl_server_credentials(
        first, source.fetch, require_client_authentication=tls.client_ca is not None
    )


def check(tls: Tls) -> None:
    """gRPC takes any bytes and then fails every handshake without a word. Raises TlsProblem."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password="")  # an encrypted key is an error, not a question
    except (ssl.SSLError, ValueError) as error:
        raise TlsProblem(f"service.tls: {tls.certificate} and {tls.key} are no pair of PEM files") from error
    if tls.client_ca is None:
        return
    try:
        context.load_verify_locations(tls.client_ca)
    except ssl.SSLError as error:
        raise TlsProblem(f"service.tls: {tls.client_ca} is not a PEM file") from error


class _Source:
    """Looks at the files when a connection comes, at most every `reload_seconds`; called from gRPC's own threads."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._seen: tuple[float, ...] = ()
        self._looked = 0.0

    def _paths(self) -> list[Path]:
        return [self._tls.key, self._tls.certificate, *([self._tls.client_ca] if self._tls.client_ca else [])]

    def read(self) -> grpc.ServerCertificateConfiguration:
        try:
            self._seen = tuple(path.stat().st_mtime for path in self._paths())
            key, chain, *authority = (path.read_bytes() for path in self._paths())
        except OSError as error:
            raise TlsProblem(f"service.tls: {error.filename} cannot be read: {error.strerror}") from error
        check(self._tls)
        self._looked = time.monotonic()
        return grpc.ssl_server_certificate_configuration(
            [(key, chain)], root_certificates=authority[0] if authority else None
        )

    def fetch(self) -> Any:
        """A new configuration; None: nothing new."""
        if time.monotonic() - self._looked < self._tls.reload_seconds:
            return None
        self._looked = time.monotonic()
        try:
            if tuple(path.stat().st_mtime for path in self._paths()) == self._seen:
                return None
            renewed = self.read()
        except (OSError, TlsProblem):
            log.warning("the renewed certificate cannot be used; the former one stays")
            return None
        log.info("the certificate was renewed")
        return renewed
