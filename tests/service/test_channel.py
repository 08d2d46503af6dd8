"""Every option of our channels does something: gRPC ignores names that it does not know without a word."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from antiphon import channel, errors
from antiphon.client import InferenceClient
from antiphon.connection import address
from antiphon.v1 import chat_pb2, inference_service_pb2_grpc
from tests.fakes.inference import ScriptedInference, answer, chat_of, delta, finished, pictures, refuse, started

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Echo(ScriptedInference):
    """Answers with the size of the question, after `silence` seconds."""

    silence = 0.0

    async def Chat(self, request: chat_pb2.ChatRequest, _: Any) -> AsyncIterator[chat_pb2.ChatResponse]:  # noqa: N802
        yield started()
        await asyncio.sleep(self.silence)
        text = str(len(request.messages[0].parts[0].text))
        yield delta(text)
        yield finished(len(text))


async def listen(port: int = 0, **chosen: Any) -> tuple[grpc.aio.Server, int]:
    options = channel.server_options(
        **{"max_request_bytes": 64 * 1024, "longest_stream": 60, "share_port": False, **chosen}
    )
    server = grpc.aio.server(options=options)
    inference_service_pb2_grpc.add_InferenceServiceServicer_to_server(Echo(), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, bound


async def said(client: InferenceClient, text: str) -> str:
    stream = client.chat(text)
    async for _ in stream:
        pass
    return stream.text


async def test_the_largest_request_is_bounded_and_the_rest_goes_through() -> None:
    server, port = await listen()
    try:
        async with InferenceClient(f"127.0.0.1:{port}") as client:
            assert await said(client, "x" * 60_000) == "60000"
            with pytest.raises(errors.InvalidRequest, match="larger than the service accepts"):
                await said(client, "x" * 70_000)
    finally:
        await server.stop(None)


async def test_a_second_server_on_the_port_is_an_error_unless_it_is_meant() -> None:
    server, port = await listen()
    try:
        with pytest.raises(RuntimeError):
            await listen(port)
    finally:
        await server.stop(None)
    first, port = await listen(share_port=True)
    second, same = await listen(port, share_port=True)
    assert same == port
    await asyncio.gather(first.stop(None), second.stop(None))


async def test_an_answer_beyond_grpcs_own_limit_arrives() -> None:
    data = b"\x89PNG" + bytes(5 * 1024 * 1024)
    async with ScriptedInference() as fake, InferenceClient(fake.target) as client:
        fake.on_image(pictures(data, chunk=len(data)))
        stream = client.image("a fox")
        async for _ in stream:
            pass
        assert stream.pictures[0].data == data


async def test_the_service_learns_the_callers_identity() -> None:
    async with ScriptedInference() as fake, InferenceClient(fake.target) as client:
        await said(client, "?")
        assert str(fake.metadata[0]["user-agent"]).startswith("antiphon-python ")


async def test_a_call_that_was_turned_away_is_made_again_until_the_first_message() -> None:
    async with ScriptedInference() as fake, InferenceClient(fake.target) as client:
        turned_away = 0

        async def at_first(request: chat_pb2.ChatRequest) -> AsyncIterator[chat_pb2.ChatResponse]:
            nonlocal turned_away
            turned_away += 1
            script = refuse(UNAVAILABLE, "draining") if turned_away < 3 else answer("Welcome.")
            async for response in script(request):
                yield response

        fake.on_chat(at_first)
        assert await said(client, "?") == "Welcome."
        assert [call.get("grpc-previous-rpc-attempts") for call in fake.metadata] == [None, "1", "2"]
        fake.chats.clear()
        fake.on_chat(chat_of([started(), delta("Half")]))
        with pytest.raises(errors.Interrupted):
            await said(client, "?")
        assert len(fake.chats) == 1


async def test_calls_go_round_all_replicas_and_one_that_ends_loses_none() -> None:
    async with (
        ScriptedInference() as first,
        ScriptedInference() as second,
        InferenceClient(f"ipv4:{first.target},{second.target}") as client,
    ):
        for _ in range(20):
            assert await said(client, "?") == "Hello."
            if first.chats and second.chats:
                break
        assert first.chats
        assert second.chats
        await first.stop()
        for _ in range(10):
            assert await said(client, "?") == "Hello."


@pytest.mark.parametrize(
    ("host", "port", "target"),
    [("127.0.0.1", 1, "127.0.0.1:1"), ("0.0.0.0", 2, "127.0.0.1:2"), ("::", 3, "127.0.0.1:3"), ("::1", 4, "[::1]:4")],
)
def test_where_a_service_listens_is_where_it_is_called(host: str, port: int, target: str) -> None:
    assert address(host, port) == target


@pytest.mark.soak
async def test_a_stream_that_is_silent_for_long_is_not_cut_by_keepalive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Echo, "silence", 100.0)
    server, port = await listen()
    try:
        async with InferenceClient(f"127.0.0.1:{port}") as client:
            assert await said(client, "four") == "4"
    finally:
        await server.stop(None)
