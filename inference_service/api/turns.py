"""Validates the turns of a conversation: who may say what, and that tool calls and their results match."""

import re
from collections.abc import Iterator

import msgspec

from antiphon.v1 import chat_pb2, tools_pb2
from inference_service.pictures.normalise import sniff
from inference_service.providers.speech import LARGEST_AUDIO
from inference_service.recordings import MOST_SECONDS, kind_of, seconds_of

Violation = tuple[str, str]


class InvalidRequestError(Exception):
    """`violations`: (dotted field, what is wrong and what is allowed)."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in violations[:3]))
        self.violations = violations


ROLES = frozenset(chat_pb2.Role.values()) - {chat_pb2.ROLE_UNSPECIFIED}
MIMES = ("image/png", "image/jpeg", "image/webp", "image/gif")
LARGEST_IMAGE = LARGEST_DOCUMENT = 10 * 1024 * 1024
LONGEST_TEXT, LONGEST_URL, LONGEST_NAME, LONGEST_CALL_ID = 1_000_000, 2_048, 255, 128
TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
PDF = "application/pdf"
# Kind of part → the roles that may contain it. Text is allowed in all but tool turns.
USER, ASSISTANT, TOOL = chat_pb2.ROLE_USER, chat_pb2.ROLE_ASSISTANT, chat_pb2.ROLE_TOOL
ALLOWED = {
    "image": (USER, "only USER messages may contain pictures"),
    "image_link": (USER, "only USER messages may contain pictures"),
    "document": (USER, "only USER messages may contain documents"),
    "audio": (USER, "only USER messages may contain recordings"),
    "tool_call": (ASSISTANT, "only ASSISTANT messages may contain tool calls"),
    "tool_result": (TOOL, "only TOOL messages may contain tool results"),
}


class Turns:
    """One pass over a conversation. `pictures` collects every picture with its path."""

    def __init__(self) -> None:
        self.pictures: list[tuple[str, chat_pb2.InlineImage]] = []
        self._open: dict[str, str] = {}  # id of a call without a result so far → path of the call

    def check(self, messages: list[chat_pb2.Message]) -> Iterator[Violation]:
        count = len(messages)
        if not 1 <= count <= 1_000:
            yield "messages", f"has {count} messages; 1 to 1,000 are allowed"
            return
        for number, message in enumerate(messages):
            yield from self._message(f"messages[{number}]", message, last=number == count - 1)
        yield from self._without_result()
        if messages[-1].role not in (USER, TOOL) and not messages[-1].partial:
            yield (
                f"messages[{count - 1}].role",
                "the last message must have the role USER or TOOL, or be a partial ASSISTANT message",
            )

    def _message(self, path: str, message: chat_pb2.Message, *, last: bool) -> Iterator[Violation]:
        if message.role not in ROLES:
            yield f"{path}.role", "is required: SYSTEM, USER, ASSISTANT or TOOL"
        if not 1 <= len(message.parts) <= 64:
            yield f"{path}.parts", f"has {len(message.parts)} parts; 1 to 64 are allowed"
            return
        if message.role != TOOL:
            yield from self._without_result()
        for place, part in enumerate(message.parts):
            yield from self._part(f"{path}.parts[{place}]", part, message.role)
        if message.partial:
            yield from partial(path, message, last=last)

    def _without_result(self) -> Iterator[Violation]:
        """Providers refuse a conversation that continues before every call has its result."""
        for call_id, path in self._open.items():
            yield (
                path,
                f"the call {call_id[:LONGEST_CALL_ID]!r} has no result in the TOOL messages after it",
            )
        self._open.clear()

    def _part(self, path: str, part: chat_pb2.Part, role: int) -> Iterator[Violation]:
        kind = part.WhichOneof("content")
        if kind is None:
            yield path, "must contain a text, an image, a link, a document, a recording, a tool call or a tool result"
            return
        path = f"{path}.{kind}"
        if kind in ALLOWED and role in ROLES and role != ALLOWED[kind][0]:
            yield path, ALLOWED[kind][1]
            return
        match kind:
            case "text":
                if role == TOOL:
                    yield path, "TOOL messages may contain only tool results"
                yield from length(path, part.text, LONGEST_TEXT, least=1)
            case "image":
                self.pictures.append((path, part.image))
                yield from picture(path, part.image)
            case "image_link":
                yield from link(f"{path}.url", part.image_link.url)
            case "document":
                yield from document(path, part.document)
            case "audio":
                yield from audio(path, part.audio)
            case "tool_call":
                yield from self._call(path, part.tool_call)
            case "tool_result":
                yield from self._result(path, part.tool_result)

    def _call(self, path: str, call: tools_pb2.ToolCall) -> Iterator[Violation]:
        if not 1 <= len(call.id) <= LONGEST_CALL_ID:
            yield f"{path}.id", f"has {len(call.id)} characters; 1 to {LONGEST_CALL_ID} are allowed"
        elif call.id in self._open:
            yield f"{path}.id", "another call of this turn has the same id"
        else:
            self._open[call.id] = path
        if not TOOL_NAME.fullmatch(call.name):
            yield f"{path}.name", "must be 1 to 64 letters, digits, '_' or '-'"
        try:
            whole = isinstance(msgspec.json.decode(call.arguments), dict)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            whole = False
        if not whole:
            yield f"{path}.arguments", "must be a JSON object as text"

    def _result(self, path: str, result: tools_pb2.ToolResult) -> Iterator[Violation]:
        if self._open.pop(result.call_id, None) is None:
            yield (
                f"{path}.call_id",
                "no call with this id is waiting for a result: each call takes exactly one, after the call",
            )
        yield from length(f"{path}.content", result.content, LONGEST_TEXT)


def partial(path: str, message: chat_pb2.Message, *, last: bool) -> Iterator[Violation]:
    if not last:
        yield f"{path}.partial", "only the last message may be partial"
    elif message.role != ASSISTANT:
        yield f"{path}.partial", "only an ASSISTANT message may be partial"
    elif any(part.WhichOneof("content") != "text" for part in message.parts):
        yield f"{path}.partial", "a partial message may contain only text"
    elif not "".join(part.text for part in message.parts).strip():
        yield f"{path}.partial", "a partial message needs text to continue"


def length(path: str, text: str, most: int, least: int = 0) -> Iterator[Violation]:
    if not least <= len(text) <= most:
        allowed = f"{least} to {most} are allowed" if least else f"at most {most} are allowed"
        yield path, f"has {len(text)} characters; {allowed}"


def picture(path: str, image: chat_pb2.InlineImage) -> Iterator[Violation]:
    if not 1 <= len(image.data) <= LARGEST_IMAGE:
        yield f"{path}.data", f"has {len(image.data)} bytes; 1 to {LARGEST_IMAGE} are allowed"
        return
    if image.mime_type not in MIMES:
        yield f"{path}.mime_type", f"must be one of {', '.join(MIMES)}"
        return
    mime = sniff(image.data)
    if mime != image.mime_type:
        yield f"{path}.mime_type", f"does not match the bytes, which are {mime or 'none of the allowed formats'}"


def link(path: str, url: str) -> Iterator[Violation]:
    if not url.startswith("https://"):
        yield path, "must be an https:// URL"
    yield from length(path, url, LONGEST_URL, least=1)


def document(path: str, document: chat_pb2.Document) -> Iterator[Violation]:
    mime = document.mime_type.partition(";")[0].strip().lower()
    if mime != PDF and not mime.startswith("text/"):
        yield f"{path}.mime_type", "must be application/pdf or begin with text/"
    elif mime == PDF and document.data and not document.data.lstrip()[:5].startswith(b"%PDF-"):
        yield f"{path}.mime_type", "does not match the bytes, which are not a PDF"
    if not 1 <= len(document.data) <= LARGEST_DOCUMENT:
        yield f"{path}.data", f"has {len(document.data)} bytes; 1 to {LARGEST_DOCUMENT} are allowed"
    yield from length(f"{path}.name", document.name, LONGEST_NAME)


def audio(path: str, recording: chat_pb2.Audio) -> Iterator[Violation]:
    if not 1 <= len(recording.data) <= LARGEST_AUDIO:
        yield f"{path}.data", f"has {len(recording.data)} bytes; 1 to {LARGEST_AUDIO} are allowed"
        return
    kind, mime = kind_of(recording.data), recording.mime_type.partition(";")[0].strip().lower()
    if kind is None:
        yield f"{path}.data", "is not a recording in Ogg, MP3, WAV, FLAC, MP4 or WebM"
    elif mime not in kind.mimes:
        yield f"{path}.mime_type", f"does not match the bytes, which are {kind.mimes[0]}"
    seconds = seconds_of(recording.data)
    if seconds is not None and seconds > MOST_SECONDS:
        yield f"{path}.data", f"lasts {seconds / 60:.0f} min; at most {MOST_SECONDS / 60:.0f} min are allowed"
