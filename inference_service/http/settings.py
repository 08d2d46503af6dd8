"""The settings of a request by OpenAI's names, from the one table of settings."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from antiphon.v1 import chat_pb2
from inference_service import settings
from inference_service.http.fields import Fields

MOST = {FieldDescriptor.TYPE_UINT32: 2**32 - 1, FieldDescriptor.TYPE_UINT64: 2**64 - 1}
# What some clients send for "leave it to the model".
NO_CHOICE = {"max_tokens": (-1,), "max_completion_tokens": (-1,), "seed": (-1,), "top_k": (-1, 0)}
LONGEST_ANSWER_NAMES = ("max_completion_tokens", "max_tokens")  # the first of them counts
SMALLEST_TOP_P = 0.001  # OpenAI allows 0, which means the likeliest word


def take(fields: Fields, ignored: list[str]) -> tuple[chat_pb2.Sampling, dict[str, str]]:
    """The settings, and for each field of the contract the parameter that set it."""
    sampling, spelling = chat_pb2.Sampling(), {}
    for setting in settings.CHAT:
        descriptor = chat_pb2.Sampling.DESCRIPTOR.fields_by_name[setting.name]
        if descriptor.enum_type is not None:
            continue
        for name in LONGEST_ANSWER_NAMES if setting.name == "max_tokens" else (setting.name,):
            value = _value(fields, name, descriptor, ignored)
            if value is None or setting.field in spelling:
                continue
            spelling[setting.field] = name
            if setting.most:
                getattr(sampling, setting.name).extend(value)
            else:
                setattr(sampling, setting.name, value)
    return sampling, spelling


def _value(fields: Fields, name: str, descriptor: Any, ignored: list[str]) -> Any:
    if descriptor.type == FieldDescriptor.TYPE_STRING:
        return _texts(fields, name)
    raw = fields.peek(name)
    if isinstance(raw, int | float) and raw in NO_CHOICE.get(name, ()):
        fields.ignore(name)
        ignored.append(name)
        return None
    if descriptor.type in MOST:
        return fields.whole(name, MOST[descriptor.type])
    value = fields.number(name)
    return SMALLEST_TOP_P if name == "top_p" and value == 0 else value


def _texts(fields: Fields, name: str) -> list[str] | None:
    """A text or a list of texts; empty ones mean nothing."""
    value = fields.any(name)
    texts = [value] if isinstance(value, str) else value
    if texts is None:
        return None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        fields.wrong(name, "must be a text or a list of texts")
        return None
    return [text for text in texts if text] or None
