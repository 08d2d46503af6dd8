"""Estimates of what a request will read, where a provider reports nothing. They are marked as such wherever they go."""

from inference_service.domain import ChatRequest
from inference_service.routing.journal import estimate

PER_IMAGE = 800
SAMPLE = 2_000


def estimate_prompt(request: ChatRequest) -> int:
    """Tokens of the conversation, pictures included."""
    size = sum(len(message.text) for message in request.messages)
    sample = request.messages[-1].text[:SAMPLE] if request.messages else ""
    return estimate(size, sample) + PER_IMAGE * sum(len(message.images) for message in request.messages)
