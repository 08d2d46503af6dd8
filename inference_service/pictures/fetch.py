"""Fetches a picture that an upstream names by URL, without becoming a door into private networks.

HTTPS only, public addresses only: every address of the host is checked, and the connection goes to the
addresses that were checked (a second look-up could answer otherwise). Each redirect is checked again.
"""

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from antiphon.config.model import Images
from inference_service.failures import FailureKind, UpstreamFailure

MOST_REDIRECTS = 4


class _PrivateAddressError(OSError):
    """A name of the URL leads into a private network."""


class _PublicResolver(AbstractResolver):
    """Resolves as the system does and refuses a host as soon as one of its addresses is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        if not all(is_public(str(address[0])) for *_, address in found):
            raise _PrivateAddressError(host)
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        return None


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet; IPv4 inside IPv6 is looked through."""
    ip: Any = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    return bool(ip.is_global and not ip.is_multicast and not ip.is_reserved)


class PictureFetcher:
    """Bounds come from `[images]`: `max_bytes`, `fetch_timeout`, `allow_private_addresses`."""

    def __init__(self, limits: Images) -> None:
        self._limits = limits

    async def fetch(self, url: str) -> bytes:
        """The file behind the URL. Raises UpstreamFailure(BAD_IMAGE) with the reason in our own words."""
        private = self._limits.allow_private_addresses
        connector = aiohttp.TCPConnector(resolver=None if private else _PublicResolver(), use_dns_cache=False)
        timeout = aiohttp.ClientTimeout(total=self._limits.fetch_timeout)
        try:
            async with aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            ) as session:
                for _ in range(MOST_REDIRECTS + 1):
                    self._check(url)
                    async with session.get(url, allow_redirects=False) as response:
                        if response.status in (301, 302, 303, 307, 308) and "location" in response.headers:
                            url = urljoin(url, response.headers["location"])
                            continue
                        return await self._body(response)
        except _PrivateAddressError as error:
            raise _refused("it lies in a private network") from error
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, _PrivateAddressError) or isinstance(
                getattr(error, "os_error", None), _PrivateAddressError
            ):
                raise _refused("it lies in a private network") from error
            raise _refused("the connection failed") from error
        raise _refused("it redirects too often")

    def _check(self, url: str) -> None:
        address = urlsplit(url)
        if self._limits.allow_private_addresses and address.scheme in ("http", "https") and address.hostname:
            return
        if address.scheme != "https" or not address.hostname or address.username:
            raise _refused("only https:// is fetched")
        try:
            literal = ipaddress.ip_address(address.hostname)
        except ValueError:
            return
        if not is_public(str(literal)):  # a literal address never reaches the resolver
            raise _refused("it lies in a private network")

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise _refused(f"it answered {response.status}")
        pieces: list[bytes] = []
        size = 0
        async for data in response.content.iter_any():
            size += len(data)
            if size > self._limits.max_bytes:
                raise _refused(f"it is larger than {self._limits.max_bytes} bytes")
            pieces.append(data)
        return b"".join(pieces)


def _refused(reason: str) -> UpstreamFailure:
    return UpstreamFailure(FailureKind.BAD_IMAGE, f"the provider's picture could not be fetched: {reason}")
