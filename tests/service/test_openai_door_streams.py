"""Streams of the OpenAI-compatible door: handovers, callers who leave or do not read, silence, the end of the service."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import trustme

from inference_service.http import sse
from tests.fakes.upstream.server import TEXT, FakeUpstream
from tests.support.http import DEMO, Answer, Door, http_door, parsed
from tests.support.service import KEYS, two_providers
from tests.support.torrent import Torrent

LARGE = 64 * 1024 * 1024
SLOW_READERS = 4
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


@contextlib.asynccontextmanager
async def doors(
    first: str, second: str, *, preset: str = "vllm", **more: Any
) -> AsyncIterator[tuple[Door, FakeUpstream]]:
    async with (
        FakeUpstream() as upstream,
        http_door(two_providers(upstream, first, second, preset=preset, **more), KEYS) as door,
    ):
        yield door, upstream


def assert_whole(answer: Answer, *, attempts: int | None = None) -> None:
    assert answer.status == 200, answer.text
    assert answer.content == TEXT
    assert answer.finish == "stop"
    last = answer.events[-2] if answer.events else answer.json
    assert last["antiphon"]["deployment"] == last["antiphon"]["deployments"][-1]
    if attempts is not None:
        assert last["antiphon"]["attempts"] == attempts
    assert answer.done is bool(answer.events)


# What happens to the first deployment; the second one continues, refuses to, or says the same again.
FAULTS = ("reset", "429:60", "500", "503", "html", "empty", "errorfirst", "silent", "stall:90", "cut:90", "eof:90", "errorlater:90", "badchunk:90", "resetchunk:90", "lostchunk:90")  # fmt: skip


@pytest.mark.parametrize("second", ["ok", "echo", "prefillrefused"])
async def test_a_stream_is_exact_whatever_happens_to_the_first_deployment(second: str) -> None:
    async def exact(fault: str) -> None:
        async with doors(fault, second) as (door, upstream):
            answer = await door.chat(**USAGE)
            assert_whole(answer)
            if fault != "badchunk:90":  # the rest of that answer may still be whole
                assert answer.events[-2]["antiphon"]["deployment"] == f"b/{second}", fault
                assert upstream.of("b"), fault

    await asyncio.gather(*map(exact, FAULTS))


async def test_a_restart_that_says_the_same_goes_on_behind_what_was_sent() -> None:
    async with doors("cut:90", "ok", preset="plain") as (door, upstream):
        answer = await door.chat(**USAGE)
        assert_whole(answer, attempts=2)
        assert [turn["role"] for turn in upstream.of("b")[0].body["messages"]] == ["user"]
        [handover] = answer.events[-2]["antiphon"]["handovers"]
        assert (handover["from"], handover["to"], handover["reason"]) == ("a/cut:90", "b/ok", "stream_cut")


async def test_a_restart_that_says_something_else_is_an_error_and_never_a_success() -> None:
    async with FakeUpstream() as upstream:
        config = two_providers(upstream, "cut:90", "other", preset="plain")
        async with FakeUpstream() as other:
            other.text = "Quite another answer, which begins in another way."
            config["providers"]["b"]["base_url"] = other.base("b")
            async with http_door(config, KEYS) as door:
                answer = await door.chat(**USAGE)
                assert answer.status == 200
                assert not answer.done
                assert answer.finish is None
                assert answer.error["code"] == "service_unavailable"
                said = "".join(event["choices"][0]["delta"].get("content", "") for event in answer.events[:-1])
                assert TEXT.startswith(said)
                whole = await door.chat()  # in one piece, a restart is no harm
                assert whole.content == other.text
                assert whole.finish == "stop"


async def test_a_restart_that_ends_before_what_was_sent_is_an_error() -> None:
    async with FakeUpstream() as upstream, FakeUpstream() as other:
        config = two_providers(upstream, "cut:90", "ok", preset="plain")
        other.text = TEXT[:40]
        config["providers"]["b"]["base_url"] = other.base("b")
        async with http_door(config, KEYS) as door:
            answer = await door.chat(stream=True)
            assert not answer.done
            assert answer.error["code"] == "service_unavailable"


async def test_a_continuation_by_instruction_goes_on_behind_the_word_that_had_left() -> None:
    async with doors("cut:93", "again", preset="plain", continue_by_instruction=["b/again"]) as (door, upstream):
        answer = await door.chat(**USAGE)
        assert_whole(answer)
        assert [turn["role"] for turn in upstream.of("b")[0].body["messages"]] == ["user", "assistant", "user"]


async def test_a_stream_that_nobody_can_continue_ends_with_an_error_event() -> None:
    async with doors("cut:90", "500") as (door, _):
        answer = await door.chat(**USAGE)
        assert answer.status == 200
        assert not answer.done
        assert answer.error["type"] == "server_error"
        assert answer.error["antiphon"]["failed_attempts"][0]["failure"] == "stream_cut"


async def test_a_caller_who_hangs_up_ends_the_call_to_the_provider() -> None:
    for members in ({"stream": True}, {}):
        async with doors("held", "held") as (door, upstream):
            asking = asyncio.create_task(door.chat(**members))
            await upstream.arrived.wait()
            asking.cancel()
            async with asyncio.timeout(20):
                await upstream.calls[0].over.wait()
            assert upstream.calls[0].ended == "closed"
            assert upstream.of("b") == []


async def test_readers_who_are_slow_hold_back_their_provider_and_nobody_else() -> None:
    async with Torrent(LARGE) as upstream:
        provider = {"kind": "openai", "base_url": upstream.url, "models": ["torrent"], "anonymous": True}
        config = {
            **DEMO,
            "providers": {"a": provider, "embedded": {}},
            "routes": {"chat": {"deployments": ["embedded/demo"]}},
        }
        readers: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        async with http_door(config) as door:
            body = b'{"model":"a/torrent","stream":true,"messages":[{"role":"user","content":"hi"}]}'
            head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
            for _ in range(SLOW_READERS):
                reader, writer = await asyncio.open_connection("127.0.0.1", door.server.http_port, limit=1_024)
                readers.append((reader, writer))  # asyncio closes what nobody holds
                writer.write(head % len(body) + body)
            before = -1
            while upstream.open < SLOW_READERS or upstream.sent != before:  # until nothing more is taken
                before = upstream.sent
                for _ in range(10):
                    assert (await door.chat()).status == 200
            assert before < SLOW_READERS * LARGE / 2
            for _, writer in readers:
                writer.transport.abort()
            while upstream.open:  # their end reaches the provider
                upstream.changed.clear()
                await upstream.changed.wait()
            assert upstream.whole == 0


async def test_comments_keep_a_silent_connection_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "QUIET", 0.05)
    async with doors("held", "held") as (door, upstream):
        body = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        async with door.session.post(f"{door.base}/v1/chat/completions", json=body) as response:
            assert response.status == 200
            assert (await response.content.readline()).startswith(b": ")
            upstream.hold.set()
            answer = parsed(response.status, response.headers, await response.text())
        assert answer.content == TEXT
        assert answer.done


async def test_a_service_that_ends_says_so_in_both_places() -> None:
    async with doors("pauses:90", "pauses:90") as (door, upstream):
        streaming = asyncio.create_task(door.chat(stream=True))
        await upstream.arrived.wait()
        await door.server.leave()
        stopping = asyncio.create_task(door.server.stop(1.2))
        answer = await streaming
        assert not answer.done
        assert answer.error["code"] == "shutting_down"
        await stopping


async def test_the_door_speaks_tls_with_the_certificate_of_the_other_door(tmp_path: Any) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    (tmp_path / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    (tmp_path / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    tls = {"tls": {"certificate": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}}
    async with http_door({**DEMO, "service": tls}) as door:
        door.base = f"https://localhost:{door.server.http_port}"
        assert (await door.ask("GET", "/v1/models", ssl=context)).status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await door.ask("GET", "/v1/models")
