"""Chunks of a chat answer in the OpenAI wire format.

Well-formed chunks are decoded into typed structs; others are read field by field, so that a malformed value costs no words
beside it. Sources: the OpenAI API reference (streaming) and, for the tolerances, the official SDKs, the servers of vLLM,
Ollama, llama.cpp, and recorded streams of Mistral, DeepInfra, Groq, OpenRouter, Gemini and Z.ai.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from inference_service.domain import Logprobs, TokenLogprob, Usage
from inference_service.providers.kit import values
from inference_service.providers.kit.answer import Piece, WireFormat
from inference_service.providers.kit.calls import Fragment, argument_text, fragments_of
from inference_service.providers.kit.frames import DONE
from inference_service.providers.kit.sse import SseEvent

FEW = 3  # chunks that are not worth decoding together
ENDING = 3  # the events that end an answer: reason, usage, end marker
REASONING = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
THOUGHTS = frozenset({"thinking", "reasoning", "reasoning_content", "reasoning.text", "reasoning.summary", "thought"})
NO_WORDS = frozenset({"reasoning.encrypted", "redacted_thinking", "reference", "tool_reference", "tool_use"})


class QuickDelta(Struct, gc=False):
    """Fields without a type here must be absent or null; anything else is read by `piece`."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: None = None
    extra_content: None = None
    tool_calls: None = None
    function_call: None = None


class QuickChoice(Struct, gc=False):
    delta: QuickDelta
    message: None = None
    index: Literal[0] = 0
    finish_reason: str | None = None
    finishReason: None = None  # noqa: N815 - the wire's name
    error: None = None
    logprobs: None = None
    usage: None = None


