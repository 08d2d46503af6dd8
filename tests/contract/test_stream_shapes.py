"""Every shape that a chat stream is known to come in, from each provider that chats, seven bytes at a time."""

import json
from typing import Any

import pytest

from antiphon import errors, events
from tests.contract.test_error_rows import MODELS, Everywhere
from tests.contract.upstream import TOKEN, Upstream, config, delta
from tests.support.service import serving

SAID = ["Ёлки ", "стоят 🏔️", " тихо.\n"]
END = {
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5},
}
DONE = b"data: [DONE]\n\n"


def event(value: Any, *, end: bytes = b"\n", space: bytes = b" ") -> bytes:
    return b"data:" + space + json.dumps(value, ensure_ascii=False).encode() + end * 2


def stream(*, end: bytes = b"\n", space: bytes = b" ", between: bytes = b"") -> bytes:
    return between.join(event(one, end=end, space=space) for one in [*map(delta, SAID), END]) + DONE.replace(b"\n", end)


def in_lines(value: Any) -> bytes:
    """One event of several data lines: they are one text with line feeds, which JSON does not mind."""
    return (
        b"".join(
            b"data: " + line + b"\n" for line in json.dumps(value, ensure_ascii=False, indent=1).encode().split(b"\n")
        )
        + b"\n"
    )


SHAPES: dict[str, bytes] = {
    "plain": stream(),
    "a byte-order mark first": b"\xef\xbb\xbf" + stream(),
    "CRLF": stream(end=b"\r\n"),
    "CR alone": stream(end=b"\r"),
    "no space after the colon": stream(space=b""),
    "comments between events": stream(between=b": ping\n\n"),
    "comments inside events": stream().replace(b"data:", b": x\ndata:"),
    "several data lines": b"".join(map(in_lines, [*map(delta, SAID), END])) + DONE,
    "names, ids and retries": stream().replace(b"data:", b"event: message\nid: 1\nretry: 5\ndata:"),
    "empty choices first": event({"choices": [], "prompt_filter_results": []}) + stream(),
    "no choices at all": event({"object": "chat.completion.chunk"}) + stream(),
    "null delta, null and empty content": event({"choices": [{"index": 0, "delta": None}]}) + event(delta(None)) + event(delta("")) + stream(),
    "role on every chunk": stream().replace(b'"content"', b'"role": "assistant", "content"'),
    "other answers beside": event({"choices": [{"index": 1, "delta": {"content": "no"}}]}) + stream(),
    "usage in the last words": b"".join(event(one) for one in [*map(delta, SAID[:-1]), {**delta(SAID[-1], "stop"), "usage": END["usage"]}]) + DONE,
    "usage in a chunk of its own": b"".join(event(one) for one in [*map(delta, SAID), delta(None, "stop"), {"choices": [], "usage": END["usage"]}]) + DONE,
    "no end marker": stream().removesuffix(DONE),
    "more after the end marker": stream() + event(delta("never")),
    "one broken chunk": event(delta(SAID[0])) + b"data: {broken\n\n" + stream().split(b"\n\n", 1)[1],
    "JSON although a stream was asked for": json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": "".join(SAID)}, "finish_reason": "stop"}], "usage": END["usage"]}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
async def test_every_shape_of_a_stream_is_read_to_the_same_answer(upstream: Upstream, kind: str) -> None:
    model, base = MODELS[kind]
    async with serving(config(kind, upstream.url + base, model), {"TOKEN": TOKEN}) as (_, client):
        for shape, sent in SHAPES.items():
            upstream.answers = Everywhere([sent])
            answer = client.chat("Привет")
            async for _event in answer:
                pass
            assert answer.text == "".join(SAID), shape
            assert answer.finished is not None
            assert answer.finished.reason == "stop", shape
            assert answer.finished.attempts == 1, shape
            assert not answer.usage.estimated or shape.startswith("no "), shape


@pytest.mark.parametrize("kind", MODELS)
async def test_thoughts_that_are_only_closed_are_taken_back_from_the_reader(upstream: Upstream, kind: str) -> None:
    model, base = MODELS[kind]
    thoughts = ["The person says hello. ", "I will, too.", "\n</thi", "nk>\n\n"]
    sent = b"".join(event(one) for one in [*map(delta, [*thoughts, *SAID]), END]) + DONE
    upstream.answers = Everywhere([sent])
    async with serving(config(kind, upstream.url + base, model), {"TOKEN": TOKEN}) as (_, client):
        answer = client.chat("Привет")
        seen = [one async for one in answer]
        assert answer.text == "".join(SAID)
        assert "I will, too." in answer.reasoning
        assert answer.finished is not None
        assert (answer.finished.total_chars, answer.finished.attempts) == (len("".join(SAID)), 1)
        moved = [one for one in seen if isinstance(one, events.Handover)]
        assert [(one.keep_chars, one.from_deployment == one.to_deployment) for one in moved] == [(0, True)]


@pytest.mark.parametrize(
    ("word", "reason"),
    [("MAX_TOKENS", "length"), ("end_turn", "stop"), ("tool_calls", "stop"), ("content_filter", "content_filter")],
)
async def test_every_good_end_is_one_for_the_caller(upstream: Upstream, word: str, reason: str) -> None:
    model, base = MODELS["openai"]
    upstream.answers = Everywhere([b"".join(map(event, [*map(delta, SAID), delta(None, word)]))])
    async with serving(config("openai", upstream.url + base, model), {"TOKEN": TOKEN}) as (_, client):
        answer = client.chat("Привет")
        async for _event in answer:
            pass
        assert answer.finished is not None
        assert (answer.text, answer.finished.reason) == ("".join(SAID), reason)


@pytest.mark.parametrize("word", ["insufficient_system_resource", "network_error", "error", "never seen"])
async def test_any_other_end_moves_the_answer_on(upstream: Upstream, word: str) -> None:
    model, base = MODELS["openai"]
    upstream.answers = Everywhere([b"".join(map(event, [*map(delta, SAID), delta(None, word)]))])
    async with serving(config("openai", upstream.url + base, model), {"TOKEN": TOKEN}) as (_, client):
        with pytest.raises(errors.AntiphonError) as raised:
            async for _event in client.chat("Привет", timeout=5):
                pass
        assert {attempt.failure for attempt in raised.value.attempts} == {"stream_error"}


BROKEN: dict[str, tuple[Any, str]] = {
    "an error object with 200": ({"error": {"message": "The engine is overloaded", "type": "server_error"}}, "overloaded"),
    "an error as the first event": ([event({"error": {"message": "Rate limit reached", "type": "rate_limit"}})], "rate_limited"),
    "an error by its name": ([b'event: error\ndata: {"message": "internal"}\n\n'], "stream_error"),
    "a page with 200": ((200, "<!DOCTYPE html><html>hello</html>", {}), "bad_response"),
    "a page with 502": ((502, "<html>Bad gateway</html>", {}), "server_error"),
    "nothing": ([b""], "stream_cut"),
    "an end without a word": ([event(END) + DONE], "bad_response"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
async def test_a_broken_stream_is_never_taken_for_an_answer(upstream: Upstream, kind: str) -> None:
    model, base = MODELS[kind]
    settings = config(kind, upstream.url + base, model)
    for shape, (sent, failure) in BROKEN.items():
        upstream.answers = Everywhere(sent)
        async with serving(settings, {"TOKEN": TOKEN}) as (_, client):
            with pytest.raises(errors.AntiphonError) as raised:
                async for _event in client.chat("Привет", timeout=1.5):
                    pass
            assert {attempt.failure for attempt in raised.value.attempts} == {failure}, shape
            assert "<" not in str(raised.value)
