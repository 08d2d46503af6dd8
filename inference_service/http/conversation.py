"""The messages of a chat as OpenAI's API has them, turned into those of the contract. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from antiphon.v1 import chat_pb2
from inference_service.http import pictures
from inference_service.http.fields import kind_of
from inference_service.http.problems import Violation

ROLES = {
    "system": chat_pb2.ROLE_SYSTEM,
    "developer": chat_pb2.ROLE_SYSTEM,
    "user": chat_pb2.ROLE_USER,
    "assistant": chat_pb2.ROLE_ASSISTANT,
}
TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}  # kind → its member
PATH = re.compile(r"messages\[(\d+)\](?:\.parts\[(\d+)\])?(.*)")


class Conversation:
    """`messages` for the request; `spell` leads from their paths back to the caller's."""

    def __init__(self) -> None:
        self.messages: list[chat_pb2.Message] = []
        self.violations: list[Violation] = []
        self._origins: list[tuple[str, list[str]]] = []  # of each message and its parts

    def spell(self, field: str) -> str:
        match = PATH.fullmatch(field)
        if match is None or int(match[1]) >= len(self._origins):
            return field
        path, parts = self._origins[int(match[1])]
        if match[2] is None:
            return path + match[3].replace(".parts", ".content")
        place = int(match[2])
        return parts[place] if place < len(parts) else f"{path}.content"

    def read(self, turns: Any) -> None:
        if not isinstance(turns, list) or not turns:
            text = "is required: a list of one or more messages"
            self.violations.append(("messages", text))
            return
        for number, turn in enumerate(turns):
            path = f"messages[{number}]"
            if not isinstance(turn, dict):
                self.violations.append((path, f"must be an object, not {kind_of(turn)}"))
                continue
            self._turn(path, turn)
        if self.messages and self.messages[-1].role == chat_pb2.ROLE_SYSTEM:
            # Instructions alone are a question to OpenAI's models, and must be one to those that need a user.
            self.messages[-1].role = chat_pb2.ROLE_USER
        if not self.messages and not self.violations:
            self.violations.append(("messages", "hold no text and no picture"))

    def _turn(self, path: str, turn: dict[str, Any]) -> None:
        role = ROLES.get(turn.get("role") or "") if isinstance(turn.get("role"), str | None) else None
        if role is None:
            self.violations.append((f"{path}.role", f"must be one of {', '.join(ROLES)}"))
            return
        parts, origins = [], []
        for origin, part in self._parts(f"{path}.content", turn.get("content")):
            parts.append(part)
            origins.append(origin)
        if not parts:  # an empty turn says nothing, and many providers refuse one
            return
        self.messages.append(chat_pb2.Message(role=role, parts=parts))
        self._origins.append((path, origins))

    def _parts(self, path: str, content: Any) -> Iterator[tuple[str, chat_pb2.Part]]:
        if isinstance(content, str):
            if content:
                yield path, chat_pb2.Part(text=content)
            return
        if not isinstance(content, list | None):
            self.violations.append((path, f"must be a text or a list of parts, not {kind_of(content)}"))
            return
        for number, item in enumerate(content or ()):
            place = f"{path}[{number}]"
            if isinstance(item, str):
                if item:
                    yield place, chat_pb2.Part(text=item)
            elif isinstance(item, dict):
                yield from self._part(place, item)
            else:
                self.violations.append((place, f"must be an object, not {kind_of(item)}"))

    def _part(self, path: str, item: dict[str, Any]) -> Iterator[tuple[str, chat_pb2.Part]]:
        kind = item.get("type")
        if isinstance(kind, str) and kind in TEXTS:
            text = item.get(TEXTS[kind])
            if not isinstance(text, str):
                self.violations.append((f"{path}.{TEXTS[kind]}", f"must be a text, not {kind_of(text)}"))
            elif text:
                yield f"{path}.{TEXTS[kind]}", chat_pb2.Part(text=text)
        elif kind == "image_url":
            yield from self._picture(path, item.get("image_url"))
        else:
            self.violations.append((f"{path}.type", "must be one of text, image_url"))

    def _picture(self, path: str, link: Any) -> Iterator[tuple[str, chat_pb2.Part]]:
        url = link.get("url") if isinstance(link, dict) else link  # some clients send the URL alone
        path = f"{path}.image_url.url" if isinstance(link, dict) else f"{path}.image_url"
        if not isinstance(url, str):
            self.violations.append((path, f"must be a text, not {kind_of(url)}"))
            return
        picture = pictures.from_data_url(url)
        if picture is None:
            self.violations.append((path, "must be a data URL of a picture, such as data:image/png;base64,…"))
            return
        yield path, chat_pb2.Part(image=picture)
