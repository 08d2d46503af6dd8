"""A route whose deployments are equal: what would be lost soonest is spent first, then the others."""

from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.service import KEYS, serving, two_providers


async def test_quota_that_would_be_lost_soonest_is_spent_first_and_then_the_rest() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "ok", "ok", order="quota")
        config["providers"]["a"]["quotas"] = [{"unit": "requests", "limit": 100, "per": "month"}]
        config["providers"]["b"]["quotas"] = [{"unit": "requests", "limit": 2, "per": "5h"}]
        async with serving(config, KEYS) as (_, client):
            answered = []
            for _ in range(4):
                stream = client.chat("hi")
                async for _event in stream:
                    pass
                assert stream.text == TEXT
                answered.append(stream.deployment)
        assert answered == ["b/ok", "b/ok", "a/ok", "a/ok"]
