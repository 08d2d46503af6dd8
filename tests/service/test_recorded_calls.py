"""Calls of the contract's first version, byte for byte as its clients sent them: every later server answers them alike.

`python -m tests.service.test_recorded_calls` records the file anew: only when the contract gains something, never to make a test pass.
"""

import asyncio
import base64
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory

from antiphon.v1 import inference_service_pb2, operations_service_pb2
from tests.support.service import serving

RECORDED = Path(__file__).with_name("recorded_calls.json")
DEMO = {"embedded": {"characters_per_second": 0, "image_seconds": 0}}
QUESTION = {"role": "ROLE_USER", "parts": [{"text": "Why is the sky blue?"}]}
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("Chat", {"model": "chat", "messages": [QUESTION]}),
    ("Chat", {"model": "chat", "messages": [QUESTION], "sampling": {"temperature": 0.5, "stop": ["x"], "seed": "7", "reasoningEffort": "REASONING_EFFORT_LOW"}, "caller": {"tenantId": "t", "userId": "u"}, "requestId": "r-1", "conversationId": "c"}),
    ("Chat", {"model": "chat", "messages": [{"role": "ROLE_SYSTEM", "parts": [{"text": "Be brief."}]}, QUESTION], "onInterruption": "ON_INTERRUPTION_RESTART", "unsupportedSetting": "UNSUPPORTED_SETTING_DROP", "replay": True, "requestId": "r-2"}),
    ("Chat", {"model": "chat", "messages": [QUESTION], "tools": [{"name": "look_up", "parameters": "{}"}]}),
    ("Chat", {"model": "chat", "messages": []}),
    ("Chat", {"model": "nothing", "messages": [QUESTION]}),
    ("Complete", {"model": "chat", "messages": [QUESTION, {"role": "ROLE_ASSISTANT", "parts": [{"text": "Because of the"}], "partial": True}]}),
    ("Image", {"model": "image", "prompt": "a red fox", "size": {"width": 64, "height": 64}, "count": 2, "format": "IMAGE_FORMAT_PNG"}),
    ("Embed", {"model": "embed", "inputs": ["a"]}),
    ("Transcribe", {"model": "transcribe"}),
    ("CountTokens", {"model": "chat", "messages": [QUESTION]}),
    ("ListModels", {"task": "TASK_CHAT", "includeDeployments": True}),
    ("GetUsage", {"groupBy": ["USAGE_DIMENSION_DAY", "USAGE_DIMENSION_MODEL"], "pageSize": 5}),
    ("GetStatus", {}),
]  # fmt: skip
WHEN_IT_TAKES_LONG = ("progress", "preview")
METHODS = {
    method.name: method
    for service in (
        *inference_service_pb2.DESCRIPTOR.services_by_name.values(),
        *operations_service_pb2.DESCRIPTOR.services_by_name.values(),
    )
    for method in service.methods
}


def kinds(rpc: str, responses: list[bytes]) -> list[str]:
    """What came: the events of a stream without repetitions, or the fields that are set; also shows that all is known."""
    found = []
    for data in responses:
        message = message_factory.GetMessageClass(METHODS[rpc].output_type).FromString(data)
        assert message.SerializeToString(deterministic=True) is not None
        oneof = message.DESCRIPTOR.oneofs_by_name.get("event")
        found += [message.WhichOneof("event")] if oneof else [field.name for field, _ in message.ListFields()]
    return [kind for kind, _ in groupby(found) if kind not in WHEN_IT_TAKES_LONG]


async def call(channel: grpc.aio.Channel, rpc: str, request: bytes) -> tuple[str, list[bytes]]:
    """(status, responses), on the wire's bytes alone."""
    method = METHODS[rpc]
    ask = channel.unary_stream(f"/{method.containing_service.full_name}/{rpc}")
    try:
        return "OK", [response async for response in ask(request, timeout=60)]
    except grpc.aio.AioRpcError as failed:
        return failed.code().name, []


@pytest.mark.timeout(180)
async def test_every_recorded_call_is_answered_as_it_was() -> None:
    recorded = json.loads(RECORDED.read_text())
    assert len(recorded) >= len(ASKED)
    async with serving(DEMO) as (server, _), grpc.aio.insecure_channel(server.target) as channel:
        for one in recorded:
            code, responses = await call(channel, one["rpc"], base64.b64decode(one["request"]))
            assert code == one["code"], one["rpc"]
            came = kinds(one["rpc"], responses)
            # A later server may say more, never less and in no other order.
            at = iter(came)
            assert all(kind in at for kind in one["kinds"]), (one["rpc"], came)


async def record() -> None:
    from google.protobuf import json_format

    made = []
    async with serving(DEMO) as (server, _), grpc.aio.insecure_channel(server.target) as channel:
        for rpc, asked in ASKED:
            request = json_format.ParseDict(
                asked, message_factory.GetMessageClass(METHODS[rpc].input_type)()
            ).SerializeToString()
            code, responses = await call(channel, rpc, request)
            encoded = base64.b64encode(request).decode()
            made.append({"rpc": rpc, "request": encoded, "code": code, "kinds": kinds(rpc, responses)})
    RECORDED.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(record())
