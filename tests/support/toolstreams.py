"""Tool calls as providers stream them: one writer for every shape that was seen in the wild."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Call = tuple[str, str, str]  # id, name, arguments
Chunks = list[dict[str, Any]]


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def _pieces(text: str, size: int) -> Iterator[str]:
    yield from (text[at : at + size] for at in range(0, len(text), size))


def openai(calls: list[Call]) -> Chunks:
    """The id and the name first, then the arguments in pieces."""
    made = []
    for index, (call_id, name, arguments) in enumerate(calls):
        function = {"name": name, "arguments": ""}
        made.append(chunk(tool_calls=[{"index": index, "id": call_id, "type": "function", "function": function}]))
        made += [
            chunk(tool_calls=[{"index": index, "function": {"arguments": piece}}]) for piece in _pieces(arguments, 5)
        ]
    return [*made, chunk("tool_calls")]


def interleaved(calls: list[Call]) -> Chunks:
    """Pieces of several calls in one chunk, told apart by their index."""
    made = [
        chunk(
            tool_calls=[
                {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
                for index, (call_id, name, _) in enumerate(calls)
            ]
        )
    ]
    left = [list(_pieces(arguments, 4)) for _, _, arguments in calls]
    while any(left):
        pieces = [(index, pieces.pop(0)) for index, pieces in enumerate(left) if pieces]
        made.append(chunk(tool_calls=[{"index": index, "function": {"arguments": piece}} for index, piece in pieces]))
    return [*made, chunk("tool_calls")]


def whole(calls: list[Call]) -> Chunks:
    """Groq, Cerebras: every call whole in one chunk."""
    listed = [
        {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (call_id, name, arguments) in enumerate(calls)
    ]
    return [chunk(tool_calls=listed), chunk("tool_calls")]


def without_index(calls: list[Call]) -> Chunks:
    """Whole calls, one a chunk, without an index."""
    made = [
        chunk(tool_calls=[{"id": call_id, "function": {"name": name, "arguments": arguments}}])
        for call_id, name, arguments in calls
    ]
    return [*made, chunk("tool_calls")]


def pieces_without_index(calls: list[Call]) -> Chunks:
    made = []
    for call_id, name, arguments in calls:
        made.append(chunk(tool_calls=[{"id": call_id, "function": {"name": name, "arguments": ""}}]))
        made += [chunk(tool_calls=[{"function": {"arguments": piece}}]) for piece in _pieces(arguments, 6)]
    return [*made, chunk("tool_calls")]


def all_zero(calls: list[Call]) -> Chunks:
    """Gemini: the index 0 for all, and "stop" at the end."""
    made = [
        chunk(
            role="assistant",
            tool_calls=[
                {"index": 0, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            ],
        )
        for call_id, name, arguments in calls
    ]
    return [*made, chunk("stop")]


def objects(calls: list[Call]) -> Chunks:
    """Mistral and Ollama at times: the arguments as an object."""
    listed = [
        {"index": index, "id": call_id, "function": {"name": name, "arguments": json.loads(arguments)}}
        for index, (call_id, name, arguments) in enumerate(calls)
    ]
    return [chunk("tool_calls", content="", tool_calls=listed)]


def repeated(calls: list[Call]) -> Chunks:
    """The pieces, and at the end each call once more, whole."""
    return [*openai(calls)[:-1], *whole(calls)]


def named_each_time(calls: list[Call]) -> Chunks:
    """The id and the name with every piece."""
    made = []
    for index, (call_id, name, arguments) in enumerate(calls):
        made += [
            chunk(tool_calls=[{"index": index, "id": call_id, "function": {"name": name, "arguments": piece}}])
            for piece in _pieces(arguments, 7)
        ]
    return [*made, chunk("tool_calls")]


def placeholder(calls: list[Call]) -> Chunks:
    """An empty object first, then the arguments in pieces."""
    made = []
    for index, (call_id, name, arguments) in enumerate(calls):
        made.append(chunk(tool_calls=[{"index": index, "id": call_id, "function": {"name": name, "arguments": "{}"}}]))
        made += [
            chunk(tool_calls=[{"index": index, "function": {"arguments": piece}}]) for piece in _pieces(arguments, 5)
        ]
    return [*made, chunk("tool_calls")]


def encoded_twice(calls: list[Call]) -> Chunks:
    """The arguments as a JSON string within a JSON string."""
    return whole([(call_id, name, json.dumps(arguments)) for call_id, name, arguments in calls])


def in_one_message(calls: list[Call]) -> Chunks:
    """A server that ignores "stream" sends the message."""
    listed = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, name, arguments in calls
    ]
    message = {"role": "assistant", "content": None, "tool_calls": listed}
    return [{"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}]


SHAPES: dict[str, Callable[[list[Call]], Chunks]] = {
    made.__name__: made
    for made in (
        openai, interleaved, whole, without_index, pieces_without_index, all_zero, objects, repeated, named_each_time,
        placeholder, encoded_twice, in_one_message,
    )
}  # fmt: skip
VALUES = (
    "ice",
    "",
    'a "quoted" word',
    "naïve – ☃ 🦊",
    0,
    -1.5,
    1234567890123456789,
    True,
    None,
    [],
    ["a", {"b": {}}],
    "}{",
    "\\",
)


def some_calls(
    chance: random.Random, names: tuple[str, ...] = ("look_up", "add", "wait-for"), most: int = 4
) -> list[Call]:
    """Calls with ids of their own and arguments of every kind."""
    made = []
    for number in range(chance.randint(1, most)):
        keys = chance.sample(["query", "n", "from", "ünïcode", "deep"], chance.randint(1, 4))
        arguments = json.dumps({key: chance.choice(VALUES) for key in keys}, ensure_ascii=chance.random() < 0.5)
        made.append((f"call_{number}_{chance.randrange(10**6)}", chance.choice(names), arguments))
    return made
