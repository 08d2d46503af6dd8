"""The pictures of one request, from one or more deployments. Every picture and preview is checked before it is sent."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from msgspec import Struct

from antiphon.config.model import Images
from inference_service.domain import (
    CheckedPicture,
    Finish,
    Finished,
    FinishReason,
    ImageRequest,
    Notice,
    NoticeKind,
    Picture,
    Preview,
    Started,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import normalise, preview
from inference_service.providers.seam import ImageCall, checked
from inference_service.routing.answer.announce import Announcer
from inference_service.routing.answer.protocol import MOST_FAILED, Out
from inference_service.routing.decide import Standing
from inference_service.routing.journal import Journal
from inference_service.routing.learned import Learned
from inference_service.routing.lease import Lease
from inference_service.routing.plan import Deployment, fit_size, without_unsupported

LARGEST_SEED = 2**64 - 1


class Opening(Struct):
    """One call for `count` pictures, the first of which has the index `first_index`."""

    deployment: str
    number: int  # of the attempt
    reason: str  # a FailureKind value: why the previous call failed; empty for the first
    request: ImageRequest
    notices: list[Notice]
    size: tuple[int, int] | None
    count: int
    first_index: int
    restarts: bool = False
    begun: bool = False
    drawn: int = 0


class ImageAnswer:
    """What the caller has so far. `whole` once every requested picture is there."""

    ends_when_interrupted = False
    began = False  # finished pictures stay; a failed one is simply drawn again

    def __init__(self, request: ImageRequest, learned: Learned, limits: Images) -> None:
        self._request, self._learned, self._limits = request, learned, limits
        self._announcer = Announcer()
        self._made = 0
        self.whole = False

    # --- a call ----------------------------------------------------------------------------------

    def opening(self, deployment: Deployment, standing: Standing, number: int, reason: str, now: float) -> Opening:
        """How to ask this deployment now."""
        can, name = deployment.capabilities, deployment.name
        refused = self._learned.refused_fields(name, now) | standing.without
        request, notices = without_unsupported(self._request, can, refused)
        size, resized = fit_size(request, can)
        if request.seed is not None and self._made:
            # Calls after the first must not draw the same picture again.
            request = msgspec.structs.replace(request, seed=(request.seed + self._made) & LARGEST_SEED)
        count = min(self._request.count - self._made, can.max_count)
        return Opening(name, number, reason, request, [*notices, *resized], size, count, self._made)

    @staticmethod
    def call(opening: Opening, deployment: Deployment, lease: Lease) -> AsyncGenerator[Any, None]:
        call = ImageCall(
            opening.request, deployment.model, lease.secret, opening.count, opening.first_index, opening.size
        )
        return checked(deployment.provider.image(call))

    async def check(self, event: Picture | Preview) -> tuple[Any, ...]:
        """The picture in the requested form. Raises UpstreamFailure(BAD_IMAGE)."""
        if isinstance(event, Preview):
            shown = await preview(event.data, event.index, self._limits)
            return () if shown is None else (shown,)
        if self._made >= self._request.count:
            return ()
        checked, notices = await normalise(event, self._request, self._limits)
        return (*notices, checked)

    # --- its events ------------------------------------------------------------------------------

    def waiting(self, deployment: str, number: int) -> list[Started]:
        """Something has to be shown before a deployment draws."""
        return self._announcer.start(deployment, number)

    def begin(self, opening: Opening) -> Out:
        """The first sign of this deployment."""
        opening.begun = True
        out: Out = [*self._announcer.start(opening.deployment, opening.number)]
        if not out and self._announcer.moves(opening.deployment, opening.reason):
            out.append(self._announcer.hand_over(opening.deployment, opening.number, opening.reason, 0))
        return out + self._announcer.fresh(opening.deployment, opening.notices)

    def accept(self, opening: Opening, event: Any) -> Out:
        """What the caller sees of an event; pictures have been checked already."""
        if event.__class__ is not CheckedPicture:
            return [event]
        event = msgspec.structs.replace(event, index=self._made)
        self._made += 1
        opening.drawn += 1
        return [event]

    # --- its end ---------------------------------------------------------------------------------

    def end(self, opening: Opening, _: Finish) -> Out:
        """A call has ended well. Raises UpstreamFailure if it drew nothing."""
        if not opening.drawn:
            raise UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider sent no picture", status=200)
        self.whole = self._made >= self._request.count
        return [] if opening.begun else self.begin(opening)

    def settle_for_less(self) -> Out | None:
        """No deployment can draw the rest. None: the request fails; else the caller keeps what is there."""
        if not self._made:
            return None
        self.whole = True
        text = f"Only {self._made} of {self._request.count} pictures could be drawn."
        return [Notice(NoticeKind.CHANGED, "count", text)]

    def finished(self, _: Finish | None, deployment: str, journal: Journal) -> Finished:
        failed = tuple(journal.failed[:MOST_FAILED])
        return Finished(
            FinishReason.STOP,
            deployment,
            0,
            journal.first_token,
            journal.calls,
            failed,
            used=tuple(journal.usage()),
        )
