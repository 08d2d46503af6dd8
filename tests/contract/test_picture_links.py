"""Pictures that a provider names by a link: where it may lead, and how much of it is read."""

import asyncio
import contextlib
import gzip
import socket
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import web

from antiphon.config.model import Images
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures import addresses
from inference_service.pictures.fetch import PictureFetcher
from tests.contract.test_space_states import listening
from tests.fakes.upstream.server import png


@pytest.fixture
async def site() -> AsyncIterator[str]:
    app = web.Application()

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=png(), content_type="image/png")

    async def round_(_: web.Request) -> web.Response:
        raise web.HTTPFound("/round")

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 4096)

    async def packed(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(bytes(64_000_000)), headers={"Content-Encoding": "gzip"})

    app.router.add_get("/packed", packed)
    app.router.add_get("/moved", moved)
    app.router.add_get("/round", round_)
    app.router.add_get("/endless", endless)
    app.router.add_get("/picture", picture)
    async with listening(app) as base:
        yield base


async def test_a_link_is_followed_to_the_picture_and_every_step_is_looked_at(site: str) -> None:
    fetcher = PictureFetcher(Images(allow_private_addresses=True))
    assert await fetcher.fetch(f"{site}/moved?to=/picture") == png()
    for target, reason in (
        ("file:///etc/passwd", "only https:// is fetched"),
        ("ftp://127.0.0.1/x", "only https:// is fetched"),
        ("/moved?to=/moved%3Fto=/nowhere", "answered 404"),
    ):
        with pytest.raises(UpstreamFailure, match=reason):
            await fetcher.fetch(f"{site}/moved?to={target}")


async def test_a_link_that_leads_round_in_circles_or_to_too_much_is_given_up(site: str) -> None:
    fetcher = PictureFetcher(Images(allow_private_addresses=True, max_bytes=65_536))
    with pytest.raises(UpstreamFailure, match="redirects too often"):
        await fetcher.fetch(f"{site}/round")
    with pytest.raises(UpstreamFailure, match="larger than 65536 bytes"):
        await fetcher.fetch(f"{site}/endless")


# Every way to write 127.0.0.1, ::1 or a name of this machine that some resolver or URL parser takes.
SPELLINGS = (
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.255.255.254", "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost.",
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7F.1", "017700000001", "0177.0.0.1", "0177.0.0.01", "00000177.1",
    "127.0.0.0x1", "0x7f.0x0.0x0.0x1",
    "\uff11\uff12\uff17.0.0.1", "127\uff0e0\uff0e0\uff0e1", "127\u30020\u30020\u30021", "127\uff610\uff610\uff611",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1", "\u00b9\u00b2\u2077.0.0.1", "\u2081\u2082\u2087.0.0.1",
    "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "\u2097ocalhost", "l\u00adocalhost", "loca\u200blhost", "\uff10x7f.1",
    "127%2e0%2e0%2e1", "%31%32%37.0.0.1", "%6cocalhost", "\u0661\u0662\u0667.0.0.1", "\u06f1\u06f2\u06f7.0.0.1",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[0000::ffff:7f00:0001]",
    "[64:ff9b::7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[::1%25lo]", "[::1%lo]", "[fe80::1%25lo]", "[\uff1a\uff1a1]",
)  # fmt: skip


