"""The streams of each provider as they were recorded: split at any byte, they give the same events."""

import json
from typing import Any

import pytest

from inference_service.domain import ChatEvent, Delta, Finish, Reasoning, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit.answer import Answer
from inference_service.providers.kit.frames import frames, without_mark
from inference_service.providers.openai.stream import ChunkFormat
from tests.support.refusals import dialect

KEEP = b": OPENROUTER PROCESSING\n\n"


def data(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def chunk(delta: Any, finish: Any = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return data({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more})


def bare(delta: Any, **more: Any) -> bytes:
    """Without the keys that some leave out."""
    return data({"choices": [{"delta": delta, **more}]})


DONE = b"data: [DONE]\n\n"
USED = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
OPENER = {"role": "assistant", "content": ""}

# provider → what it sends; each says "Hello 🌲", thinks "hm" where it thinks aloud, and counts 9 and 4 tokens.
STREAMS: dict[str, bytes] = {
    "groq": chunk(OPENER, x_groq={"id": "req_1"})
    + chunk({"reasoning": "hm", "channel": "analysis"})
    + chunk({"content": "Hello"})
    + chunk({"content": " 🌲"})
    + chunk({}, "stop", x_groq={"id": "req_1", "usage": USED})
    + DONE,
    "groq with usage on top": chunk(OPENER, x_groq={"id": "req_1"})
    + chunk({"reasoning": "hm"})
    + chunk({"content": "Hello 🌲"})
    + chunk({}, "stop", x_groq={"id": "req_1", "usage": USED}, usage=USED)
    + DONE,
    "openrouter": KEEP * 3
    + chunk({**OPENER, "reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "format": None, "index": 0}]}, provider="X")
    + KEEP
    + chunk({"role": "assistant", "content": "Hello 🌲"}, provider="X")
    + chunk(OPENER, "stop", provider="X")
    + chunk(OPENER, "stop", provider="X")
    + KEEP
    + chunk(OPENER, None, usage={**USED, "cost": 0, "is_byok": False, "cost_details": {}, "completion_tokens_details": {"reasoning_tokens": 0}})
    + DONE,
    "gemini": chunk({"role": "assistant", "content": "<thought>hm", "extra_content": {"google": {"thought": True}}})
    + chunk({"role": "assistant", "content": "Hello"}, usage={"prompt_tokens": 9, "completion_tokens": 1})
    + chunk({"role": "assistant", "content": " 🌲"}, "stop", usage=USED)
    + DONE,
    "cerebras": chunk({"role": "assistant"})
    + chunk({"reasoning": "hm"})
    + chunk({"content": "Hello 🌲"})
    + chunk({}, "stop", usage=USED, time_info={"queue_time": 0.1})
    + DONE,
    "mistral": bare({"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, index=0)
    + bare({"content": "Hello"}, index=0, finish_reason=None)
    + data({"choices": [{"index": 0, "delta": {"content": " 🌲"}, "finish_reason": "stop"}], "usage": USED})
    + DONE,
    "cloudflare": chunk({"role": "assistant", "reasoning_content": "hm"})
    + chunk({"content": "Hello 🌲"}, p="abdefg")
    + chunk({}, "stop")
    + data({"choices": [], "usage": USED})
    + DONE,
    "nvidia": chunk({"role": "assistant", "content": None, "reasoning_content": "hm"})
    + data({"choices": [{"index": 0, "delta": {"content": "Hello 🌲"}, "finish_reason": None, "stop_reason": None}]})
    + data({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop", "stop_reason": 106}], "usage": None})
    + data({"choices": [], "usage": USED})
    + DONE,
    "zai": bare({"role": "assistant", "reasoning_content": "\nhm"}, index=0)
    + bare({"role": "assistant", "content": "Hello"}, index=0)
    + bare({"role": "assistant", "content": " 🌲"}, index=0)
    + data({"choices": [{"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": ""}}], "usage": USED})
    + DONE,
    "ollama-cloud": chunk({"role": "assistant", "content": "", "reasoning": "hm"}, system_fingerprint="fp_ollama")
    + chunk({"role": "assistant", "content": "Hello 🌲"})
    + chunk(OPENER, "stop")
    + data({"id": "chatcmpl-887", "choices": [], "usage": USED})
    + DONE,
    "huggingface": chunk({"role": "assistant", "content": "<think>", "tool_calls": None}, prompt=[], seed=None)
    + chunk({"content": "hm"})
    + chunk({"content": "</think>\n\n"})
    + chunk({"content": "Hello 🌲"})
    + data({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "eos"}], "usage": USED, "prompt": []})
    + DONE,
    "deepseek": b": keep-alive\n\n\n\n" * 4
    + chunk({"role": "assistant", "content": None, "reasoning_content": "hm"})
    + b": keep-alive\n\n"
    + chunk({"content": "Hello 🌲", "reasoning_content": None})
    + chunk({"content": "", "reasoning_content": None}, "stop", usage={**USED, "prompt_cache_hit_tokens": 0})
    + DONE,
    "moonshot": chunk({"reasoning_content": "hm"})
    + chunk({"content": "Hello 🌲"})
    + data({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": USED}]})
    + data({"choices": [], "usage": USED})
    + DONE,
    "anthropic": chunk({"role": "assistant", "reasoning": "hm"}) + chunk({"content": "Hello 🌲"}) + chunk({}, "end_turn") + data({"choices": [], "usage": USED}) + DONE,
}  # fmt: skip


def heard(sent: list[bytes], provider: str = "compatible") -> list[ChatEvent]:
    answer = Answer(ChunkFormat(), dialect(provider))
    body = without_mark(sent[0])
    found = frames(b"".join([body, *sent[1:]])[:64])
    seen: list[ChatEvent] = []
    for piece in [body, *sent[1:]]:
        if not answer.done:
            seen += answer.read(found.feed(piece))
    if not answer.done:
        seen += answer.read(found.flush())
    return [*seen, *answer.end()]


def told(seen: list[ChatEvent]) -> tuple[str, str, str, list[Usage]]:
    text = "".join(event.text for event in seen if isinstance(event, Delta))
    thoughts = "".join(event.text for event in seen if isinstance(event, Reasoning)).strip()
    assert isinstance(seen[-1], Finish)
    return text, thoughts, seen[-1].reason.value, [event for event in seen if isinstance(event, Usage)]


@pytest.mark.parametrize("name", STREAMS)
def test_split_at_every_byte_a_stream_gives_the_same_events(name: str) -> None:
    sent, provider = STREAMS[name], name.partition(" ")[0]
    whole = ("Hello 🌲", "hm", "stop", [Usage(9, 4)])
    assert told(heard([sent], provider)) == whole
    for at in range(1, len(sent)):
        assert told(heard([sent[:at], sent[at:]], provider)) == whole, at
    assert told(heard([sent[at : at + 1] for at in range(len(sent))], provider)) == whole


# --- errors inside a stream: what they mean before the first word ------------------------------------

GEMINI_DAY = [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded", "details": [
    {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}]  # fmt: skip
OR_ERROR = {"code": 502, "message": "Provider returned error", "metadata": {"error_type": "provider_unavailable", "provider_name": "X"}}  # fmt: skip
ERRORS: dict[str, tuple[str, bytes, FailureKind]] = {
    "gemini's array": ("gemini", data(GEMINI_DAY), FailureKind.QUOTA_EXHAUSTED),
    "gemini's object": ("gemini", data(GEMINI_DAY[0]), FailureKind.QUOTA_EXHAUSTED),
    "groq by name": ("groq", b"event: error\n" + data({"error": {"message": "Failed to call a function.", "type": "invalid_request_error", "code": "tool_use_failed", "failed_generation": "x", "status_code": 400}}), FailureKind.REFUSED),
    "openrouter beside its reason": ("openrouter", data({"id": "gen", "error": OR_ERROR, "choices": [{"index": 0, "delta": OPENER, "finish_reason": "error"}]}), FailureKind.OVERLOADED),
    "openrouter without choices": ("openrouter", data({"error": {"code": 502, "message": "Upstream error from Nvidia: Worker local total request limit reached (33/32)", "metadata": {"error_type": "provider_unavailable"}}, "choices": []}), FailureKind.OVERLOADED),
    "openrouter moderation": ("openrouter", data({"error": {"code": 403, "message": "Blocked", "metadata": {"error_type": "content_policy_violation"}}, "choices": []}), FailureKind.CONTENT_REFUSED),
    "cerebras with its status": ("cerebras", data({"status_code": 429, "error": {"message": "We're experiencing high traffic right now!", "param": "queue", "code": "queue_exceeded"}}), FailureKind.OVERLOADED),
    "cerebras 500": ("cerebras", data({"status_code": 500, "error": {"message": "Encountered a server error"}}), FailureKind.SERVER_ERROR),
    "cloudflare's list": ("cloudflare", data({"errors": [{"code": 3040, "message": "Capacity temporarily exceeded, please try again."}]}), FailureKind.OVERLOADED),
    "cloudflare's daily": ("cloudflare", data({"response": "", "error": {"code": 4006, "message": "you have used up your daily free allocation of 10,000 neurons"}}), FailureKind.QUOTA_EXHAUSTED),
    "anthropic's own": ("anthropic", b"event: error\n" + data({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}), FailureKind.OVERLOADED),
    "vllm's object": ("vllm", data({"object": "error", "message": "This model's maximum context length is 4096 tokens", "type": "BadRequestError", "code": 400}), FailureKind.CONTEXT_TOO_LONG),
    "vllm's wrapped": ("vllm", data({"error": {"object": "error", "message": "Internal server error", "type": "InternalServerError", "code": 500}}), FailureKind.SERVER_ERROR),
    "a document": ("nvidia", json.dumps({"detail": "Function id 'x': DEGRADED function cannot be invoked"}).encode(), FailureKind.OVERLOADED),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_before_the_first_word_means_what_it_means_as_a_refusal(name: str) -> None:
    provider, sent, kind = ERRORS[name]
    for at in {0, len(sent) // 2}:
        with pytest.raises(UpstreamFailure) as caught:
            heard([sent[:at], sent[at:]] if at else [sent], provider)
        assert caught.value.kind is kind


def test_an_answer_that_its_limit_has_ended_is_whole_whatever_openrouter_says_behind_it() -> None:
    trap = data({"error": {"code": 400, "message": "Token limit reached"}, "choices": [], "usage": USED})
    sent = chunk(OPENER) + chunk({"content": "Hello"}) + chunk({}, "length") + chunk({}, "length") + trap
    assert told(heard([sent], "openrouter"))[::2] == ("Hello", "length")


def test_the_native_stream_of_cloudflare_is_read_too() -> None:
    sent = data({"response": "Hel", "p": "abc"}) + data({"response": "lo", "p": "ab"}) + data({"response": "", "usage": USED}) + DONE  # fmt: skip
    assert told(heard([sent], "cloudflare")) == ("Hello", "", "stop", [Usage(9, 4)])
