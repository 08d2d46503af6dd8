"""Pictures that a provider names by a link: where it may lead, and how much of it is read."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from antiphon.config.model import Images
from inference_service.failures import UpstreamFailure
from inference_service.pictures.fetch import PictureFetcher, is_public
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


@pytest.mark.parametrize(
    "url",
    ["https://169.254.169.254/latest", "https://localhost/x", "https://10.1.2.3/x", "https://[fd00::1]/x", "http://example.org/x"],
)  # fmt: skip
async def test_by_default_nothing_private_is_reached_by_address_or_by_name(url: str) -> None:
    with pytest.raises(UpstreamFailure, match=r"private network|only https"):
        await PictureFetcher(Images()).fetch(url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("169.254.169.254", False),
        ("127.0.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public
