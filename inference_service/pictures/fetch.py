"""Fetches a picture from a URL in a provider's answer, without opening a way into private networks.

Only HTTPS and public addresses, checked where the connection is made: no spelling of a host, redirect or second answer
of a name server leads elsewhere.
"""

import aiohttp
from yarl import URL

from antiphon.config.model import Images
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.addresses import PublicOnly

MOST_REDIRECTS = 4
REDIRECTS = (301, 302, 303, 307, 308)
# Pictures are compressed already; a compressed body would only hide its size.
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity"}


class PictureFetcher:
    """Limits come from `[images]`: `max_bytes`, `fetch_timeout`, `allow_private_addresses`."""

    def __init__(self, limits: Images) -> None:
        self._limits = limits

    async def fetch(self, url: str) -> bytes:
        """The file behind the URL. Raises UpstreamFailure(BAD_IMAGE) with the reason in our own words."""
        public = None if self._limits.allow_private_addresses else PublicOnly()
        session = aiohttp.ClientSession(
            connector=public.connector() if public else None,
            timeout=aiohttp.ClientTimeout(total=self._limits.fetch_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            auto_decompress=False,
        )
        try:
            async with session:
                return await self._follow(session, self._checked(url))
        except TimeoutError as error:
            raise _refused("it took too long") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: a URL that no library can parse
            private = public is not None and public.refused
            raise _refused("it is in a private network" if private else "the connection failed") from error

    async def _follow(self, session: aiohttp.ClientSession, url: URL) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            async with session.get(url, allow_redirects=False) as response:
                if response.status in REDIRECTS and "location" in response.headers:
                    url = self._checked(response.headers["location"], url)
                    continue
                return await self._body(response)
        raise _refused("it redirects too often")

    def _checked(self, text: str, base: URL | None = None) -> URL:
        """The URL exactly as it will be requested, so that the check sees the same spelling."""
        try:
            url = URL(text) if base is None else base.join(URL(text))
            host = url.host
        except ValueError as error:
            raise _refused("its address is not a URL") from error
        schemes = ("https", "http") if self._limits.allow_private_addresses else ("https",)
        if url.scheme not in schemes or not host or url.user is not None or url.password is not None:
            raise _refused("only https:// is fetched")
        return url

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
