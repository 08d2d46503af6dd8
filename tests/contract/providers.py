"""One provider of its own against the upstream of a test, without the service around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from antiphon.config.model import Config, ProviderConfig
from inference_service.domain import ImageEvent, ImageRequest, Notice, Picture, Progress, Usage
from inference_service.providers.registry import build_provider
from inference_service.providers.seam import ImageCall, LimitReport, Provider

CONFIG = Config.model_validate({"images": {"allow_private_addresses": True}})
SECRET = "a-secret-of-some-length-01"


@asynccontextmanager
async def provider_at(kind: str, base_url: str, **options: Any) -> AsyncIterator[Provider]:
    provider = build_provider(kind, ProviderConfig(kind=kind, base_url=base_url, options=options), CONFIG)
    try:
        yield provider
    finally:
        await provider.close()


def picture_call(
    model: str, *, size: tuple[int, int] | None = None, secret: str | None = SECRET, count: int = 1, **more: Any
) -> ImageCall:
    request = ImageRequest("r", model, more.pop("prompt", "a fox"), size=size, count=count, **more)
    return ImageCall(request, model, secret, count, 0, size)


class Drawn:
    """What one call made, sorted."""

    def __init__(self, events: list[ImageEvent | LimitReport]) -> None:
        self.pictures = [event for event in events if isinstance(event, Picture)]
        self.notices = [(event.kind.value, event.field) for event in events if isinstance(event, Notice)]
        self.progress = [event for event in events if isinstance(event, Progress)]
        self.usage = [event for event in events if isinstance(event, Usage)]

    @property
    def seeds(self) -> list[int | None]:
        return [picture.seed for picture in self.pictures]


async def drawn(provider: Provider, call: ImageCall) -> Drawn:
    return Drawn([event async for event in provider.image(call)])
