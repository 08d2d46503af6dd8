"""One real request per task, for `antiphon check`: the cheapest that shows whether a credential may do it.

For a streamed answer, acceptance is enough; the rest is not awaited.
"""

import io
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from inference_service.domain import (
    ChatRequest,
    ImagePart,
    ImageRequest,
    Message,
    Picture,
    Preview,
    Progress,
    Role,
    TextPart,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import seam
from inference_service.providers.embeddings import EmbedCall
from inference_service.providers.seam import ChatCall, ImageCall, LimitReport, Provider
from inference_service.providers.speech import TranscribeCall
from inference_service.settings import Sampling

SIDE = 64  # side in pixels of the test picture: the smallest that models accept without complaint
RATE = 16_000  # samples of the recording a second


def _png() -> bytes:
    from PIL import Image  # noqa: PLC0415 - only a check needs it

    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "white").save(buffer, "PNG")
    return buffer.getvalue()


def _silence() -> bytes:
    """A second of it."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(2 * RATE))
    return buffer.getvalue()


async def chat(provider: Provider, model: str, secret: str | None, *, vision: bool = False) -> LimitReport | None:
    """Asks with a limit of one token, and without it if the model refuses that. Raises UpstreamFailure."""
    parts = (TextPart("Hi"), ImagePart("image/png", _png())) if vision else (TextPart("Hi"),)
    refused: UpstreamFailure | None = None
    for sampling in (Sampling({"max_tokens": 1}), Sampling(), Sampling()):
        request = ChatRequest("check", model, (Message(Role.USER, parts),), sampling)
        try:
            return await _accepted(seam.checked(provider.chat(ChatCall(request, model, secret))))
        except UpstreamFailure as failure:
            refused = failure
            if failure.kind is not FailureKind.FIELD_REFUSED and not failure.mended:
                raise
    raise refused or UpstreamFailure(FailureKind.BAD_RESPONSE)


async def see(provider: Provider, model: str, secret: str | None) -> LimitReport | None:
    return await chat(provider, model, secret, vision=True)


async def draw(provider: Provider, model: str, secret: str | None) -> LimitReport | None:
    """A place in a queue counts as accepted: volunteers' pictures take minutes. Raises UpstreamFailure."""
    request = ImageRequest("check", model, "a white square")
    return await _accepted(seam.checked(provider.image(ImageCall(request, model, secret))), _drawn)


async def transcribe(provider: Any, model: str, secret: str | None) -> LimitReport | None:
    """Raises UpstreamFailure."""
    transcript = await provider.transcribe(TranscribeCall(model, _silence(), secret, "audio/wav"))
    limits: LimitReport | None = transcript.limits
    return limits


async def embed(provider: Any, model: str, secret: str | None) -> LimitReport | None:
    """Raises UpstreamFailure."""
    vectors = await provider.embed(EmbedCall(model, ("Hi",), secret))
    limits: LimitReport | None = vectors.limits
    return limits


def _drawn(event: Any) -> bool:
    return isinstance(event, Picture | Preview) or (isinstance(event, Progress) and event.queue_position is not None)


async def _accepted(events: Any, enough: Callable[[Any], bool] = bool) -> LimitReport | None:
    """The limits that the provider reports; for a picture, once it is done or queued. Raises UpstreamFailure."""
    accepted: LimitReport | None = None
    answer: AsyncIterator[Any]
    async with aclosing(events) as answer:
        async for event in answer:
            if isinstance(event, LimitReport):
                accepted = event
            if enough(event):
                break
    return accepted


QUESTIONS: Mapping[str, Any] = {
    "chat": chat, "vision": see, "image": draw, "transcribe": transcribe, "embed": embed,
}  # fmt: skip
COSTLY = frozenset({"image", "transcribe", "embed"})  # tested only if the provider is free
