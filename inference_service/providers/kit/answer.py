"""One streamed answer, from the pieces that a wire format reads to the events that routing sees. Pure.

This module decides what is common to all formats: what is reasoning, which white space counts, and above all whether
the answer is whole. The rules of the end:

- A known good finish reason, an end marker after words, or usage that comes once and last, is an end.
- A finish reason proves little if the dialect sends it with every chunk, or if words have followed one: then only the
  end of the body or the end marker is an end, and a dropped connection is a cut.
- Without a word or a tool call there is no answer, unless the call continued an answer.
- Tool calls are emitted whole, once the answer has ended well: no caller could run half a call.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from inference_service.domain import (
    ChatEvent,
    Composing,
    Delta,
    Finish,
    FinishReason,
    Logprobs,
    Notice,
    NoticeKind,
    Reasoning,
    Retract,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import endings, errors, values
from inference_service.providers.kit.calls import BrokenCallError, Calls, Fragment
from inference_service.providers.kit.sse import SseEvent
from inference_service.providers.kit.think import MOST_BLANK, ThinkSplitter
from inference_service.tools import ToolCall

MOST_BROKEN_CHUNKS = 10
HELD_TEXT = re.compile(rb'"(?:content|text)"\s*:\s*"[^"]')
# White space, and characters without width: neither counts as a word.
INVISIBLE = "".join(map(chr, (9, 10, 11, 12, 13, 32, 0xA0, 0x200B, 0x200C, 0x200D, 0x2060, 0x3000, 0xFEFF)))
_SURROGATES = re.compile("[\ud800-\udfff]")
_HIGH = ("\ud800", "\udbff")


class Piece(Struct, gc=False):
    """What one event says. Each part is read independently, so that a malformed one costs no other.

    finish: the provider's own word. error: an error object; `within`: it came inside the answer's own choice.
    done: the end marker. calls: fragments of tool calls.
    """

    text: str = ""
    reasoning: str = ""
    finish: Any = None
    usage: Usage | None = None
    error: Any = None
    within: bool = False
    done: bool = False
    calls: tuple[Fragment, ...] = ()
    logprobs: Logprobs | None = None


class WireFormat:
    """How one API encodes a stream. A subclass implements `piece`; the other two methods only make it faster."""

    def piece(self, value: Any, name: str) -> Piece | None:
        """For one decoded event; `name` is the event's name, if any. None: it says nothing."""
        raise NotImplementedError

    def quick(self, event: SseEvent) -> Piece | None:  # noqa: ARG002 - nothing to speed up
        """The same from the bytes of a well-formed event; None: use `piece`."""
        return None

    def words(self, events: Sequence[SseEvent]) -> list[str]:  # noqa: ARG002 - nothing to speed up
        """The text of the leading events of a read, if they hold words and nothing else."""
        return []


