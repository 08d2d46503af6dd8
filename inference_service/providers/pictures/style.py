"""How a host expects a picture request, as data: path, body, accepted settings, and how to wait for a job."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from inference_service import settings
from inference_service.domain import Capabilities, ImageRequest, Notice, NoticeKind
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.pictures.jobs import Job
from inference_service.providers.pictures.seeds import COMMON
from inference_service.providers.seam import ImageCall

SHAPE = frozenset({"size", "aspect_ratio"})
NAMED_RATIOS = ((1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3), (5, 4), (4, 5), (21, 9), (9, 21))


class Order(Struct, frozen=True):
    """One call, ready for a body. `model`: the host's own id. `picture`: the input picture as a data URI, or empty."""

    call: ImageCall
    model: str
    seed: int | None = None
    picture: str = ""

    @property
    def request(self) -> ImageRequest:
        return self.call.request

    @property
    def sides(self) -> dict[str, int]:
        return {"width": self.call.size[0], "height": self.call.size[1]} if self.call.size else {}

    def size(self, between: str = "x") -> str | None:
        return f"{self.call.size[0]}{between}{self.call.size[1]}" if self.call.size else None

    @property
    def ratio(self) -> str | None:
        """The closest of the aspect ratios that hosts know by name."""
        wanted = self.request.aspect_ratio
        if wanted is None:
            return None
        across, down = min(NAMED_RATIOS, key=lambda named: abs(named[0] / named[1] - wanted[0] / wanted[1]))
        return f"{across}:{down}"


class Style(Struct, frozen=True):
    """`capabilities.settings` are exactly the fields that `body` sends; a test enforces it.

    base: the host for pictures if it is not the provider's own.
    form: the body goes as multipart/form-data.
    steps: the host's minimum and maximum.
    """

    path: str  # after the base; {model} is the host's own id
    body: Callable[[Order], Mapping[str, Any]]
    capabilities: Capabilities
    largest_seed: int = COMMON
    steps: tuple[int, int] = (1, 150)
    base: str = ""
    headers: Mapping[str, str] = {}
    form: bool = False
    job: Job | None = None

    @property
    def takes_seed(self) -> bool:
        return "seed" in self.capabilities.settings


def given(**values: Any) -> dict[str, Any]:
    """Without what the caller has not set: hosts refuse nulls."""
    return {key: value for key, value in values.items() if value not in (None, "")}


def dropped(request: ImageRequest, honoured: frozenset[str]) -> list[Notice]:
    """A notice for each setting without effect. Raises UpstreamFailure if the caller is strict."""
    lost = sorted(settings.wanted_of_image(request) - honoured)
    if lost and request.strict:
        raise UpstreamFailure(
            FailureKind.FIELD_REFUSED, f"this deployment does not honour {', '.join(lost)}", field=lost[0]
        )
    return [
        Notice(NoticeKind.DROPPED, field, f"This deployment does not honour {field}; it had no effect.")
        for field in lost
    ]


def without(request: ImageRequest, lost: frozenset[str]) -> ImageRequest:
    """The request as if these settings were not set."""
    return msgspec.structs.replace(request, **{name: settings.unset(name) for name in lost})


def bounded_steps(request: ImageRequest, bounds: tuple[int, int]) -> tuple[ImageRequest, list[Notice]]:
    """The request with its steps clamped to the host's range. Raises UpstreamFailure if the caller is strict."""
    if request.steps is None or bounds[0] <= request.steps <= bounds[1]:
        return request, []
    text = f"this deployment takes {bounds[0]} to {bounds[1]} steps"
    if request.strict:
        raise UpstreamFailure(FailureKind.FIELD_REFUSED, text, field="steps")
    steps = min(max(request.steps, bounds[0]), bounds[1])
    notice = Notice(NoticeKind.CHANGED, "steps", f"T{text[1:]}; {steps} were used.")
    return msgspec.structs.replace(request, steps=steps), [notice]
