"""Maps the settings of a request from OpenAI's names, by the one table of settings."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from antiphon.v1 import chat_pb2
from inference_service import settings
from inference_service.http.fields import Fields

MOST = {FieldDescriptor.TYPE_UINT32: 2**32 - 1, FieldDescriptor.TYPE_UINT64: 2**64 - 1}
# Some clients send this for "leave it to the model".
NO_CHOICE = {"max_tokens": (-1,), "max_completion_tokens": (-1,), "seed": (-1,), "top_k": (-1, 0)}
NAMES = {"max_tokens": ("max_completion_tokens", "max_tokens")}  # the first of them counts
# Other APIs' words for the same.
SYNONYMS = {"minimal": "low", "xhigh": "high", "max": "high"}
SMALLEST_TOP_P = 0.001  # OpenAI allows 0, which means the most likely token


def take(fields: Fields, request: chat_pb2.ChatRequest, ignored: list[str]) -> dict[str, str]:
    """Sets the settings on the request; returns, for each field of the contract, the parameter that set it."""
    spelling: dict[str, str] = {}
    wants_logprobs = fields.flag("logprobs")
    for setting in settings.CHAT:
        message: Any = request.sampling if setting.field != setting.name else request
        for name in NAMES.get(setting.name, (setting.name,)):
            value = _value(fields, setting, name, message, ignored)
            if value is None or setting.field in spelling:
                continue
            spelling[setting.field] = name
            if setting.most:
                getattr(message, setting.name).extend(value)
            else:
                setattr(message, setting.name, value)
    if wants_logprobs and not request.sampling.HasField("top_logprobs"):
        request.sampling.top_logprobs = 0
        spelling["sampling.top_logprobs"] = "logprobs"
    return spelling


def _value(fields: Fields, setting: settings.Setting, name: str, message: Any, ignored: list[str]) -> Any:
    if setting.most:
        return _texts(fields, name)
    if setting.flag:
        return fields.flag(name)
    if setting.choices:
        numbers = {word: number for number, word in enumerate(setting.choices, 1)}
        return fields.choice(name, {**numbers, **{word: numbers[same] for word, same in SYNONYMS.items()}})
    raw = fields.peek(name)
    if isinstance(raw, int | float) and raw in NO_CHOICE.get(name, ()):
        fields.ignore(name)
        ignored.append(name)
        return None
    kind = message.DESCRIPTOR.fields_by_name[setting.name].type
    if kind in MOST:
        return fields.whole(name, MOST[kind])
    value = fields.number(name)
    return SMALLEST_TOP_P if name == "top_p" and value == 0 else value


def _texts(fields: Fields, name: str) -> list[str] | None:
    """A string or a list of strings; empty ones are dropped."""
    value = fields.any(name)
    texts = [value] if isinstance(value, str) else value
    if texts is None:
        return None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        fields.wrong(name, "must be a string or a list of strings")
        return None
    return [text for text in texts if text] or None
