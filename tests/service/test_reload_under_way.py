"""A reload while answers run: nothing mixes two configurations, and the answer of a reload names what it applied."""

import asyncio
from pathlib import Path

from antiphon import events
from antiphon.client import InferenceClient
from antiphon.config.load import load_config
from inference_service.server import Server
from tests.fakes.upstream.server import TEXT, FakeUpstream

FILE = """
[service]
port = 0
status_page = false
http = false
grace = {grace}
[providers.a]
kind = "openai"
base_url = "{base}"
models = ["first", "second"]
credentials_env = ["A_KEY"]
[routes.chat]
deployments = ["a/first", "a/second"]
[routing.timeouts]
first_token = {first}
"""


async def test_an_answer_that_runs_while_tokens_are_exchanged_ends_with_a_token_and_quarantines_none(
    tmp_path: Path,
) -> None:
    async with FakeUpstream() as upstream:
        upstream.behaviour = {"first": "pauses:90", "second": "ok"}
        path = tmp_path / "antiphon.toml"
        path.write_text(FILE.format(grace=1, base=upstream.base("a"), first=10))
        environ = {"A_KEY": "old-token-00000000001"}
        server = Server(load_config(path, environ), environ, path)
        await server.start()
        try:
            async with InferenceClient(server.target) as client:
                stream = client.chat("hi")
                async for event in stream:
                    if isinstance(event, events.Delta) and len(stream.text) >= 90 and not upstream.hold.is_set():
                        environ["A_KEY"] = "new-token-00000000001"
                        await server.reload()
                        upstream.behaviour["first"] = "cut:90"
                        upstream.calls[0].ended = "cut"
                        upstream.hold.set()
                assert stream.text == TEXT
                assert all(call.token in ("old-token-00000000001", "new-token-00000000001") for call in upstream.calls)
                states = [
                    credential.state
                    for provider in (await client.status()).providers
                    for credential in provider.credentials
                ]
                assert states == [1]  # ready
                after = client.chat("hi", model="a/second")
                async for _event in after:
                    pass
                assert upstream.calls[-1].token == "new-token-00000000001"
        finally:
            await server.stop(1.0)


async def test_a_reload_names_every_key_that_it_applied_and_every_one_that_needs_a_restart(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        path = tmp_path / "antiphon.toml"
        path.write_text(FILE.format(grace=1, base=upstream.base("a"), first=10))
        environ = {"A_KEY": "old-token-00000000001"}
        server = Server(load_config(path, environ), environ, path)
        await server.start()
        try:
            path.write_text(
                FILE.format(grace=2, base=upstream.base("a"), first=5)
                + "[routing.breaker]\nfailures = 4\n[images]\nmax_pixels = 1000000\n[state]\nlease = 90\n"
            )
            async with InferenceClient(server.target) as client:
                changes = await client.reload()
            assert {
                change.partition(" ")[0]: "restart" in change for change in changes if "." in change.split()[0]
            } == {
                "service.grace": False,
                "routing.timeouts.first_token": False,
                "routing.breaker.failures": True,
                "images.max_pixels": False,
                "state.lease": True,
            }
        finally:
            await server.stop(1.0)


async def test_a_reload_that_changes_nothing_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "antiphon.toml"
    path.write_text("[service]\nport = 0\nstatus_page = false\nhttp = false\n[providers.embedded]\n")
    server = Server(load_config(path, {}), {}, path)
    await server.start()
    try:
        async with asyncio.timeout(20):
            assert await server.reload() == []
    finally:
        await server.stop(1.0)
