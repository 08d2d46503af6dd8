"""Pictures through a route: a failed job moves on, previews are replaced, more than one call makes more pictures."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from antiphon.config.model import Images
from inference_service.domain import (
    CheckedPicture,
    Finish,
    Finished,
    FinishReason,
    Handover,
    ImageRequest,
    Notice,
    Picture,
    Preview,
    Progress,
    RoutedImageEvent,
    Started,
    Usage,
    UsageRecord,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import normalise, preview
from inference_service.providers.seam import ImageCall
from inference_service.routing.attempt import Lease
from inference_service.routing.chat import MOST_FAILED, Secrets
from inference_service.routing.observer import Observer
from inference_service.routing.plan import Deployment, fit_size, without_unsupported
from inference_service.routing.search import Found, Pause, Search


class ImageRun:
    """One request. Iterate `events`; they are what the caller sees."""

    def __init__(
        self, request: ImageRequest, search: Search, secrets: Secrets, observer: Observer, limits: Images
    ) -> None:
        self._request, self._search, self._secrets = request, search, secrets
        self._observer, self._limits = observer, limits
        self._loop = asyncio.get_running_loop()
        self._arrived = self._loop.time()
        self._made = 0
        self._current: str | None = None
        self._why = ""
        self._usage: list[UsageRecord] = []
        self._told: set[tuple[str, str]] = set()

    async def events(self) -> AsyncGenerator[RoutedImageEvent, None]:
        """Raises RequestFailure."""
        last = ""
        while self._made < self._request.count:
            found = await self._search.next(self._open, lambda _: "")
            if isinstance(found, Pause):
                async for event in self._pause(found):
                    yield event
                continue
            last = found.deployment.name
            before = self._made
            try:
                for first in self._begin(found):
                    yield first
                async for event in self._draw(found):
                    yield event
                if self._made == before:
                    raise self._nothing(found)
            except UpstreamFailure as failure:
                found.attempt.failure = failure
                await found.attempt.close()
                self._account(found)
                await self._search.note(found.attempt, found.deployment, failure)
                self._why = failure.kind.value
            finally:
                await found.attempt.close()
            if not self._why:
                self._account(found)
        for record in self._usage:
            yield record
        duration = self._loop.time() - self._arrived
        failed = tuple(self._search.failed[:MOST_FAILED])
        yield Finished(FinishReason.STOP, last, 0, duration, self._search.made, failed)

    def _begin(self, found: Found) -> list[RoutedImageEvent]:
        name, number = found.deployment.name, found.attempt.number
        first: list[RoutedImageEvent] = []
        if self._current is None:
            first.append(Started(name, number))
        elif self._why or name != self._current:
            reason = self._why or FailureKind.RATE_LIMITED.value
            first.append(Handover(self._current, name, reason, 0, number))
            self._observer.handed_over(self._request.request_id, self._current, name, reason, 0)
        self._current, self._why = name, ""
        can = found.deployment.capabilities
        notices = [*without_unsupported(self._request, can)[1], *self._fit(found.deployment)[1]]
        fresh = [notice for notice in notices if (name, notice.field) not in self._told]
        self._told |= {(name, notice.field) for notice in fresh}
        return [*first, *fresh]

    async def _draw(self, found: Found) -> AsyncIterator[RoutedImageEvent]:
        while True:
            match event := await found.attempt.next():
                case None | Finish():
                    return
                case Picture():
                    async for made in self._checked(event):
                        yield made
                case Preview():
                    if (shown := await preview(event.data, event.index, self._limits)) is not None:
                        yield shown
                case Progress() | Notice():
                    yield event
                case _:
                    pass

    async def _checked(self, picture: Picture) -> AsyncIterator[RoutedImageEvent]:
        if self._made >= self._request.count:
            return
        checked, notices = await normalise(picture, self._request, self._limits)
        for notice in notices:
            yield notice
        index, self._made = self._made, self._made + 1
        yield CheckedPicture(index, checked.data, checked.mime, checked.width, checked.height, checked.seed)

    async def _pause(self, pause: Pause) -> AsyncIterator[RoutedImageEvent]:
        if self._current is None:
            self._current = pause.deployment
            yield Started(pause.deployment, self._search.made + 1)
        yield Progress("waiting", eta=pause.seconds)
        self._observer.waited(self._request.request_id, pause.deployment, pause.seconds)
        await asyncio.sleep(pause.seconds)

    def _fit(self, deployment: Deployment) -> tuple[tuple[int, int] | None, list[Notice]]:
        request, _ = without_unsupported(self._request, deployment.capabilities)
        return fit_size(request, deployment.capabilities)

    def _open(self, deployment: Deployment, lease: Lease, _: str) -> AsyncIterator[Any]:
        can = deployment.capabilities
        request, _notices = without_unsupported(self._request, can)
        count = min(self._request.count - self._made, can.max_count)
        size = self._fit(deployment)[0]
        # Calls after the first must not draw the same picture again.
        if request.seed is not None and self._made:
            request = msgspec.structs.replace(request, seed=request.seed + self._made)
        return deployment.provider.image(
            ImageCall(request, deployment.model, self._secrets.of(lease), count, self._made, size)
        )

    @staticmethod
    def _nothing(found: Found) -> UpstreamFailure:
        found.attempt.failure = UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider sent no picture", status=200)
        return found.attempt.failure

    def _account(self, found: Found) -> None:
        used = found.attempt.usage
        if used is not None:
            self._usage.append(UsageRecord(found.deployment.name, used))
        elif found.attempt.failure is None:
            self._usage.append(UsageRecord(found.deployment.name, Usage(images=1), estimated=True))

    def usage_so_far(self) -> list[UsageRecord]:
        """For requests that end early: what was used until then."""
        return self._usage
