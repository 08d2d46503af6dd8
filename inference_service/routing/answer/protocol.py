"""What the request loop needs from an answer, for words and pictures alike. An opening is one call from the answer's view."""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from inference_service.domain import Finish, Finished, Picture, Preview, Started
from inference_service.routing.decide import Standing
from inference_service.routing.journal import Journal
from inference_service.routing.lease import Lease
from inference_service.routing.plan import Deployment

MOST_FAILED = 16  # failed attempts listed at the end of an answer
Out = list[Any]  # events for the caller


class Answer(Protocol):
    whole: bool

    @property
    def began(self) -> bool:
        """Something was sent that a restart would take back."""
        ...

    @property
    def ends_when_interrupted(self) -> bool: ...

    def opening(self, deployment: Deployment, standing: Standing, number: int, reason: str, now: float) -> Any:
        """How to ask this deployment now. `reason`: why the previous deployment fell silent, empty for the first."""
        ...

    def call(self, opening: Any, deployment: Deployment, lease: Lease) -> AsyncGenerator[Any, None]:
        """The events of the upstream call."""
        ...

    async def check(self, event: Picture | Preview) -> tuple[Any, ...]:
        """Decodes and checks a picture. Raises UpstreamFailure."""
        ...

    def waiting(self, deployment: str, number: int) -> list[Started]:
        """What must be sent before a progress event, if no deployment has answered yet."""
        ...

    def begin(self, opening: Any) -> Out:
        """The first sign of an answer by this deployment."""
        ...

    def accept(self, opening: Any, event: Any) -> Out:
        """What the caller sees of an event."""
        ...

    def end(self, opening: Any, finish: Finish) -> Out:
        """A call has ended well. Raises UpstreamFailure if the result is not an answer."""
        ...

    def settle_for_less(self) -> Out | None:
        """No deployment can continue. None: the request fails; else the last events of an answer as whole as it gets."""
        ...

    def finished(self, finish: Finish | None, deployment: str, journal: Journal) -> Finished: ...
