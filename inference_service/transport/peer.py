"""The other end of a connection: its address, and its certificate under mutual TLS."""

import asyncio
from dataclasses import dataclass

Names = dict[str, list[bytes]]


@dataclass(frozen=True)
class Peer:
    """`names` has the shape of gRPC's authentication context."""

    address: str
    names: Names


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    host, port = (transport.get_extra_info("peername") or ("unknown", 0))[:2]
    family = "ipv6" if ":" in str(host) else "ipv4"
    secured = transport.get_extra_info("ssl_object")
    certificate = secured.getpeercert() if secured is not None else None
    return Peer(f"{family}:{host}:{port}", _names(certificate or {}))


def _names(certificate: dict[str, object]) -> Names:
    subject = certificate.get("subject", ())
    common = [value for part in subject for key, value in part if key == "commonName"]  # type: ignore[attr-defined] # as the ssl module has it
    alternative = [str(value) for _, value in certificate.get("subjectAltName", ())]  # type: ignore[attr-defined]
    names = {
        "x509_common_name": [str(name).encode() for name in common],
        "x509_subject_alternative_name": [name.encode() for name in alternative],
    }
    return {key: values for key, values in names.items() if values}
