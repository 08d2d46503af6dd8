"""The status page in a real browser: on a phone, in light and dark, by keyboard, and while things change."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from antiphon.client import InferenceClient
from inference_service.server import Server
from tests.fakes.upstream.server import FakeUpstream
from tests.support.browser import Page, browser
from tests.support.service import KEYS, serving, two_providers

SECOND = "key-of-a-000000000002"
REGIONS = ["Credentials", "Deployments", "Routes", "Recent handovers"]
FOCUSED = "document.getElementById(document.activeElement.getAttribute('aria-labelledby'))?.textContent"
TEXT = "document.body.innerText"


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with browser(tmp_path) as made:
        yield made


@pytest.fixture
async def running() -> AsyncIterator[tuple[Server, InferenceClient]]:
    """One token rests, one deployment cuts every answer."""
    async with FakeUpstream() as upstream:
        upstream.by_token = {SECOND: "429:3600"}
        config: dict[str, Any] = two_providers(upstream, "cut:90", "ok")
        config["service"] = {"http": False, "status_page": True, "status_port": 0}
        async with serving(config, {**KEYS, "A_KEY2": SECOND}) as made:
            yield made


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.status_port}/"


async def ask(client: InferenceClient, times: int = 1) -> None:
    for _ in range(times):
        async for _event in client.chat("hi"):
            pass


@pytest.mark.parametrize("width", [320, 390, 1200])
async def test_it_fits_every_width_and_follows_light_and_dark(
    page: Page, running: tuple[Server, InferenceClient], tmp_path: Path, width: int
) -> None:
    server, client = running
    await ask(client, 3)
    grounds = set()
    for scheme in ("light", "dark"):
        await page.look_like(width, scheme)
        await page.open(address(server))
        await page.until(f"{TEXT}.includes('● ready')")
        # Wide tables scroll in their own frame, the page itself never sideways.
        assert await page.value("document.scrollingElement.scrollWidth") <= width
        grounds.add(await page.value("getComputedStyle(document.body).backgroundColor"))
        assert await page.value("getComputedStyle(document.getElementById('door')).display") == "none"
        shot = Path(os.environ.get("ANTIPHON_SCREENSHOTS", tmp_path)) / f"status-{width}-{scheme}.png"
        await page.picture(shot)
        assert shot.stat().st_size > 5_000
    assert len(grounds) == 2


async def test_it_shows_tokens_that_rest_breakers_and_handovers_and_no_secret(
    page: Page, running: tuple[Server, InferenceClient]
) -> None:
    server, client = running
    await ask(client, 3)
    await page.open(address(server))
    await page.until(f"{TEXT}.includes('rate limited') && {TEXT}.includes('local')")
    text = await page.value(TEXT)
    for part in (
        "A_KEY2 …0002",
        "cooldown (rate limited)",
        "stream cut",
        "a/cut:90",
        "b/ok",
        "characters",
        "available",
        "its limit is reached; it comes back by itself",
        "60 min ago",
        "Last errors",
        "local",
    ):
        assert part in text, text
    assert "key-of-a" not in await page.value("document.documentElement.outerHTML")


async def test_it_changes_while_one_looks_and_says_when_the_service_is_gone(
    page: Page, running: tuple[Server, InferenceClient]
) -> None:
    server, client = running
    number = "[...document.querySelectorAll('#numbers div')].find(one => one.textContent.includes('requests')).querySelector('b').textContent"
    await page.open(address(server))
    await page.until(f"{TEXT}.includes('● ready') && {number} === '0'")
    assert "none yet" in await page.value(TEXT)
    await ask(client, 2)
    await page.until(f"{number} === '2' && {TEXT}.includes('stream cut')")
    assert await page.value("document.querySelector('#spark path').getAttribute('d').length") > 0
    await server.stop(0)
    await page.until("document.getElementById('state').textContent.includes('cannot be reached')")


async def test_it_is_worked_by_keyboard_alone(page: Page, running: tuple[Server, InferenceClient]) -> None:
    server, _ = running
    await page.open(address(server))
    await page.until(f"{TEXT}.includes('● ready')")
    for name in REGIONS:
        await page.press("Tab")
        assert await page.value(FOCUSED) == name
        assert await page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    # A new look at the data must not take the focus away.
    await page.until("performance.getEntriesByType('resource').length >= 3")
    assert await page.value(FOCUSED) == REGIONS[-1]


async def test_an_operator_tests_the_keys_and_reloads_by_button(
    page: Page, running: tuple[Server, InferenceClient]
) -> None:
    server, _ = running
    await page.open(address(server))
    await page.until(f"{TEXT}.includes('● ready')")
    await page.value("document.getElementById('probe').click()")
    await page.until("document.getElementById('said').textContent.includes('work')")
    assert "A_KEY2 …0002" in await page.value("document.getElementById('probes').textContent")
    await page.value("document.getElementById('reload').click()")
    await page.until(
        "document.getElementById('said').className === 'good' || document.getElementById('said').className === 'bad'"
    )
    # A foreign page cannot press them: it may send a simple POST, and that lacks the header.
    async with aiohttp.ClientSession() as session:
        for path in ("reload", "probe"):
            answer = await session.post(
                address(server) + f"api/{path}", headers={"Origin": "https://elsewhere.example"}
            )
            assert answer.status == 403


async def test_an_operator_opens_it_with_a_token_by_keyboard(page: Page) -> None:
    config = {
        "embedded": {"characters_per_second": 0},
        "service": {
            "http": False,
            "status_page": True,
            "status_port": 0,
            "callers": {"boss": {"token_env": "BOSS", "scopes": ["operate"]}, "bot": {"token_env": "BOT"}},
        },
    }
    async with serving(config, {"BOSS": "token-of-boss", "BOT": "token-of-bot"}) as (server, _):
        await page.open(address(server))
        await page.until(f"{TEXT}.includes('token is required')")
        assert await page.value("document.getElementById('main').hidden")
        assert await page.value("document.activeElement.id") == "token"
        for token in ("wrong", "token-of-bot"):
            await page.type(token)
            await page.press("Enter")
            await page.until(f"{TEXT}.includes(\"no operator's token\") && document.activeElement.id === 'token'")
            assert await page.value("document.getElementById('main').hidden")
            await page.value("document.getElementById('state').textContent = ''")
        await page.type("token-of-boss")
        await page.press("Enter")
        await page.until("!document.getElementById('main').hidden && document.getElementById('door').hidden")
        assert "token-of" not in await page.value("JSON.stringify(localStorage) + document.cookie + location.href")
