"""What is left of today's quotas: in the status, the page's data, the metrics, and for everybody in the list of models."""

import aiohttp

from antiphon.v1 import quotas_pb2
from tests.fakes.upstream.server import FakeUpstream
from tests.support.recovery import idle
from tests.support.service import KEYS, serving, two_providers

QUOTAS = [
    {"unit": "requests", "limit": 20, "per": "day", "scope": "credential"},
    {"unit": "concurrent", "limit": 3},
]


async def test_remaining_quota_is_shown_everywhere() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "ok", "ok")
        config["providers"]["a"]["quotas"] = QUOTAS
        config["service"] = {"http": False, "status_page": True, "status_port": 0}
        async with serving(config, KEYS) as (server, client):
            for _ in range(3):
                async for _event in client.chat("hi"):
                    pass
            await idle(client)
            provider = next(one for one in (await client.status()).providers if one.name == "a")
            day = next(one for one in provider.quotas if one.unit == quotas_pb2.QUOTA_UNIT_REQUESTS)
            assert (day.limit, day.used, day.left, day.declared) == (20, 3, 17, True)
            assert day.HasField("refills_at")
            models = {model.name: model for model in await client.models()}
            assert models["chat"].requests_left == 17
            assert models["chat"].refills_at is not None
            async with aiohttp.ClientSession(f"http://127.0.0.1:{server.status_port}") as session:
                async with session.get("/api/status") as answer:
                    [told] = [one for one in (await answer.json())["providers"] if one["name"] == "a"]
                assert {one["unit"] for one in told["quotas"]} == {"QUOTA_UNIT_REQUESTS", "QUOTA_UNIT_CONCURRENT"}
                async with session.get("/metrics") as answer:
                    text = await answer.text()
            labels = 'model="",provider="a",unit="requests",window_seconds="86400"'
            assert f"antiphon_quota_left{{{labels}}} 17.0" in text
            assert f"antiphon_quota_limit{{{labels}}} 20.0" in text


async def test_without_any_quota_nothing_is_claimed() -> None:
    async with FakeUpstream() as upstream, serving(two_providers(upstream, "ok", "ok"), KEYS) as (_, client):
        async for _event in client.chat("hi"):
            pass
        models = {model.name: model for model in await client.models()}
        assert models["chat"].requests_left is None
