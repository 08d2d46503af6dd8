"""Turns of one conversation go to one credential through both doors, whatever a client calls the id; nothing is pinned."""

from typing import Any

from antiphon.client import InferenceClient
from tests.fakes.upstream.server import FakeUpstream
from tests.support.http import http_door
from tests.support.service import two_providers

POOL = {f"A_KEY{number}": f"key-of-a-{number:012d}" for number in range(1, 9)}
CONVERSATIONS = [f"talk-{number}" for number in range(12)]


async def test_a_conversation_keeps_its_credential_through_both_doors() -> None:
    async with FakeUpstream() as upstream:
        config: dict[str, Any] = two_providers(upstream, "ok", "ok")
        config["routes"]["chat"]["deployments"] = ["a/ok"]
        environ = {**POOL, "B_KEY": "key-of-b-000000000001"}
        async with http_door(config, environ) as door, InferenceClient(door.server.target) as client:
            used: dict[str, set[str]] = {}
            for name in CONVERSATIONS:
                await client.complete("hi", conversation_id=name)
                for members in ({"antiphon": {"conversation_id": name}}, {"prompt_cache_key": name}, {"chat_id": name}):
                    answer = await door.chat(**members)
                    assert answer.status == 200, answer.text
                used[name] = {call.token for call in upstream.calls}
                upstream.calls.clear()
            assert {len(tokens) for tokens in used.values()} == {1}
            assert len(set().union(*used.values())) > 2  # they are spread over the pool
            # The same id of another tenant is another conversation.
            (own,) = used["talk-0"]
            for tenant in range(8):
                await client.complete("hi", conversation_id="talk-0", tenant_id=f"tenant-{tenant}")
            assert {call.token for call in upstream.calls} != {own}
