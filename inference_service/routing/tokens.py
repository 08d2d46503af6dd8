"""Estimates of tokens where a provider reports none. They are marked as such wherever they go."""

from inference_service.domain import ChatRequest

LATIN, OTHER = 4.0, 2.0  # characters a token, about
PER_IMAGE = 800


def estimate(characters: int, sample: str) -> int:
    """Tokens of a text of so many characters that is written like the sample."""
    if not characters:
        return 0
    foreign = sum(1 for letter in sample if ord(letter) > 0x24F) / max(1, len(sample))
    return max(1, round(characters / (LATIN - (LATIN - OTHER) * foreign)))


def estimate_prompt(request: ChatRequest) -> int:
    text = "".join(message.text for message in request.messages)
    return estimate(len(text), text[:2_000]) + PER_IMAGE * sum(len(message.images) for message in request.messages)
