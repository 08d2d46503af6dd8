"""HTTP doors hold out: silent connections, heads that never end, and more connections than there are places."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
import trustme
from aiohttp import web

from antiphon import webdoor
from antiphon.webdoor import WebDoor


@pytest.fixture
def held() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def arrived() -> asyncio.Event:
    return asyncio.Event()


def application(held: asyncio.Event, arrived: asyncio.Event) -> web.Application:
    async def well(_: web.Request) -> web.Response:
        return web.Response(text="well")

    async def slow(_: web.Request) -> web.Response:
        arrived.set()
        await held.wait()
        return web.Response(text="at last")

    app = web.Application()
    app.add_routes([web.get("/", well), web.get("/slow", slow)])
    return app


@pytest.fixture
async def door(held: asyncio.Event, arrived: asyncio.Event) -> AsyncIterator[WebDoor]:
    door = WebDoor(application(held, arrived))
    await door.start("127.0.0.1", 0)
    yield door
    held.set()
    await door.stop()


async def get(door: WebDoor, path: str = "/") -> str:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{door.port}{path}") as answer:
        return await answer.text()


async def connect(door: WebDoor, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(said)
    return reader, writer


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What came until the door hung up."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Le"]
)
async def test_a_client_that_never_finishes_its_request_head_is_dropped(
    door: WebDoor, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webdoor, "HEAD_TIME", 0.2)
    reader, writer = await connect(door, said)
    assert await closed(reader) == b""
    writer.close()


async def test_a_thousand_silent_connections_keep_nobody_out(door: WebDoor) -> None:
    silent = []
    for _ in range(1_000):
        made = socket.socket()
        made.setblocking(False)
        made.connect_ex(("127.0.0.1", door.port))
        silent.append(made)
    try:
        assert await get(door) == "well"
    finally:
        for made in silent:
            made.close()


@pytest.fixture
async def small(request: pytest.FixtureRequest, held: asyncio.Event, arrived: asyncio.Event) -> AsyncIterator[WebDoor]:
    """A door with as many places as the test says."""
    door = WebDoor(application(held, arrived), request.param)
    await door.start("127.0.0.1", 0)
    yield door
    held.set()
    await door.stop()


@pytest.mark.parametrize("small", [3], indirect=True)
async def test_a_full_server_drops_idle_connections_and_never_a_running_request(
    small: WebDoor, held: asyncio.Event
) -> None:
    door = small
    served = asyncio.create_task(get(door, "/slow"))
    reader, writer = await connect(door, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"well" in await reader.readuntil(b"well")  # and now it waits, kept alive
    silent, other = await connect(door)
    assert await get(door) == "well"
    assert await closed(silent) == b""
    again, third = await connect(door)
    assert await get(door) == "well"
    held.set()
    assert await served == "at last"
    for one in (writer, other, third):
        one.close()
    assert again is not None


@pytest.mark.parametrize("small", [1], indirect=True)
async def test_a_door_in_which_all_are_served_refuses_at_once(
    small: WebDoor, held: asyncio.Event, arrived: asyncio.Event
) -> None:
    door = small
    served = asyncio.create_task(get(door, "/slow"))
    await arrived.wait()
    reader, writer = await connect(door)
    assert await closed(reader) == b""
    writer.close()
    held.set()
    assert await served == "at last"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 10_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
    ],
)
async def test_a_head_that_is_too_large_is_refused(door: WebDoor, head: bytes) -> None:
    reader, writer = await connect(door, head)
    assert b" 400 " in (await closed(reader)).partition(b"\r\n")[0]
    writer.close()


async def test_a_port_that_is_taken_is_an_error(door: WebDoor) -> None:
    with pytest.raises(OSError, match="address already in use"):
        await WebDoor(web.Application()).start("127.0.0.1", door.port)


async def test_a_door_over_tls_waits_for_no_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdoor, "HEAD_TIME", 0.3)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(own)
    sock = socket.create_server(("127.0.0.1", 0))
    door = WebDoor(web.Application())
    await door.start_on(sock, own)
    reader, writer = await connect(door)
    assert await closed(reader) == b""
    writer.close()
    await door.stop()
