"""Addresses at which no provider can be spoken to. Nothing leaves this machine."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

import trustme

PLACES = ("refused", "dns", "badname", "selfsigned", "plain", "mutetls")


class Places:
    """`url(place)` is the base of a provider that is not there."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls
        self.opened = 0  # connections that were accepted

    def url(self, place: str) -> str:
        return f"{self.urls[place]}/v1"


@contextlib.asynccontextmanager
async def places() -> AsyncIterator[Places]:
    """The ports are ours until the end, so nobody else can answer at them."""
    places = Places({"dns": "http://no-such-host.invalid", "badname": f"http://{'x' * 70}.invalid"})

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        places.opened += 1
        await reader.read()
        writer.close()

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        places.opened += 1
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with contextlib.AsyncExitStack() as stack:
        for place, handler, tls in (("mutetls", silent, None), ("plain", plain, None), ("selfsigned", plain, context)):
            server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls)
            stack.push_async_callback(_close, server)
            places.urls[place] = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))  # bound and never listening: refused, for sure
        places.urls["refused"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
        yield places


async def _close(server: asyncio.Server) -> None:
    server.close()