@pytest.fixture
async def listener() -> AsyncIterator[tuple[int, list[object]]]:
    """A port of this machine, on IPv4 and IPv6, and everybody who connected to it."""
    seen: list[object] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername"))
        writer.close()

    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(await asyncio.start_server(connected, "0.0.0.0", 0))
        port = server.sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):  # a machine without IPv6
            await stack.enter_async_context(await asyncio.start_server(connected, "::", port))
        yield port, seen


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_this_machine_is_connected_to(host: str, listener: tuple[int, list[object]]) -> None:
    port, seen = listener
    for url in (f"https://{host}:{port}/x.png", f"https://user@{host}:{port}/x.png", f"https:{host}:{port}/x.png"):
        with pytest.raises(UpstreamFailure) as caught:
            await PictureFetcher(Images(fetch_timeout=5)).fetch(url)
        assert caught.value.kind is FailureKind.BAD_IMAGE
        assert str(port) not in caught.value.message
    # Our own connection comes after any that was made before.
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    mine = writer.get_extra_info("sockname")
    while mine not in seen:
        await asyncio.sleep(0.01)
    writer.close()
    assert seen == [mine]


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1:{port}/", "https://[::1]:{port}/", "//localhost:{port}/", "http://127.0.0.1:{port}/"]
)
async def test_a_redirect_from_a_public_place_leads_to_no_private_one(
    target: str, listener: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """127.0.0.2 plays a public address, with a certificate that is trusted."""
    port, seen = listener
    authority = trustme.CA()
    trusted, own = ssl.create_default_context(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.configure_trust(trusted)
    authority.issue_cert("public.example").configure_cert(own)
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusted)
    requests: list[str] = []

    async def moved(request: web.Request) -> web.Response:
        requests.append(request.path)
        raise web.HTTPFound(target.format(port=port))

    async def resolve(_: object, host: str, to: int = 0, *_more: object) -> list[dict[str, object]]:
        address = "127.0.0.2" if host == "public.example" else "127.0.0.1"
        return [{"hostname": host, "host": address, "port": to, "family": socket.AF_INET, "proto": 6, "flags": 0}]

    monkeypatch.setattr(addresses.ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.2")
    app = web.Application()
    app.router.add_get("/start", moved)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.2", 0, ssl_context=own)
    await site.start()
    try:
        start = f"https://public.example:{runner.addresses[0][1]}/start"
        with pytest.raises(UpstreamFailure, match=r"private network|only https"):
            await PictureFetcher(Images()).fetch(start)
    finally:
        await runner.cleanup()
    assert (requests, seen) == (["/start"], [])


async def test_the_address_that_is_connected_to_is_judged_whatever_the_resolver_said(
    listener: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver whose answer passes the check and then changes, as a hostile name server's does."""
    port, seen = listener

    class Turncoat(dict[str, object]):
        def __getitem__(self, key: str) -> object:
            shown = super().__getitem__(key)
            if key == "host":
                self["host"] = "127.0.0.1"
            return shown

    async def resolve(_: object, host: str, to: int = 0, *_more: object) -> list[dict[str, object]]:
        return [Turncoat(hostname=host, host="93.184.216.34", port=to, family=socket.AF_INET, proto=6, flags=0)]

    monkeypatch.setattr(addresses.ThreadedResolver, "resolve", resolve)
    with pytest.raises(UpstreamFailure, match="private network"):
        await PictureFetcher(Images()).fetch(f"https://public.example:{port}/x.png")
    assert seen == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x", "//example.org/x", "https://", "https:///x", "https://[::1", "https://a:b:c/",
        "https://exa mple.org/", "", "\0", "https://\ud800/", "javascript:alert(1)", "data:image/png;base64,AAAA",
        "https://example.org:99999/x", "https://" + "a" * 300 + ".org/",
    ],
)  # fmt: skip
async def test_an_invalid_picture_link_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await PictureFetcher(Images(fetch_timeout=5)).fetch(url)
    assert caught.value.kind is FailureKind.BAD_IMAGE


async def test_a_compressed_body_is_not_unpacked(site: str) -> None:
    """64 MB of zeros stay the few kilobytes that they are on the wire."""
    fetched = await PictureFetcher(Images(allow_private_addresses=True)).fetch(f"{site}/packed")
    assert len(fetched) < 70_000


NOT_PUBLIC = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1",
    "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:0:53aa:64c:0:7fff:abcd:fffe", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:5db8:d822::1", "3fff::1", "3fff:fff:ffff::1", "5f00::1", "fc00::1",
    "fd00::1", "fe80::1%eth0", "febf::1", "fec0::1", "feff::1", "ff02::1", "4000::1", "2606:2800::5efe:7f00:1",
    "2606:2800::200:5efe:7f00:1", "", "nonsense", "127.1",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
    "192.88.98.255", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:2800:220:1::1", "2001:4860:4860::8888",
    "2a00:1450::1", "3ffe:ffff::1", "::ffff:93.184.216.34", "64:ff9b::93.184.216.34",
)  # fmt: skip


@pytest.mark.parametrize(
    ("address", "public"), [*((one, False) for one in NOT_PUBLIC), *((one, True) for one in PUBLIC)]
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert addresses.is_public(address) is public
