"""One HTTP session per upstream, and the only place that classifies transport errors.

Times: connecting is bounded here; everything later (headers, first token, idle, total) is
bounded by the attempt, which cancels. A cancelled call closes its socket at once.
"""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any

import aiohttp

from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.fetch import PictureFetcher
from inference_service.providers.kit.connector import Connector
from inference_service.providers.seam import Settings
from inference_service.trace_context import trace_parent

LARGEST_ERROR_BODY = 64 * 1024
LARGEST_CHUNK = 64 * 1024  # one read; the event loop delivers up to four times as much, and every stage holds a read
LARGEST_JSON = 96 * 1024 * 1024  # pictures as base64
TRANSPORT = (TimeoutError, aiohttp.ClientError, OSError, UnicodeError)
USER_AGENT = "antiphon/0.1"


class HttpClient:
    """Wraps one aiohttp session. Close it with `close`."""

    def __init__(self, settings: Settings, fetcher: PictureFetcher) -> None:
        self._settings = settings
        # Pictures by URL are fetched without any credential, under separate rules.
        self.fetch_picture = fetcher.fetch
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            verify: ssl.SSLContext | bool = True if self._settings.verify_tls else False  # noqa: SIM210 - as aiohttp wants it
            self._session = aiohttp.ClientSession(
                connector=Connector(limit=0, ssl=verify, keepalive_timeout=30),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_timeout),
                headers={"User-Agent": USER_AGENT, **self._settings.headers},
                read_bufsize=128 * 1024,
                # Secrets must not follow a redirect, and cookies belong to browsers.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: bytes | None = None,
        form: aiohttp.FormData | None = None,
        params: Mapping[str, str] | None = None,
        redirects: bool = False,
    ) -> "Exchange":
        """One request; the caller judges the response's status. Entering and leaving raise UpstreamFailure."""
        head = dict(headers or {})
        if parent := trace_parent.get():
            head["traceparent"] = parent
        body: Any = form
        if json is not None:
            head["Content-Type"] = "application/json"
            body = json
        return Exchange(
            self._open().request(
                method,
                url,
                headers=head,
                data=body,
                params=params,
                allow_redirects=redirects,
                proxy=self._settings.proxy,
            )
        )

    @asynccontextmanager
    async def websocket(
        self, url: str, *, headers: Mapping[str, str], largest: int
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket whose messages are at most `largest` bytes. Raises UpstreamFailure."""
        try:
            async with self._open().ws_connect(
                url, headers=headers, proxy=self._settings.proxy, max_msg_size=largest
            ) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            text = "the provider does not open a WebSocket"
            raise UpstreamFailure(FailureKind.BAD_RESPONSE, text, status=error.status) from error
        except TRANSPORT as error:
            raise transport_failure(error) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class Exchange:
    """`async with` yields the response; transport errors are raised as UpstreamFailure."""

    def __init__(self, request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> None:
        self._request = request

    async def __aenter__(self) -> aiohttp.ClientResponse:
        try:
            return await self._request.__aenter__()
        except TRANSPORT as error:
            raise transport_failure(error) from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._request.__aexit__(kind, error, trace)
        if isinstance(error, TRANSPORT):
            raise transport_failure(error) from error


def transport_failure(error: BaseException) -> UpstreamFailure:
    """Describes a transport error, without the address or anything else of the upstream."""
    match error:
        case aiohttp.InvalidURL() | UnicodeError():
            return UpstreamFailure(FailureKind.UNREACHABLE, "the provider's address is not a valid URL")
        case aiohttp.ClientPayloadError():
            return UpstreamFailure(
                FailureKind.STREAM_CUT, "the provider cut the connection in the middle of its answer"
            )
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return UpstreamFailure(FailureKind.UNREACHABLE, "the provider's TLS certificate was not accepted")
        case aiohttp.ClientConnectorDNSError():
            return UpstreamFailure(FailureKind.UNREACHABLE, "the provider's host name was not found")
        case aiohttp.ConnectionTimeoutError():
            return UpstreamFailure(FailureKind.UNREACHABLE, "the provider did not accept a connection in time")
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return UpstreamFailure(FailureKind.UNREACHABLE, "the proxy for the provider did not answer")
        case aiohttp.ClientConnectorError():
            return UpstreamFailure(FailureKind.UNREACHABLE, "the provider refused the connection")
        case TimeoutError():
            return UpstreamFailure(FailureKind.TIMEOUT, "the provider did not answer in time")
        case aiohttp.ClientResponseError():
            return UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider's answer was not valid HTTP")
    return UpstreamFailure(FailureKind.CONNECTION_RESET, "the provider closed the connection before it answered")


async def chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body as it arrives. Never by line: a line may be megabytes long. Raises UpstreamFailure."""
    while data := await next_chunk(response):
        yield data


async def next_chunk(response: aiohttp.ClientResponse, largest: int = LARGEST_CHUNK) -> bytes:
    """At most `largest` bytes that have arrived or arrive next; empty at the end of the body. Raises UpstreamFailure."""
    try:
        return await response.content.read(largest)
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamFailure(
            FailureKind.STREAM_CUT,
            "the provider cut the connection in the middle of its answer",
            status=response.status,
        ) from error


async def read(response: aiohttp.ClientResponse, largest: int = LARGEST_JSON) -> bytes:
    """The whole body, at most `largest` bytes. Raises UpstreamFailure(BAD_RESPONSE) beyond that."""
    pieces: list[bytes] = []
    size = 0
    async for data in chunks(response):
        size += len(data)
        if size > largest:
            raise UpstreamFailure(
                FailureKind.BAD_RESPONSE, "the provider's answer is too large", status=response.status
            )
        pieces.append(data)
    return b"".join(pieces)


async def read_error(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error body; an unreadable body counts as empty."""
    try:
        return await response.content.read(LARGEST_ERROR_BODY)
    except (aiohttp.ClientError, OSError):
        return b""
