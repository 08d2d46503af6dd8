"""The OpenAI chat wire format: request bodies from allow-lists, stream chunks into events.

Sources: the OpenAI API reference (chat completions, streaming) and, for the tolerances, the official
SDKs and the servers of vLLM, Ollama, llama.cpp, Mistral and DeepInfra.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from inference_service.domain import (
    ChatEvent,
    ChatRequest,
    Delta,
    Finish,
    FinishReason,
    Message,
    Reasoning,
    Role,
    TextPart,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.kit.sse import SseEvent

MOST_BROKEN_CHUNKS = 10
HELD_TEXT = re.compile(rb'"(?:content|text)"\s*:\s*"[^"]')
FEW = 3  # chunks that are not worth decoding together
DONE = SseEvent(b"[DONE]")
ENDING = 3  # the events that end an answer: why, usage, the mark
MOST_BLANK = 16_384  # characters of nothing but white space in a row


class ContentPart(Struct):
    type: str = "text"
    text: str | None = None
    thinking: Any = None


class ChunkDelta(Struct, gc=False):
    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class Choice(Struct, gc=False):
    index: int | None = 0
    delta: ChunkDelta | None = None
    message: ChunkDelta | None = None  # servers that ignore "stream": true
    finish_reason: str | None = None


class PlainDelta(Struct, gc=False):
    """Words and nothing else, as nearly every chunk has them: whatever else is there must be null."""

    content: str
    reasoning_content: None = None
    reasoning: None = None
    refusal: None = None


class PlainChoice(Struct, gc=False):
    delta: PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None


class PlainChunk(Struct, gc=False):
    choices: tuple[PlainChoice]
    usage: None = None
    error: None = None


class CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class ChunkUsage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_details: CompletionDetails | None = None


class Chunk(Struct, gc=False):
    choices: list[Choice] | None = None
    usage: ChunkUsage | None = None
    error: Any = None
    object: str | None = None
    message: Any = None
    detail: Any = None


FINISH = {
    "stop": FinishReason.STOP, "eos_token": FinishReason.STOP, "stop_sequence": FinishReason.STOP, "eos": FinishReason.STOP,
    "length": FinishReason.LENGTH, "model_length": FinishReason.LENGTH, "max_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}  # fmt: skip
# These "reasons" say that the upstream gave up: the answer is not whole.
BROKEN_FINISH = frozenset({"error", "abort", "cancelled"})
_decoder = msgspec.json.Decoder(Chunk)
_plain = msgspec.json.Decoder(list[PlainChunk])


class ChunkReader:
    """Events of one stream. All text that came in one read leaves as one Delta.

    `finish` is set once the upstream has said why it ended; `done` once nothing more is worth reading. White space
    waits for the word behind it: an endless run of it is no sign of life.
    """

    def __init__(self, signs: errors.Dialects = ()) -> None:
        self._signs = signs
        self._think = ThinkSplitter()
        self._broken = 0
        self._blank = ""
        self._early: FinishReason | None = None  # a finish reason that more text has followed
        self.finish: FinishReason | None = None
        self.done = False
        self.began = False

    def read(self, events: Sequence[SseEvent]) -> Iterator[ChatEvent]:
        """Raises UpstreamFailure for an error inside the stream."""
        text: list[str] = []
        reasoning: list[str] = []
        usage: Usage | None = None
        failure: UpstreamFailure | None = None
        if self.finish is None:
            text += _words(events)
        for event in events[len(text) :]:
            if event.data.startswith(b"[DONE]"):
                self.done = True
                self.finish = self.finish or self._early
                break
            try:
                chunk = _decoder.decode(event.data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                failure = self._malformed(event)
                if failure:
                    break
                continue
            if chunk.error or event.event == "error" or chunk.object == "error":
                error = chunk.error or {"message": chunk.message}
                failure = errors.in_stream(error, self._signs, began=self.began or bool(text))
                break
            if chunk.usage is not None:
                usage = _usage(chunk.usage)
            for choice in chunk.choices or ():
                if choice.index:  # we ask for one answer; others are not ours
                    continue
                failure = self._choice(choice, text, reasoning)
            if failure:
                break
        yield from self._events("".join(text), "".join(reasoning))
        if usage is not None:
            yield usage
        if failure is not None:
            raise failure

    def end(self) -> Iterator[ChatEvent]:
        """The body is over: what was held back, and the finish. Without one the stream was cut."""
        thought, text = self._think.flush()
        if thought:
            yield Reasoning(thought)
        if self.finish is not None and (text := self._blank + text):
            yield Delta(text)
        # Whoever has gone on after a finish reason has to say in another way that it was the end.
        if self.finish is None or (self._early is not None and not self.done):
            raise UpstreamFailure(FailureKind.STREAM_CUT, "the provider's answer ended without its end", status=200)
        yield Finish(self.finish)

    def _events(self, text: str, reasoning: str) -> Iterator[ChatEvent]:
        thought, text = self._think.split(text)
        if reasoning or thought:
            yield Reasoning(reasoning + thought)
        if not text:
            return
        text = self._blank + text
        said = text.rstrip()
        self._blank = text[len(said) :]
        if said:
            self.began = True
            yield Delta(said)
        if len(self._blank) > MOST_BLANK:
            kind = FailureKind.STALLED if self.began else FailureKind.TIMEOUT
            raise UpstreamFailure(kind, "the provider sends nothing but white space", status=200)

    def _choice(self, choice: Choice, text: list[str], reasoning: list[str]) -> UpstreamFailure | None:
        delta = choice.delta or choice.message
        if delta is not None:
            if delta.content and self.finish is not None:
                self._early, self.finish = self.finish, None
            if delta.content:
                if isinstance(delta.content, str):
                    text.append(delta.content)
                else:
                    _parts(delta.content, text, reasoning)
            if thought := delta.reasoning_content or delta.reasoning:
                reasoning.append(thought)
            if delta.refusal:
                text.append(delta.refusal)
        if choice.finish_reason in BROKEN_FINISH:
            return errors.failure(FailureKind.STREAM_ERROR, status=200)
        if choice.finish_reason and choice.finish_reason != "null":  # "" is how some servers write: not yet
            self.finish = FINISH.get(choice.finish_reason, FinishReason.OTHER)
            if self.finish is FinishReason.CONTENT_FILTER and not (self.began or text):
                return errors.failure(FailureKind.CONTENT_REFUSED, status=200, parsed={"code": "content_filter"})
        return None

    def _malformed(self, event: SseEvent) -> UpstreamFailure | None:
        if event.event == "error":
            return errors.in_stream(event.data.decode(errors="replace"), self._signs, began=self.began)
        self._broken += 1
        # A chunk that cannot be read is passed over; one that held words leaves a hole in the answer.
        if self._broken >= MOST_BROKEN_CHUNKS or HELD_TEXT.search(event.data):
            return UpstreamFailure(
                FailureKind.BAD_RESPONSE, "the provider sends chunks that cannot be read", status=200
            )
        return None


def _words(events: Sequence[SseEvent]) -> list[str]:
    """The words of the events with which a read begins, decoded in one go, which is much cheaper; none where one of
    them holds anything else and has to be looked at."""
    plain = events[:-ENDING] if events[-1:] == [DONE] else events
    if len(plain) < FEW:
        return []
    try:
        chunks = _plain.decode(b"[" + b",".join([event.data for event in plain]) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    if len(chunks) != len(plain):
        return []
    return [chunk.choices[0].delta.content for chunk in chunks]


class ThinkSplitter:
    """Takes `<think>…</think>` at the start of an answer out of it: some models write it inline."""

    OPEN, CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""

    def split(self, text: str) -> tuple[str, str]:
        """(reasoning, answer) of the text so far known; what may still be a tag is held back."""
        if self._state == "answer" or not text:
            return "", text
        text, self._held = self._held + text, ""
        if self._state == "start":
            begin = text.lstrip()
            if not begin.startswith(self.OPEN):
                if self.OPEN.startswith(begin) and len(text) < MOST_BLANK:
                    self._held = text
                    return "", ""
                self._state = "answer"
                return "", text
            self._state, text = "thinking", begin[len(self.OPEN) :]
        thought, closed, answer = text.partition(self.CLOSE)
        if closed:
            self._state = "answer"
            return thought, answer.lstrip()
        keep = next((n for n in range(len(self.CLOSE) - 1, 0, -1) if text.endswith(self.CLOSE[:n])), 0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], ""

    def flush(self) -> tuple[str, str]:
        held, self._held = self._held, ""
        return (held, "") if self._state == "thinking" else ("", held)


def _parts(parts: list[ContentPart], text: list[str], reasoning: list[str]) -> None:
    for part in parts:
        if part.type == "thinking":
            inner = part.thinking if isinstance(part.thinking, list) else [{"text": part.thinking}]
            reasoning.extend(one["text"] for one in inner if isinstance(one, dict) and isinstance(one.get("text"), str))
        elif part.text and part.type in ("text", "output_text"):
            text.append(part.text)


def _usage(usage: ChunkUsage) -> Usage:
    details = usage.completion_tokens_details
    thought = (details.reasoning_tokens if details else None) or 0
    written = usage.completion_tokens or 0
    # Some models behind DeepInfra leave the reasoning out of the completion.
    return Usage(usage.prompt_tokens or 0, written if written >= thought else written + thought, thought)


def messages(request: ChatRequest, prefix: str) -> list[dict[str, Any]]:
    """The conversation; plain strings wherever there is no picture. A prefix is the assistant's open turn."""
    listed = [_message(message) for message in request.messages]
    if prefix:
        listed.append({"role": "assistant", "content": prefix})
    return listed


def _message(message: Message) -> dict[str, Any]:
    if message.role is not Role.USER or not message.images:
        return {"role": message.role.value, "content": message.text}
    parts = [
        {"type": "text", "text": part.text}
        if isinstance(part, TextPart)
        else {
            "type": "image_url",
            "image_url": {"url": f"data:{part.mime};base64,{base64.b64encode(part.data).decode()}"},
        }
        for part in message.parts
    ]
    return {"role": message.role.value, "content": parts}


def sampling(request: ChatRequest, names: dict[str, str]) -> dict[str, Any]:
    """The settings that the deployment takes. `names`: dotted request field → key of the body."""
    chosen = request.sampling
    values = {
        "sampling.temperature": chosen.temperature,
        "sampling.top_p": chosen.top_p,
        "sampling.max_tokens": chosen.max_tokens,
        "sampling.stop": list(chosen.stop) or None,
        "sampling.seed": chosen.seed,
    }
    return {names[field]: value for field, value in values.items() if value is not None and field in names}
