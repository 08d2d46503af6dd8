"""A non-streamed result, a transcript or vectors, from one or more deployments. Pure."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from msgspec import Struct

from inference_service.domain import Finish, Finished, FinishReason, Picture, Preview, Started
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.seam import Provider, checked
from inference_service.routing.answer.announce import Announcer
from inference_service.routing.answer.protocol import MOST_FAILED, Out
from inference_service.routing.decide import Standing
from inference_service.routing.journal import Journal
from inference_service.routing.lease import Lease
from inference_service.routing.plan import Deployment
from inference_service.unary import Embedded, EmbedRequest, Transcribed, TranscribeRequest

Request = EmbedRequest | TranscribeRequest
Asked = Callable[[Provider, Any, str, str | None], AsyncGenerator[Any, None]]


class Opening(Struct):
    """One call. `result` is held until the call has ended well."""

    deployment: str
    number: int  # of the attempt
    reason: str  # a FailureKind value: why the previous call failed; empty for the first
    restarts: bool = False
    begun: bool = False
    result: Transcribed | Embedded | None = None


class UnaryAnswer:
    """`asked`: makes the upstream call for a request, given provider, request, model and secret."""

    ends_when_interrupted = False
    began = False  # nothing is sent before it is whole

    def __init__(self, request: Request, call: Asked) -> None:
        self._request, self._asked = request, call
        self._announcer = Announcer()
        self.whole = False

    @staticmethod
    def opening(deployment: Deployment, _: Standing, number: int, reason: str, __: float) -> Opening:
        return Opening(deployment.name, number, reason)

    def call(self, _: Opening, deployment: Deployment, lease: Lease) -> AsyncGenerator[Any, None]:
        return checked(self._asked(deployment.provider, self._request, deployment.model, lease.secret))

    async def check(self, _: Picture | Preview) -> tuple[Any, ...]:
        """Raises UpstreamFailure: no picture was requested."""
        raise UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider sent a picture", status=200)

    def waiting(self, deployment: str, number: int) -> list[Started]:
        """Something has to be shown before a deployment answers."""
        return self._announcer.start(deployment, number)

    def begin(self, opening: Opening) -> Out:
        """The first sign of this deployment."""
        opening.begun = True
        return [*self._announcer.start(opening.deployment, opening.number)]

    @staticmethod
    def accept(opening: Opening, event: Any) -> Out:
        if isinstance(event, Transcribed | Embedded):
            opening.result = event
            return []
        return [event]

    def end(self, opening: Opening, _: Finish) -> Out:
        """A call has ended well. Raises UpstreamFailure if it returned nothing."""
        if opening.result is None:
            raise UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider sent no result", status=200)
        self.whole = True
        return [*([] if opening.begun else self.begin(opening)), opening.result]

    @staticmethod
    def settle_for_less() -> Out | None:
        """There is no half result."""
        return None

    @staticmethod
    def finished(_: Finish | None, deployment: str, journal: Journal) -> Finished:
        failed = tuple(journal.failed[:MOST_FAILED])
        return Finished(
            FinishReason.STOP, deployment, 0, journal.first_token, journal.calls, failed, used=tuple(journal.usage())
        )
