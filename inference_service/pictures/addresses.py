"""Which addresses belong to the public internet.

By the IANA registries of special-purpose addresses. Spelled out, because Python's own `is_global` varies by version and
accepts addresses that are deprecated (6to4 relays, site-local) or embed another address.
"""

import ipaddress
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata services of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")  # everything assigned so far
NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: embeds an IPv4 address
        "3fff::/20",  # documentation
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
ISATAP = b"\0\0\x5e\xfe"  # prefixes of an embedded IPv4 address; the first byte may also be 2


def is_public(address: str) -> bool:
    """For an address as a socket reports it. An IPv4 address inside IPv6 (mapped, NAT64) is judged as itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or (ipaddress.IPv4Address(ip.packed[-4:]) if ip in NAT64 else None)
        if embedded is None:
            isatap = bytes([ip.packed[8] & 0xFD]) + ip.packed[9:12] == ISATAP
            return ip in PUBLIC_V6 and not isatap and not any(ip in network for network in NOT_PUBLIC_V6)
        ip = embedded
    return not any(ip in network for network in NOT_PUBLIC_V4)


class PublicOnly(AbstractResolver):
    """Lets aiohttp connect to public addresses only. `refused` says whether a non-public address was requested.

    A host is refused as soon as one of its addresses is not public. And whatever the URL and the resolver said, no
    socket is opened to a non-public address.
    """

    def __init__(self) -> None:
        self.refused = False
        self._resolver = ThreadedResolver()

    def connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(resolver=self, use_dns_cache=False, socket_factory=self._socket)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._resolver.resolve(host, port, family)
        for address in addresses:
            self._check(address["host"])
        return addresses

    async def close(self) -> None:
        await self._resolver.close()

    def _socket(self, address: Any) -> socket.socket:
        family, kind, protocol, _, place = address
        self._check(place[0])
        return socket.socket(family, kind, protocol)

    def _check(self, address: str) -> None:
        if not is_public(address):
            self.refused = True
            raise OSError("the address is not public")