class QuickUsage(Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int
    completion_tokens_details: None = None
    prompt_tokens_details: None = None


class QuickChunk(Struct, gc=False):
    choices: tuple[QuickChoice]
    usage: QuickUsage | None = None
    error: None = None
    x_groq: None = None


class PlainDelta(Struct, gc=False):
    """Words and nothing else, as in nearly every chunk: everything else must be null."""

    content: str
    reasoning_content: None = None
    reasoning: None = None
    refusal: None = None
    extra_content: None = None
    tool_calls: None = None
    function_call: None = None


class PlainChoice(Struct, gc=False):
    delta: PlainDelta
    message: None = None
    index: Literal[0] = 0
    finish_reason: None = None
    finishReason: None = None  # noqa: N815 - the wire's name
    error: None = None
    logprobs: None = None


class PlainChunk(Struct, gc=False):
    choices: tuple[PlainChoice]
    usage: None = None
    error: None = None


_quick = msgspec.json.Decoder(QuickChunk)
_plain = msgspec.json.Decoder(list[PlainChunk])
_plain_one = msgspec.json.Decoder(PlainChunk)


class ChunkFormat(WireFormat):
    """One instance per answer: it knows whether words and tool calls have arrived as deltas."""

    def __init__(self, kind: str = "") -> None:
        """kind: of the provider; signatures of its tool calls begin with it."""
        self._deltas = self._called = False
        self._kind = kind

    def words(self, events: Sequence[SseEvent]) -> list[str]:
        """Decoded in one go, which is much cheaper; empty if one of them holds anything else."""
        plain = events[:-ENDING] if events[-1:] == [DONE] else events
        if not plain:
            return []
        try:
            if len(plain) < FEW:
                chunks = [_plain_one.decode(event.data) for event in plain]
            else:
                chunks = _plain.decode(b"[" + b",".join([event.data for event in plain]) + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        if len(chunks) != len(plain):
            return []
        self._deltas = True
        return [chunk.choices[0].delta.content for chunk in chunks]

    def quick(self, event: SseEvent) -> Piece | None:
        if event.event == "error":
            return None
        try:
            chunk = _quick.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        choice, used = chunk.choices[0], chunk.usage
        delta = choice.delta
        text, thoughts = delta.content or "", delta.reasoning_content or delta.reasoning or ""
        if not (text or thoughts or choice.finish_reason):
            return None
        self._deltas = self._deltas or bool(text)
        usage = None if used is None else values.usage(used.prompt_tokens, used.completion_tokens)
        return Piece(text, thoughts, choice.finish_reason, usage)

    def piece(self, value: Any, name: str) -> Piece | None:
        chunk = values.mapping(value)
        if name == "error" and isinstance(value, str):
            return Piece(error={"message": value})
        piece = Piece(error=_error(chunk, name), done=name == "done")
        piece.usage = _usage(chunk)
        for choice in values.items(chunk.get("choices")):
            if isinstance(choice, dict) and not values.number(choice.get("index")):  # only the first choice is ours
                self._choice(choice, piece)
        if "choices" not in chunk:  # the native streams of Workers AI and Ollama
            piece.text = values.text_of(chunk.get("response"))
        return piece

    def _choice(self, choice: dict[str, Any], piece: Piece) -> None:
        words, thoughts = _words(choice.get("delta"))
        calls = _calls(choice.get("delta"), self._kind)
        self._deltas, self._called = self._deltas or bool(words), self._called or bool(calls)
        if not self._deltas:  # servers that ignore "stream" send `message`; some repeat the answer in it at the end
            message, more = _words(choice.get("message"))
            words, thoughts = message or values.text_of(choice.get("text")), thoughts or more
        piece.calls += calls if self._called else _calls(choice.get("message"), self._kind)
        piece.logprobs = _logprobs(choice.get("logprobs")) or piece.logprobs
        piece.text += words
        piece.reasoning += thoughts
        piece.usage = piece.usage or _usage(choice)  # Moonshot's place for it
        # `stop_reason` beside `finish_reason` is the stop sequence that was hit (vLLM); alone it is the reason.
        finish = choice.get("finish_reason", choice.get("stop_reason")) or choice.get("finishReason")
        piece.finish = finish if finish is not None else piece.finish
        if error := choice.get("error"):
            piece.error, piece.within = error, True


def _error(chunk: dict[str, Any], name: str) -> Any:
    """An error in any family of bodies: under its key, or as the chunk itself."""
    if error := chunk.get("error"):
        beside = values.number(chunk.get("status_code")) and values.says_something(error)
        return chunk if beside else error
    if name == "error" or chunk.get("object") == "error":
        return chunk
    if "choices" in chunk:
        return None
    coded = chunk.get("code") or chunk.get("type") or chunk.get("status")
    detail = chunk.get("detail") or chunk.get("errors") or (coded and isinstance(chunk.get("message"), str))
    return chunk if detail or chunk.get("success") is False else None


def _words(delta: object) -> tuple[str, str]:
    """(text, reasoning) of a delta or a message."""
    if not isinstance(delta, dict):
        return (delta, "") if isinstance(delta, str) else ("", "")
    content = delta.get("content")
    texts, thoughts = _parts(content) if isinstance(content, list | dict) else ([values.text_of(content)], [])
    reasoning = next((text for key in REASONING if (text := _reasoning(delta.get(key)))), "")
    if reasoning:
        thoughts.append(reasoning)
    texts.append(values.text_of(delta.get("refusal")))
    extra = values.mapping(values.mapping(delta.get("extra_content")).get("google"))
    if extra.get("thought") is True:  # Gemini marks its thoughts here
        return "", "".join([*thoughts, *texts]).removeprefix("<thought>").removesuffix("</thought>")
    return "".join(texts), "".join(thoughts)


def _parts(content: list[Any] | dict[str, Any]) -> tuple[list[str], list[str]]:
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else [content]:
        kind = values.mapping(part).get("type")
        if kind in THOUGHTS:
            thoughts.append(_reasoning(part))
        elif not isinstance(kind, str) or kind not in NO_WORDS:
            texts.append(values.text_of(values.mapping(part).get("refusal") or part))
    return texts, thoughts


def _reasoning(value: object) -> str:
    """Reasoning as text, as an object, or as a list of objects, some of them without words."""
    parts = value if isinstance(value, list) else [value]
    return "".join(values.text_of(part) for part in parts if values.mapping(part).get("type") not in NO_WORDS)


def _usage(chunk: dict[str, Any]) -> Usage | None:
    """In the chunk, or where Groq puts it."""
    used = values.mapping(chunk.get("usage")) or values.mapping(values.mapping(chunk.get("x_groq")).get("usage"))
    details = values.mapping(used.get("completion_tokens_details"))
    read = values.mapping(used.get("prompt_tokens_details"))
    return values.usage(
        used.get("prompt_tokens"),
        used.get("completion_tokens"),
        details.get("reasoning_tokens"),
        # DeepSeek reports cache hits next to the prompt's tokens.
        cached=read.get("cached_tokens", used.get("prompt_cache_hit_tokens")),
        audio=read.get("audio_tokens"),
    )


def _calls(delta: object, kind: str) -> tuple[Fragment, ...]:
    """Fragments of tool calls, also in OpenAI's older function format."""
    about = values.mapping(delta)
    old = values.mapping(about.get("function_call"))
    if old:
        name = old.get("name")
        return (Fragment(0, "", name if isinstance(name, str) else "", argument_text(old.get("arguments"))),)
    return tuple(fragments_of(about.get("tool_calls"), kind))


def _logprobs(value: object) -> Logprobs | None:
    """Log probabilities in OpenAI's format; a malformed token costs only itself."""
    tokens = []
    for item in map(values.mapping, values.items(values.mapping(value).get("content"))):
        likely = [
            (entry.get("token"), entry.get("logprob"))
            for entry in map(values.mapping, values.items(item.get("top_logprobs")))
        ]
        top = tuple(
            (token, parsed)
            for token, reported in likely
            if isinstance(token, str) and (parsed := values.number(reported)) is not None
        )
        token, logprob = item.get("token"), values.number(item.get("logprob"))
        if isinstance(token, str) and logprob is not None:
            tokens.append(TokenLogprob(token, logprob, top))
    return Logprobs(tuple(tokens)) if tokens else None
