"""Extracts what an app says, from any of its components, and turns growing text into an answer. Pure.

Source: the values of Gradio's Textbox, Markdown, Chatbot (pairs, messages, messages of parts), JSON and Label, 3.50 to 6.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from inference_service.domain import ChatEvent, Delta, Reasoning, Retract
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio.app import SAYING, Output
from inference_service.providers.kit.think import ThinkSplitter

CURSORS = "▌▍█▋▊|"
ANSWERS = frozenset({"answer", "response", "reply", "output", "result", "assistant", "chatbot", "generated_text"})
WRITTEN_OUT = "[{'role': "  # how Gradio 4's Textbox shows a list of messages
LONGEST_WRITTEN_OUT = 262_144
BETWEEN = "\n\n"
LONGEST_WAITING = 80
_WAITING = re.compile(
    r"[⏳⌛🤔💭🔄🕐-🕧⠁-⣿]|(\.\.\.|…)$|^\W*(thinking|loading|generating|processing|working|searching|typing|please wait|wait"
    r"|one moment|думаю|загру\w+|генер\w+|обраб\w+|подожд\w+|пишу|ищу)\b.{0,40}$",
    re.IGNORECASE,
)


class Said(Struct, frozen=True):
    """`others`: pictures, files and components next to the words."""

    text: str = ""
    thoughts: str = ""
    others: int = 0


def said_in(values: Sequence[Any], outputs: Sequence[Output]) -> Said:
    """The answer among a function's outputs: from a chatbot, from an output named so, else the first text."""
    pairs = [(value, output) for value, output in zip(values, outputs, strict=False) if output.kind != "state"]
    ranks = (
        [pair for pair in pairs if pair[1].kind == "chatbot"],
        [pair for pair in pairs if pair[1].kind in SAYING and ANSWERS & {pair[1].name, *pair[1].name.split("_")}],
        [pair for pair in pairs if pair[1].kind in SAYING],
        [pair for pair in pairs if not pair[1].kind],
    )
    for value, output in (pair for rank in ranks for pair in rank):
        said = _tokens(value) if output.kind == "highlightedtext" else read(value)
        if said.text or said.thoughts or said.others:
            return said
    return Said()


def read(value: Any) -> Said:
    match value:
        case str():
            return _string(value)
        case {"__type__": "update"}:
            return read(value.get("value"))
        case {"role": str()}:
            return _messages([value])
        case {"text": str(text)} | {"label": str(text)}:
            return Said(text)
        case {"content": inner} | {"value": inner}:
            return read(inner)
        case [{"role": str()}, *_]:
            return _messages(value)
        case [[_, _], *_]:
            return _pairs(value)
        case [_, *_]:
            return _joined([_content(part) for part in value], "" if isinstance(value[0], dict) else BETWEEN)
    return Said()


def _string(text: str) -> Said:
    if not text.startswith(WRITTEN_OUT) or len(text) > LONGEST_WRITTEN_OUT:
        return Said(text)
    try:
        listed = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return Said(text)
    return _messages(listed) if isinstance(listed, list) else Said(text)


def _messages(messages: list[Any]) -> Said:
    """What the assistant said after the user's last message; a message with a title is a thought or a tool's work."""
    turns = [turn for turn in messages if isinstance(turn, dict)]
    last = max((at for at, turn in enumerate(turns) if turn.get("role") == "user"), default=-1)
    texts = []
    for message in turns[last + 1 :]:
        if message.get("role") != "assistant":
            continue
        said, about = _content(message.get("content")), message.get("metadata")
        is_thought = isinstance(about, dict) and isinstance(about.get("title"), str) and bool(about["title"])
        texts.append(Said(thoughts=said.text, others=said.others) if is_thought else said)
    return _joined(texts, BETWEEN)


def _pairs(pairs: list[Any]) -> Said:
    """Pairs of question and answer; one without a question continues the answer before it."""
    whole = [pair for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    last = max((at for at, pair in enumerate(whole) if pair[0] is not None), default=0)
    return _joined([_content(pair[1]) for pair in whole[last:]], BETWEEN)


def _content(content: Any) -> Said:
    match content:
        case None:
            return Said()
        case str():
            return Said(content)
        case {"type": "text", "text": str(text)} | {"text": str(text)}:
            return Said(text)
        case [_, *_] if all(isinstance(part, str | dict) for part in content):
            return _joined([_content(part) for part in content], "")
    return Said(others=1)


def _joined(said: Sequence[Said], between: str) -> Said:
    return Said(
        between.join(part.text for part in said if part.text),
        BETWEEN.join(part.thoughts for part in said if part.thoughts),
        sum(part.others for part in said),
    )


def _tokens(value: Any) -> Said:
    tokens = value if isinstance(value, list) else []
    return Said("".join(str(token[0]) for token in tokens if isinstance(token, list) and token))


class Speech:
    """Turns the growing output of an app into the events of an answer.

    An app may rewrite what it has shown. What looks like a waiting message ("⏳ Thinking…") is held back until more
    has arrived, so that it is not part of the answer if the answer replaces it; anything else that is rewritten is
    taken back.
    """

    def __init__(self) -> None:
        self.text = ""  # the answer so far
        self.others = 0
        self._shown = ""  # how much of the app's text has become events
        self._thoughts = ""
        self._think = ThinkSplitter()

    def feed(self, said: Said, *, final: bool) -> Iterator[ChatEvent]:
        self.others = said.others
        if said.thoughts.startswith(self._thoughts) and said.thoughts != self._thoughts:
            yield Reasoning(said.thoughts[len(self._thoughts) :])
            self._thoughts = said.thoughts
        text = said.text if final else without_cursor(said.text)
        if not text:  # an output that is being cleared says nothing
            return
        if not text.startswith(self._shown):
            yield from self._take_back()
        if not text.strip() or (not final and not self._shown and is_waiting(text)):
            return
        new, self._shown = text[len(self._shown) :], text
        yield from self._say(new)

    def end(self) -> Iterator[ChatEvent]:
        """Raises UpstreamFailure if nothing was said."""
        rest = self._think.flush()
        if rest.reasoning:
            yield Reasoning(rest.reasoning)
        if rest.answer:
            self.text += rest.answer
            yield Delta(rest.answer)
        if not self.text.strip():
            words = "the Space's answer contains no readable text"
            raise UpstreamFailure(FailureKind.BAD_RESPONSE, words, status=200)

    def _take_back(self) -> Iterator[ChatEvent]:
        self._shown, self._think = "", ThinkSplitter()
        if self.text:
            self.text = ""
            yield Retract()

    def _say(self, new: str) -> Iterator[ChatEvent]:
        split = self._think.split(new)
        if split.retract:
            self.text = ""
            yield Retract()
        if split.reasoning:
            yield Reasoning(split.reasoning)
        if split.answer:
            self.text += split.answer
            yield Delta(split.answer)


def is_waiting(text: str) -> bool:
    """Whether a text may mean "please wait". Such a text is only held back, never dropped."""
    return len(text) <= LONGEST_WAITING and _WAITING.search(text.strip()) is not None


def without_cursor(text: str) -> str:
    """Drops a cursor from growing text: demos like to draw one at its end."""
    return text.rstrip(CURSORS) if text[-1:] in CURSORS else text