class Answer:
    """Call `read` with what arrives and `end` when the body is over. All text of one read becomes one Delta."""

    def __init__(
        self,
        form: WireFormat,
        signs: errors.Dialects = (),
        *,
        continues: bool = False,
        lone_closing: bool = True,
    ) -> None:
        """continues: the call asked for the rest of an answer, which may be empty."""
        self._form, self._signs, self._continues = form, signs, continues
        self._think = ThinkSplitter(lone_closing=lone_closing)
        self._blank = ""  # waits for the next word: an endless run of white space is no sign of life
        self._half = ""  # of a character split over two events
        self._thought = False  # reasoning has come
        self._odd = False  # an event had to be read leniently: it may hold half a character
        self._broken = 0
        self._ending = Ending()
        self._calls = Calls()
        self._composed = 0  # characters of tool calls in this read
        self._logprobs: list[Logprobs] = []
        self.began = False
        self.done = False

    @property
    def certain(self) -> bool:
        """Nothing but usage and the end marker can follow."""
        return (self.began or bool(self._calls)) and self._ending.certain

    def read(self, events: Sequence[SseEvent]) -> Iterator[ChatEvent]:
        """Raises UpstreamFailure for an error inside the stream, after emitting the words before it."""
        text: list[str] = []
        thoughts: list[str] = []
        failure: UpstreamFailure | None = None
        if self._ending.reason is None:
            text += self._form.words(events)
        if text:
            self._ending.words()
        for event in events[len(text) :]:
            if event.data[:1] != b"{" and _is_marker(event):
                self.done = True
                break
            failure = self._event(event, text, thoughts)
            if failure or self.done:
                break
        yield from self._events("".join(text), "".join(thoughts))
        if self._composed:
            yield Composing(self._composed)
            self._composed = 0
        if self._logprobs:
            yield from self._logprobs
            self._logprobs.clear()
        if failure is not None:
            raise failure

    def end(self, *, cut: bool = False) -> Iterator[ChatEvent]:
        """The body is over; `cut`: because the connection dropped. Raises UpstreamFailure if the answer is not whole."""
        rest = self._think.flush()
        if rest.reasoning:
            yield Reasoning(rest.reasoning)
        reason = self._ending.verdict(done=self.done, cut=cut)
        spoke = self.began or bool(self._calls) or bool(rest.answer.strip(INVISIBLE))
        if reason is None and not (self.done and spoke):
            raise self._nothing() if self.done else _cut()
        if rest.answer.strip(INVISIBLE):
            self.began = True
        text = self._blank + rest.answer + ("\ufffd" if self._half else "")
        if self.began and text:
            yield Delta(text)
        calls = self._whole_calls(reason)
        if not (self.began or calls or (self._continues and not self._ending.refused and not self._thought)):
            raise self._nothing()
        if (used := self._ending.usage) is not None and (used.completion_tokens or not self.began):
            yield used
        yield from calls
        yield Finish(self._reason(reason, calls))

    def _whole_calls(self, reason: FinishReason | None) -> list[ToolCall | Notice]:
        """The tool calls, with a notice if a token limit has cut the last one off. Raises UpstreamFailure."""
        cut = reason is FinishReason.LENGTH
        try:
            calls: list[ToolCall | Notice] = list(self._calls.whole(cut=cut))
        except BrokenCallError as broken:
            raise UpstreamFailure(FailureKind.INVALID_OUTPUT, str(broken), status=200) from None
        if len(calls) < self._calls.begun:
            calls.append(Notice(NoticeKind.INFO, "sampling.max_tokens", "The token limit cut off a tool call."))
            if not self.began and len(calls) == 1:
                text = "the token limit cut off the tool call"
                raise UpstreamFailure(FailureKind.INVALID_OUTPUT, text, status=200)
        return calls

    @staticmethod
    def _reason(reason: FinishReason | None, calls: list[ToolCall | Notice]) -> FinishReason:
        """Some providers end an answer with tool calls by "stop"; others end plain words by "tool_calls"."""
        if reason in (None, FinishReason.STOP, FinishReason.TOOL_CALLS, FinishReason.OTHER):
            return FinishReason.TOOL_CALLS if calls else FinishReason.STOP
        return reason

    def _nothing(self) -> UpstreamFailure:
        if self._ending.reason is FinishReason.CONTENT_FILTER:
            return errors.failure(FailureKind.CONTENT_REFUSED, status=200, parsed={"code": "content_filter"})
        return UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider ended its answer without any text", status=200)

    def _event(self, event: SseEvent, text: list[str], thoughts: list[str]) -> UpstreamFailure | None:
        piece = self._form.quick(event)
        if piece is not None:
            return self._piece(piece, text, thoughts)
        self._odd = True
        try:
            documents = values.documents(event.data)
        except ValueError:
            return self._malformed(event)
        for value in documents:
            for item in value if isinstance(value, list) else [value]:
                piece = self._form.piece(item, event.event)
                if piece is not None and (failure := self._piece(piece, text, thoughts)) is not None:
                    return failure
        return None

    def _piece(self, piece: Piece, text: list[str], thoughts: list[str]) -> UpstreamFailure | None:
        began = self.began or bool(text)
        if piece.error is not None and values.says_something(piece.error):
            if not self._ending.survives(piece):
                return errors.in_stream(piece.error, self._signs, began=began)
            self.done, piece.finish = True, None
        if piece.text:
            text.append(piece.text)
        if piece.reasoning:
            thoughts.append(piece.reasoning)
        if piece.logprobs is not None:
            self._logprobs.append(piece.logprobs)
        if piece.calls and (broken := self._compose(piece.calls)) is not None:
            return broken
        try:
            self._ending.hear(piece)
        except endings.UnknownEndError:
            return errors.failure(FailureKind.STREAM_ERROR, status=200)
        self.done = self.done or piece.done
        return self._nothing() if self._ending.refused and not (began or text) else None

    def _compose(self, fragments: Sequence[Fragment]) -> UpstreamFailure | None:
        try:
            for fragment in fragments:
                self._calls.add(fragment)
                self._composed += len(fragment.arguments) + len(fragment.name)
        except BrokenCallError as broken:
            return UpstreamFailure(FailureKind.BAD_RESPONSE, str(broken), status=200)
        return None

    def _malformed(self, event: SseEvent) -> UpstreamFailure | None:
        if event.event == "error":
            return errors.in_stream(event.data.decode(errors="replace"), self._signs, began=self.began)
        if event.data.lstrip()[:1] not in (b"{", b"["):
            return None  # keeps the connection alive
        self._broken += 1
        # An unreadable event is skipped; one that held words leaves a gap in the answer.
        if self._broken >= MOST_BROKEN_CHUNKS or HELD_TEXT.search(event.data):
            return UpstreamFailure(
                FailureKind.BAD_RESPONSE, "the provider sent chunks that cannot be parsed", status=200
            )
        return None

    def _events(self, text: str, thoughts: str) -> Iterator[ChatEvent]:
        if self._odd:
            text = self._whole_characters(text)
        if text and not self._think.passes(text):
            split = self._think.split(text)
            if split.retract:
                self._blank, self.began = "", False
                yield Retract()
            text, thoughts = split.answer, thoughts + split.reasoning
        if thoughts:
            self._thought = True
            yield Reasoning(thoughts)
        if not text:
            return
        said = self._blank + text
        words = said.rstrip()
        self._blank = said[len(words) :]
        if words:
            self.began = self.began or bool(words.strip(INVISIBLE))
            yield Delta(words)
        if len(self._blank) > MOST_BLANK:
            kind = FailureKind.STALLED if self.began else FailureKind.TIMEOUT
            raise UpstreamFailure(kind, "the provider sent nothing but white space", status=200)

    def _whole_characters(self, text: str) -> str:
        """Joins the halves of a character from two events; a half without the other becomes U+FFFD."""
        if not text or (not self._half and _SURROGATES.search(text) is None):
            return text
        text, self._half = self._half + text, ""
        if _HIGH[0] <= text[-1:] <= _HIGH[1]:
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is_marker(event: SseEvent) -> bool:
    return event.data.strip(b' "')[:6].upper() == b"[DONE]"


