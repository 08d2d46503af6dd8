"""Random and nearly right bytes at every method of the running service: a named status always, never a crash."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.v1 import (
    chat_pb2,
    common_pb2,
    embeddings_pb2,
    image_pb2,
    models_pb2,
    operations_pb2,
    speech_pb2,
    tokens_pb2,
    tools_pb2,
    usage_pb2,
)
from tests.fakes.upstream.server import png
from tests.service.test_unary import voice
from tests.support.callers import service
from tests.support.redis import free_port

INFERENCE, OPERATIONS = "/antiphon.v1.InferenceService/", "/antiphon.v1.OperationsService/"
METHODS = [
    *(
        INFERENCE + name
        for name in ("Chat", "Complete", "Image", "Embed", "Transcribe", "CountTokens", "ListModels", "GetUsage")
    ),
    *(OPERATIONS + name for name in ("GetStatus", "WatchStatus", "ReloadConfig")),
    "/grpc.health.v1.Health/Check",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
]
OURS = METHODS[:11]
NEVER = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
TURN = chat_pb2.Message(
    role=chat_pb2.ROLE_USER,
    parts=[
        chat_pb2.Part(text="What is this?"),
        chat_pb2.Part(image=chat_pb2.InlineImage(mime_type="image/png", data=png())),
    ],
)
CALL = tools_pb2.ToolCall(id="c1", name="look_up", arguments="{}")
RESULT = tools_pb2.ToolResult(call_id="c1", content="found")
SEEDS = [
    chat_pb2.ChatRequest(
        model="chat", messages=[TURN], sampling=chat_pb2.Sampling(temperature=1, stop=["x"]), request_id="a"
    ),
    chat_pb2.ChatRequest(
        model="chat",
        messages=[
            TURN,
            chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, parts=[chat_pb2.Part(tool_call=CALL)]),
            chat_pb2.Message(role=chat_pb2.ROLE_TOOL, parts=[chat_pb2.Part(tool_result=RESULT)]),
            chat_pb2.Message(
                role=chat_pb2.ROLE_USER,
                parts=[
                    chat_pb2.Part(document=chat_pb2.Document(mime_type="text/plain", data=b"words", name="a.txt")),
                    chat_pb2.Part(image_link=chat_pb2.ImageLink(url="https://127.0.0.1/fox.png")),
                ],
            ),
            chat_pb2.Message(role=chat_pb2.ROLE_ASSISTANT, parts=[chat_pb2.Part(text="It is")], partial=True),
        ],
        tools=[tools_pb2.Tool(name="look_up", parameters='{"type": "object"}', strict=True)],
        tool_choice=tools_pb2.ToolChoice(name="look_up"),
        parallel_tool_calls=False,
        response_format=chat_pb2.ResponseFormat(json_schema=chat_pb2.JsonSchemaFormat(name="a", schema="{}")),
        sampling=chat_pb2.Sampling(reasoning_effort=chat_pb2.REASONING_EFFORT_LOW, top_logprobs=3, presence_penalty=1),
        conversation_id="c",
        request_id="b",
        replay=True,
    ),
    embeddings_pb2.EmbedRequest(model="embed", inputs=["a", "b"], dimensions=3),
    speech_pb2.TranscribeRequest(
        model="transcribe", audio=chat_pb2.Audio(mime_type="audio/ogg", data=voice()), language="de", timestamps=True
    ),
    tokens_pb2.CountTokensRequest(model="chat", messages=[TURN]),
    image_pb2.ImageRequest(model="image", prompt="a fox", size=image_pb2.Size(width=64, height=64), count=1, seed=3),
    models_pb2.ListModelsRequest(task=models_pb2.TASK_CHAT, include_deployments=True),
    usage_pb2.GetUsageRequest(
        caller=common_pb2.Caller(user_id="u"),
        since=Timestamp(seconds=5, nanos=1),
        until=Timestamp(seconds=9),
        group_by=[usage_pb2.USAGE_DIMENSION_DAY],
        page_size=3,
        page_token="x",
    ),
    operations_pb2.WatchStatusRequest(interval=Duration(seconds=1)),
]
Send = Callable[[str, bytes, list[tuple[str, str]]], grpc.StatusCode]


@st.composite
def nearly_right(draw: st.DrawFn) -> bytes:
    """A good message with some bytes changed, put in or taken away."""
    data = bytearray(draw(st.sampled_from(SEEDS)).SerializeToString())
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        data[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data)


whole_numbers = st.integers(-(2**31), 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
doubles = st.floats(width=64)


@st.composite
def strange(draw: st.DrawFn) -> tuple[str, bytes]:
    """A message that is one, with values that nobody means."""
    match draw(st.integers(0, 4)):
        case 0:
            parts = st.builds(chat_pb2.Part, text=texts)
            turns = st.builds(chat_pb2.Message, role=whole_numbers, parts=st.lists(parts, max_size=3))
            sampling = chat_pb2.Sampling(
                temperature=draw(doubles), top_p=draw(doubles), stop=draw(st.lists(texts, max_size=6))
            )
            request = chat_pb2.ChatRequest(
                model=draw(texts), messages=draw(st.lists(turns, max_size=3)), sampling=sampling, request_id=draw(texts),
                caller=common_pb2.Caller(tenant_id=draw(texts), user_id=draw(texts)), on_interruption=draw(whole_numbers),
            )  # fmt: skip
            return METHODS[0], request.SerializeToString()
        case 1:
            size = image_pb2.Size(width=draw(st.integers(0, 2**32 - 1)), height=draw(st.integers(0, 2**32 - 1)))
            order = image_pb2.ImageRequest(
                model="image", prompt=draw(texts), size=size, guidance_scale=draw(doubles), count=draw(st.integers(0, 2**32 - 1)),
                input_image=chat_pb2.InlineImage(mime_type=draw(texts), data=draw(st.binary(max_size=60))),
            )  # fmt: skip
            return METHODS[1], order.SerializeToString()
        case 2:
            seconds, nanos = draw(st.integers(-(2**63), 2**63 - 1)), draw(whole_numbers)
            return METHODS[3], usage_pb2.GetUsageRequest(
                since=Timestamp(seconds=seconds, nanos=nanos)
            ).SerializeToString()
        case 3:
            seconds, nanos = draw(st.integers(-(2**63), 2**63 - 1)), draw(whole_numbers)
            interval = Duration(seconds=seconds, nanos=nanos)
            return METHODS[5], operations_pb2.WatchStatusRequest(interval=interval).SerializeToString()
        case _:
            return METHODS[2], models_pb2.ListModelsRequest(task=draw(whole_numbers)).SerializeToString()


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)
metadata = st.lists(
    st.tuples(st.sampled_from(["authorization", "traceparent", "tracestate", "x-anything", "user-agent"]), printable),
    max_size=4,
)


async def fuzz(folder: Path, attack: Callable[[Send], None], **environ: str) -> None:
    """The service in its own process, the attack in a thread; afterwards it lives, answers and has logged no error."""
    async with service(folder, **environ) as running:

        def run() -> None:
            with grpc.insecure_channel(running.target) as channel:

                def send(method: str, data: bytes, given: list[tuple[str, str]]) -> grpc.StatusCode:
                    call = channel.stream_stream(method)(iter([data]), metadata=given, timeout=30)
                    try:
                        for number, _ in enumerate(call):
                            if method.endswith("WatchStatus") and not number:
                                call.cancel()
                                return grpc.StatusCode.OK
                    except grpc.RpcError as error:
                        return error.code()  # type: ignore[attr-defined,no-any-return]
                    return grpc.StatusCode.OK

                attack(send)

        await asyncio.to_thread(run)
        await running.well()
        # aiohttp says of bytes that are no HTTP (its 400) that they are an error.
        logged = [
            line for line in running.process.errors if "BadHttpMessage" not in line and "_http_parser" not in line
        ]
        assert not any('"level": "error"' in line for line in logged), logged[-3:]


GOOD = [("authorization", "Bearer token-of-good")]


async def test_random_bytes_get_a_named_status(tmp_path: Path) -> None:
    def attack(send: Send) -> None:
        @settings(max_examples=200, deadline=None)
        @given(st.sampled_from(OURS), st.binary(max_size=300) | nearly_right())
        def attempt(method: str, data: bytes) -> None:
            assert send(method, data, GOOD) not in NEVER

        attempt()

    await fuzz(tmp_path, attack)


async def test_values_that_nobody_means_get_a_named_status(tmp_path: Path) -> None:
    def attack(send: Send) -> None:
        @settings(max_examples=200, deadline=None)
        @given(strange())
        def attempt(made: tuple[str, bytes]) -> None:
            assert send(*made, GOOD) not in NEVER

        attempt()

    await fuzz(tmp_path, attack)


async def test_strange_metadata_gets_a_named_status(tmp_path: Path) -> None:
    question = SEEDS[0].SerializeToString()

    def attack(send: Send) -> None:
        @settings(max_examples=200, deadline=None)
        @given(st.sampled_from([GOOD, []]), metadata)
        def attempt(first: list[tuple[str, str]], given_: list[tuple[str, str]]) -> None:
            assert send(METHODS[0], question, [*first, *given_]) not in NEVER

        attempt()

    # Traced, so that the parser of `traceparent` is in the way; nobody takes the spans.
    await fuzz(
        tmp_path,
        attack,
        ANTIPHON__TELEMETRY__OTLP_ENDPOINT="http://127.0.0.1:1",
        ANTIPHON__TELEMETRY__TRACE_SHARE="0.5",
    )


async def test_health_and_reflection_outlast_anything(tmp_path: Path) -> None:
    def attack(send: Send) -> None:
        @settings(max_examples=100, deadline=None)
        @given(st.sampled_from(METHODS[7:]), st.binary(max_size=200))
        def attempt(method: str, data: bytes) -> None:
            assert send(method, data, []) not in NEVER

        attempt()

    await fuzz(tmp_path, attack)


async def test_strange_headers_at_the_status_page_get_a_refusal(tmp_path: Path) -> None:
    port = free_port()

    def ask(line: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(
                b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + line + b"\r\n\r\n"
            )
            return connection.makefile("rb").readline()

    def attack(_: Send) -> None:
        @settings(max_examples=200, deadline=None)
        @given(st.binary(max_size=60).filter(lambda value: not set(value) & set(b"\r\n\0")))
        def attempt(value: bytes) -> None:
            for line in (b"Authorization: Bearer " + value, b"Authorization: " + value, value):
                assert ask(line).split()[1:2] in ([b"401"], [b"400"])

        attempt()

    environ = {
        "ANTIPHON__SERVICE__STATUS_PAGE": "true",
        "ANTIPHON__SERVICE__HTTP": "false",
        "ANTIPHON__SERVICE__STATUS_PORT": str(port),
    }
    await fuzz(tmp_path, attack, **environ)


def test_the_seeds_are_good() -> None:
    assert all(type(seed).FromString(seed.SerializeToString()) == seed for seed in SEEDS)
