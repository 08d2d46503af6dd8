"""Real processes that are killed: what was spent of a quota is not spent again."""

import asyncio
import json
import sqlite3
from pathlib import Path

import aiohttp

from antiphon import errors
from antiphon.client import InferenceClient
from tests.failover.test_shared_pool import on_disk
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.processes import running
from tests.support.service import KEYS, serving, two_providers

QUOTA = {"unit": "requests", "limit": 5, "per": "day", "clock": "first_use", "scope": "credential"}


def configured(folder: Path, upstream: FakeUpstream) -> None:
    config = {
        "service": {"port": 0, "status_page": False, "http": False, "grace": 1},
        "providers": {
            "a": {
                "kind": "openai",
                "base_url": upstream.base("a"),
                "models": ["ok"],
                "credentials_env": ["A_KEY"],
                "options": {"preset": "vllm"},
            }
        },
        "routes": {"chat": {"deployments": ["a/ok"]}},
    }
    path = on_disk(folder, config)
    lines = [f"{key} = {value!r}" for key, value in QUOTA.items()]
    path.write_text(path.read_text() + "\n[[providers.a.quotas]]\n" + "\n".join(lines) + "\n", encoding="utf-8")


async def ask(client: InferenceClient) -> bool:
    stream = client.chat("hi", timeout=10)
    try:
        async for _event in stream:
            pass
    except errors.AntiphonError:
        return False
    return stream.text == TEXT


async def test_a_process_that_is_killed_does_not_spend_its_quota_twice(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        configured(tmp_path, upstream)
        environ = {"A_KEY": "key-of-a-000000000001"}
        answered = 0
        for _ in range(3):
            async with running("antiphon", "serve", directory=tmp_path, environ=environ) as process:
                target = (await process.line("ready: ")).split()[1]
                async with InferenceClient(target) as client:
                    for _ in range(2):
                        answered += await ask(client)
                    # Written behind within a second; the last second may be lost, so the kill waits for it.
                    await written(tmp_path, answered)
                await process.kill()
        assert answered == 5
        assert len(upstream.of("a")) == 5


async def test_a_call_that_is_under_way_when_the_process_is_killed_is_spent_too(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        configured(tmp_path, upstream)
        environ = {"A_KEY": "key-of-a-000000000001"}
        upstream.behaviour["ok"] = "held"
        async with running("antiphon", "serve", directory=tmp_path, environ=environ) as process:
            target = (await process.line("ready: ")).split()[1]
            async with InferenceClient(target) as client:
                questions = [asyncio.create_task(ask(client)) for _ in range(2)]
                await written(tmp_path, 2)
                await process.kill()
                assert await asyncio.gather(*questions) == [False, False]
        upstream.behaviour["ok"] = "ok"
        upstream.hold.set()
        async with running("antiphon", "serve", directory=tmp_path, environ=environ) as process:
            target = (await process.line("ready: ")).split()[1]
            async with InferenceClient(target) as client:
                assert [await ask(client) for _ in range(4)] == [True, True, True, False]


async def written(folder: Path, count: int) -> None:
    path = folder / ".antiphon" / "limits.sqlite3"
    async with asyncio.timeout(20):
        while used(path) < count:
            await asyncio.sleep(0.05)


def used(path: Path) -> float:
    if not path.exists():
        return 0
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT value FROM rows WHERE key LIKE 'window|%'").fetchall()
    return max((json.loads(value)[2][0] for (value,) in rows), default=0)


async def test_a_folder_that_cannot_be_written_is_said_and_answers_go_on(tmp_path: Path) -> None:
    async with FakeUpstream() as upstream:
        configured(tmp_path, upstream)
        (tmp_path / ".antiphon").write_text("a file where the folder should be")
        async with running(
            "antiphon", "serve", directory=tmp_path, environ={"A_KEY": "key-of-a-000000000001"}
        ) as process:
            target = (await process.line("ready: ")).split()[1]
            await process.complaint("limits are not remembered over a restart")
            async with InferenceClient(target) as client:
                assert await ask(client)
                [warning] = [text for text in (await client.status()).warnings if "remembered" in text]
                assert "state.directory" in warning


async def test_a_memory_of_a_newer_version_is_left_alone_and_said_in_status_and_health(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "limits.sqlite3") as connection:
        connection.execute("PRAGMA user_version=99")
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "ok", "ok")
        config["state"] = {"directory": str(tmp_path)}
        config["service"] = {"http": False, "status_page": True, "status_port": 0}
        async with serving(config, KEYS) as (server, client):
            assert await ask(client)
            [warning] = [text for text in (await client.status()).warnings if "remembered" in text]
            assert "newer version" in warning
            page = f"http://127.0.0.1:{server.status_port}/readyz"
            async with aiohttp.ClientSession() as session, session.get(page) as answer:
                assert answer.status == 200
                assert "newer version" in await answer.text()
    with sqlite3.connect(tmp_path / "limits.sqlite3") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)