class Ending:
    """What is known about the end of one answer.

    tells: words have come without a finish reason beside them, so a finish reason means something. followed: words have
    come after one, so it means nothing. early: the reason that was followed by words.
    """

    def __init__(self) -> None:
        self.reason: FinishReason | None = None
        self.usage: Usage | None = None
        self._early: FinishReason | None = None
        self._tells = False
        self._counts = False  # words have come without usage
        self._counted = False  # usage has come and no words after it

    @property
    def certain(self) -> bool:
        return self.reason is not None and self._tells and self._early is None

    @property
    def refused(self) -> bool:
        return self.reason is FinishReason.CONTENT_FILTER

    def words(self) -> None:
        """Words came, with neither a reason nor usage."""
        self._tells = self._counts = True
        self._counted = False

    def hear(self, piece: Piece) -> None:
        """Raises UnknownEndError."""
        reason = endings.reason(piece.finish) if piece.finish is not None else None
        said = bool(piece.text or piece.calls)
        if said and self.reason is not None:
            self._early, self.reason = self.reason, None
        if (said or piece.reasoning) and reason is None:
            self._tells = True
        if said:
            self._counts = self._counts or piece.usage is None
            self._counted = False
        if piece.usage is not None:
            self.usage, self._counted = piece.usage, True
        if reason is not None and self.reason not in (FinishReason.LENGTH, FinishReason.CONTENT_FILTER):
            self.reason = reason

    def survives(self, piece: Piece) -> bool:
        """Whether the answer was whole before this error: some providers report a reached limit as an error."""
        try:
            reason = self.reason or endings.reason(piece.finish)
        except endings.UnknownEndError:
            return False
        counted = self._counted or piece.usage is not None
        return reason is FinishReason.LENGTH or (self.certain and counted and not piece.within)

    def verdict(self, *, done: bool, cut: bool) -> FinishReason | None:
        """Why a whole answer ended; None if nothing proves that it is whole."""
        if done:
            return self.reason or self._early
        if self.reason is not None:
            return None if cut and not self.certain else self.reason
        return FinishReason.STOP if self._counts and self._counted else None


def _cut() -> UpstreamFailure:
    return UpstreamFailure(FailureKind.STREAM_CUT, "the provider's answer stopped before its end", status=200)
