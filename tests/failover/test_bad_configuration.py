"""Configuration that cannot work is refused with file, key and reason, at the start and at a reload, which changes nothing."""

import asyncio
import signal
from pathlib import Path

import pytest

from antiphon import errors
from antiphon.client import InferenceClient
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.processes import running
from tests.support.recovery import recovering
from tests.support.service import QUICK, two_providers

GOOD = """
[service]
port = 0
status_page = false
http = false

[providers.here]
kind = "embedded"

[routes.chat]
deployments = ["here/demo"]
"""
BAD = {
    "an unknown provider": (
        '[routes.extra]\ndeployments = ["nowhere/model"]',
        "routes.extra.deployments",
        "there is no provider 'nowhere'",
    ),
    "no usable credential": (
        '[routes.extra]\ndeployments = ["mistral/mistral-large-latest"]',
        "routes.extra.deployments",
        "none of these deployments has a usable credential",
    ),
    "no model": ('[routes.extra]\ndeployments = ["here"]', "routes.extra.deployments", "provider/upstream-model"),
    "a negative timeout": ("[routing.timeouts]\nidle = -1", "routing.timeouts.idle", "-1"),
    "a negative timeout of a route": (
        '[routes.extra]\ndeployments = ["here/demo"]\ntimeouts = { first_token = -0.5 }',
        "routes.extra.timeouts.first_token",
        "-0.5",
    ),
    "a timeout that is no number": ('[routing.timeouts]\ntotal = "soon"', "routing.timeouts.total", "soon"),
    "no attempts": ("[routing]\nattempts = 0", "routing.attempts", "0"),
    "an alias of itself": (
        '[routes.a]\nalias_of = "a"',
        "routes.a.alias_of",
        "the aliases form a circle: a → a",
    ),
    "a circle of aliases": (
        '[routes.a]\nalias_of = "b"\n[routes.b]\nalias_of = "c"\n[routes.c]\nalias_of = "a"',
        "routes.a.alias_of",
        "the aliases form a circle: a → b → c → a",
    ),
    "an alias of nothing": ('[routes.a]\nalias_of = "nothing"', "routes.a.alias_of", "there is no route 'nothing'"),
    "an unknown key": ("[routing]\nattemps = 3", "routing.attemps", ""),
}
CASES = pytest.mark.parametrize(("text", "key", "reason"), BAD.values(), ids=BAD)


@CASES
async def test_a_service_that_cannot_work_does_not_start_and_says_why(
    tmp_path: Path, text: str, key: str, reason: str
) -> None:
    path = tmp_path / "antiphon.toml"
    path.write_text(GOOD + text, encoding="utf-8")
    environ = {"ANTIPHON_CONFIG": str(path)}
    async with running("inference_service", directory=tmp_path, environ=environ) as process:
        assert await process.wait() == 2
        said = "\n".join(process.errors)
        assert "Traceback" not in said
        complaint = next(line for line in process.errors if f" {key}: " in line)
        assert complaint.startswith(f"{path}: ")
        assert reason in complaint


async def test_a_bad_file_changes_nothing_at_a_reload_and_the_refusal_says_why(tmp_path: Path) -> None:
    path = tmp_path / "antiphon.toml"
    path.write_text(GOOD, encoding="utf-8")
    environ = {"ANTIPHON_CONFIG": str(path), "ANTIPHON__EMBEDDED__CHARACTERS_PER_SECOND": "0"}
    async with running("antiphon", "serve", directory=tmp_path, environ=environ) as process:
        target = (await process.line("ready: ")).split()[1]
        async with InferenceClient(target) as client:
            for text, key, reason in BAD.values():
                path.write_text(GOOD + text, encoding="utf-8")
                with pytest.raises(errors.InvalidRequest) as caught:
                    await client.reload()
                said = str(caught.value)
                assert str(path) in said
                assert key in said
                assert reason in said
            stream = client.chat("hi")
            async for _event in stream:
                pass
            assert stream.deployment == "here/demo"
            process.signal(signal.SIGHUP)
            await process.complaint(next(reversed(BAD.values()))[1])
            assert await client.ready()


async def test_a_callers_deadline_ends_the_call_and_is_no_truncated_success() -> None:
    """What the provider sees is that its caller has gone. The hurry of a caller opens no breaker."""
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "stall:90", "silent")
        config["routing"]["timeouts"] = {**QUICK, "headers": 30, "first_token": 30, "idle": 30}
        async with recovering(upstream, config) as (_, client):
            for _ in range(5):
                stream = client.chat("hi", timeout=0.3)
                with pytest.raises(errors.DeadlineExceeded):
                    async for _event in stream:
                        pass
                assert stream.finished is None
                assert stream.text != TEXT
            async with asyncio.timeout(20):
                for call in upstream.calls:
                    await call.over.wait()
            assert {call.ended for call in upstream.calls} <= {"closed"}
            assert 1 <= len(upstream.of("a")) <= 5  # on a slow machine some may not have left in time
            assert not upstream.of("b")
            deployment = (await client.status()).providers[0].deployments[0]
            assert not deployment.probe_at.seconds
