"""Estimates of what a request will read, if a provider reports nothing. They are marked as estimates everywhere."""

from collections.abc import Sequence

import msgspec

from inference_service.domain import ChatRequest, Message
from inference_service.recordings import seconds_of
from inference_service.routing.journal import estimate

PER_IMAGE = 800
PER_SECOND = 32  # of a recording, as models that accept audio count it
SAMPLE = 2_000


def estimate_prompt(request: ChatRequest) -> int:
    """Tokens of the conversation, pictures included."""
    size = len(request.partial) + sum(map(_characters, request.messages))
    size += len(msgspec.json.encode(request.tools)) if request.tools else 0
    sample = request.messages[-1].text[:SAMPLE] if request.messages else ""
    heard = sum(seconds_of(recording.data) or 0.0 for message in request.messages for recording in message.recordings)
    images = sum(len(message.images) for message in request.messages)
    return estimate(size, sample) + PER_IMAGE * images + round(PER_SECOND * heard)


def _characters(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.calls)
    return len(message.text) + calls + sum(len(result.content) for result in message.results)


def estimate_texts(texts: Sequence[str]) -> int:
    """Tokens of texts to be embedded."""
    return sum(estimate(len(text), text[:SAMPLE]) for text in texts)
