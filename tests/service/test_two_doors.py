"""The same request through both doors and in every form has the same text, usage, calls and error."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import errors
from antiphon.client import InferenceClient
from antiphon.events import Message, Sampling
from tests.fakes.upstream.server import FakeUpstream
from tests.support.http import Answer, Door, http_door
from tests.support.service import KEYS, two_providers

# Of the first and the second deployment.
CASES = (
    ("ok", "ok"), ("think", "ok"), ("length", "ok"), ("json", "ok"), ("nousage", "ok"), ("nodone", "ok"), ("nofinish", "ok"),
    ("429:60", "ok"), ("500", "ok"), ("empty", "ok"), ("html", "ok"), ("cut:90", "ok"), ("eof:90", "echo"), ("errorlater:90", "prefillrefused"),
    ("429day", "429day"), ("500", "html:502"), ("context", "context"), ("filtered", "ok"), ("401", "401"), ("gone", "gone"), ("cut:90", "500"),
)  # fmt: skip
# What OpenAI's API calls the errors of the client of the other door.
KINDS = {
    "invalid_value": "InvalidRequest",
    "context_length_exceeded": "InvalidRequest",
    "content_filter": "ContentRefused",
    "rate_limit_exceeded": "QuotaExceeded",
    "service_unavailable": "Unavailable",
}


@dataclass
class Outcome:
    """How one request ended for its caller."""

    text: str = ""
    finish: str = ""
    tokens: tuple[int, int] = (0, 0)
    attempts: int = 0
    error: str = ""
    message: str = ""
    failures: tuple[str, ...] = ()


async def over_grpc(client: InferenceClient) -> Outcome:
    stream = client.chat(
        [Message.system("Be brief."), Message.user("hi")], sampling=Sampling(temperature=0.5, max_tokens=99)
    )
    try:
        async for _event in stream:
            pass
    except errors.Interrupted as error:  # what had arrived is kept; OpenAI's API has no word for it
        return Outcome(stream.text, error="Unavailable", message=error.message, failures=failures(error))
    except errors.AntiphonError as error:
        return Outcome(stream.text, error=type(error).__name__, message=error.message, failures=failures(error))
    assert stream.finished is not None
    usage = stream.usage
    return Outcome(
        stream.text, stream.finished.reason, (usage.prompt_tokens, usage.completion_tokens), stream.finished.attempts
    )


def failures(error: errors.AntiphonError) -> tuple[str, ...]:
    return tuple(attempt.failure for attempt in error.attempts)


async def over_http(door: Door, **members: Any) -> Outcome:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    answer = await door.chat(messages=messages, temperature=0.5, max_completion_tokens=99, **members)
    if answer.status != 200 or (answer.events and not answer.done):
        return failed(answer)
    vendor = answer.json["antiphon"] if not answer.events else answer.events[-2]["antiphon"]
    usage = answer.usage
    return Outcome(
        answer.content, answer.finish or "", (usage["prompt_tokens"], usage["completion_tokens"]), vendor["attempts"]
    )


def failed(answer: Answer) -> Outcome:
    attempts = answer.error.get("antiphon", {}).get("failed_attempts", ())
    said = answer.events[:-1]
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in said)
    kind = KINDS[answer.error["code"]]
    return Outcome(
        text, error=kind, message=answer.error["message"], failures=tuple(attempt["failure"] for attempt in attempts)
    )


async def outcomes(first: str, second: str) -> tuple[Outcome, Outcome, Outcome]:
    """Over gRPC, over HTTP as a stream, and over HTTP in one piece, each with a service of its own."""

    async def with_a_service(ask: Any) -> Outcome:
        async with FakeUpstream() as upstream, http_door(two_providers(upstream, first, second), KEYS) as door:
            result: Outcome = await ask(door)
            bodies = [call.body for call in upstream.calls]
            assert all((body["temperature"], body["max_tokens"]) == (0.5, 99) for body in bodies)
            return result

    async def grpc(door: Door) -> Outcome:
        async with InferenceClient(door.server.target) as client:
            return await over_grpc(client)

    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    return tuple(
        await asyncio.gather(
            with_a_service(grpc),
            with_a_service(lambda door: over_http(door, **streamed)),
            with_a_service(over_http),
        )
    )  # type: ignore[return-value]


@pytest.mark.parametrize(("first", "second"), CASES)
async def test_both_doors_tell_the_same(first: str, second: str) -> None:
    grpc, streamed, whole = await outcomes(first, second)
    if grpc.text and grpc.error:  # how often a broken answer is tried again depends on the moment
        for one in (grpc, streamed, whole):
            one.message, one.failures = "", ()
    assert streamed == grpc
    whole.text = whole.text or grpc.text  # what was said before an error is not shown
    assert whole == grpc
