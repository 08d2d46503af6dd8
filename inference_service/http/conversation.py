"""Converts the messages of a chat from OpenAI's format to the contract's. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from antiphon.v1 import chat_pb2, tools_pb2
from inference_service.http import files, signatures
from inference_service.http.fields import kind_of
from inference_service.http.problems import Violation

FUNCTION = "function"  # what a tool was called before tools: one call by message, named instead of numbered
ROLES = {
    "system": chat_pb2.ROLE_SYSTEM,
    "developer": chat_pb2.ROLE_SYSTEM,
    "user": chat_pb2.ROLE_USER,
    "assistant": chat_pb2.ROLE_ASSISTANT,
    "tool": chat_pb2.ROLE_TOOL,
    FUNCTION: chat_pb2.ROLE_TOOL,
}
TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}  # kind → its member
KINDS = ("text", "image_url", "input_audio", "file")
PATH = re.compile(r"messages\[(\d+)\](?:\.parts\[(\d+)\])?(.*)")
# What the members of a part are called in OpenAI's format. For other parts, the whole part is named.
MEMBERS = {
    ".tool_result.call_id": ".tool_call_id",
    ".tool_result.content": ".content",
    ".tool_call.id": ".id",
    ".tool_call.name": ".function.name",
    ".tool_call.arguments": ".function.arguments",
}
Placed = tuple[str, chat_pb2.Part]  # with its path


class Conversation:
    """`messages` for the request; `spell` maps their paths back to the caller's."""

    def __init__(self) -> None:
        self.messages: list[chat_pb2.Message] = []
        self.violations: list[Violation] = []
        self._origins: list[tuple[str, list[str]]] = []  # of each message and its parts
        self._function_calls = 0

    def spell(self, field: str) -> str:
        match = PATH.fullmatch(field)
        if match is None or int(match[1]) >= len(self._origins):
            return field
        path, parts = self._origins[int(match[1])]
        if match[2] is None:
            return path + match[3].replace(".parts", ".content")
        place = int(match[2])
        return parts[place] + MEMBERS.get(match[3], "") if place < len(parts) else f"{path}.content"

    def read(self, turns: Any) -> None:
        if not isinstance(turns, list) or not turns:
            self.wrong("messages", "is required: a list of one or more messages")
            return
        for number, turn in enumerate(turns):
            path = f"messages[{number}]"
            if isinstance(turn, dict):
                self._turn(path, turn)
            else:
                self.wrong(path, f"must be an object, not {kind_of(turn)}")
        if not self.messages and not self.violations:
            self.wrong("messages", "contain nothing to answer")
        if self.messages:
            self._settle_last(self.messages[-1])

    @staticmethod
    def _settle_last(last: chat_pb2.Message) -> None:
        if last.role == chat_pb2.ROLE_SYSTEM:
            # OpenAI's models answer instructions alone; a model that requires a user turn gets them as its question.
            last.role = chat_pb2.ROLE_USER
        elif last.role == chat_pb2.ROLE_ASSISTANT:
            last.partial = True  # the beginning of the answer

    def wrong(self, path: str, text: str) -> None:
        self.violations.append((path, text))

    def _turn(self, path: str, turn: dict[str, Any]) -> None:
        name = turn.get("role")
        role = ROLES.get(name) if isinstance(name, str) else None
        if role is None:
            self.wrong(f"{path}.role", f"must be one of {', '.join(ROLES)}")
            return
        if role == chat_pb2.ROLE_TOOL:
            self._result(path, turn)
            return
        placed = list(self._parts(f"{path}.content", turn.get("content")))
        if role == chat_pb2.ROLE_ASSISTANT:
            placed += self._calls(f"{path}.tool_calls", turn.get("tool_calls"))
            placed += self._function_call(f"{path}.function_call", turn.get("function_call"))
        if not placed:  # an empty turn says nothing, and many providers refuse one
            return
        self.messages.append(chat_pb2.Message(role=role, parts=[part for _, part in placed]))
        self._origins.append((path, [origin for origin, _ in placed]))

    # --- what is said ------------------------------------------------------------------------------

    def _parts(self, path: str, content: Any) -> Iterator[Placed]:
        if isinstance(content, str):
            if content:
                yield path, chat_pb2.Part(text=content)
            return
        if not isinstance(content, list | None):
            self.wrong(path, f"must be a string or a list of parts, not {kind_of(content)}")
            return
        for number, item in enumerate(content or ()):
            place = f"{path}[{number}]"
            if isinstance(item, str):
                if item:
                    yield place, chat_pb2.Part(text=item)
            elif isinstance(item, dict):
                yield from self._part(place, item)
            else:
                self.wrong(place, f"must be an object, not {kind_of(item)}")

    def _part(self, path: str, item: dict[str, Any]) -> Iterator[Placed]:
        kind = item.get("type")
        if isinstance(kind, str) and kind in TEXTS:
            path, text = f"{path}.{TEXTS[kind]}", item.get(TEXTS[kind])
            if not isinstance(text, str):
                self.wrong(path, f"must be a string, not {kind_of(text)}")
            elif text:
                yield path, chat_pb2.Part(text=text)
            return
        if kind not in KINDS:
            self.wrong(f"{path}.type", f"must be one of {', '.join(KINDS)}")
            return
        try:
            yield files.part(path, str(kind), item.get(str(kind)))
        except files.BadFile as bad:
            self.wrong(bad.path, bad.text)

    # --- tools -------------------------------------------------------------------------------------

    def _result(self, path: str, turn: dict[str, Any]) -> None:
        """The result of a tool. The contract puts all results of one turn into one message."""
        call_id, content = turn.get("tool_call_id"), turn.get("content")
        if turn["role"] == FUNCTION:
            call_id = call_id or self._function_id()
        if not isinstance(call_id, str) or not call_id:
            self.wrong(f"{path}.tool_call_id", "is required: the id of the call that this answers")
            return
        texts = [part.text for _, part in self._parts(f"{path}.content", content)]
        part = chat_pb2.Part(tool_result=tools_pb2.ToolResult(call_id=call_id, content="".join(texts)))
        if self.messages and self.messages[-1].role == chat_pb2.ROLE_TOOL:
            self.messages[-1].parts.append(part)
            self._origins[-1][1].append(path)
        else:
            self.messages.append(chat_pb2.Message(role=chat_pb2.ROLE_TOOL, parts=[part]))
            self._origins.append((path, [path]))

    def _calls(self, path: str, calls: Any) -> Iterator[Placed]:
        if not isinstance(calls, list | None):
            self.wrong(path, f"must be a list, not {kind_of(calls)}")
            return
        for number, call in enumerate(calls or ()):
            place = f"{path}[{number}]"
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                yield from self._call(place, call.get("id"), function, signatures.read(call.get("extra_content")))
            else:
                self.wrong(place, "must be an object with id, type and function")

    def _function_call(self, path: str, function: Any) -> Iterator[Placed]:
        if isinstance(function, dict):
            self._function_calls += 1
            yield from self._call(path, self._function_id(), function, inner="")
        elif function is not None:
            self.wrong(path, f"must be an object with name and arguments, not {kind_of(function)}")

    def _function_id(self) -> str:
        """Of the last call of a function; the result of a function does not say whose it is."""
        return f"function_call_{self._function_calls}" if self._function_calls else ""

    def _call(
        self, path: str, call_id: Any, function: dict[str, Any], signature: bytes = b"", inner: str = ".function"
    ) -> Iterator[Placed]:
        """`inner`: where the members of the function are, as seen from the call."""
        places = {"id": f"{path}.id", "name": f"{path}{inner}.name", "arguments": f"{path}{inner}.arguments"}
        members = {"id": call_id, "name": function.get("name"), "arguments": function.get("arguments") or "{}"}
        for name, value in members.items():
            if not isinstance(value, str):
                self.wrong(places[name], f"must be a string, not {kind_of(value)}")
                return
        yield path, chat_pb2.Part(tool_call=tools_pb2.ToolCall(**members, signature=signature))
