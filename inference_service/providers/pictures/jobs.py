"""Hosts that accept a job for a picture and are polled until it is done.

The URL to poll comes from the host's answer; only its path is used, on the host that accepted the job, so that a
credential never follows an answer to another host.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from enum import Enum, auto
from typing import Any, Protocol

from msgspec import Struct

from inference_service.domain import Progress
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.pictures.results import decode

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 3.0
MOST_MISSED = 3  # consecutive polls that may fail while a job runs
LARGEST_STATE = 96 * 1024 * 1024
PASSING = frozenset(
    {
        FailureKind.CONNECTION_RESET, FailureKind.OVERLOADED, FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR,
        FailureKind.STREAM_CUT, FailureKind.TIMEOUT, FailureKind.UNAVAILABLE, FailureKind.UNREACHABLE,
    }
)  # fmt: skip


class Stage(Enum):
    WAITING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


class Job(Struct, frozen=True):
    """`path` and `result` come from the first answer, `stage` from any.

    path: where to poll; None if the first answer is already the last.
    result: where the pictures are when the job is done; None: in the last answer.
    base: the host to poll if it is not the one that accepted the job.
    """

    path: Callable[[Any], str | None]
    stage: Callable[[Any], Stage]
    result: Callable[[Any], str | None] = lambda _: None
    base: str = ""


class Host(Protocol):
    """What drawing needs from a provider."""

    http: HttpClient

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure: ...


async def wait(
    host: Host, job: Job, root: str, headers: Mapping[str, str], answer: Any
) -> AsyncGenerator[Progress | tuple[Any], None]:
    """Progress while the job waits and runs, then the last answer in a tuple. Raises UpstreamFailure.

    root: scheme, host and prefix of the job's path.
    """
    path, result, pause, missed = job.path(answer), job.result(answer), FIRST_PAUSE, 0
    while path is not None and (stage := job.stage(answer)) is not Stage.DONE:
        if stage is Stage.FAILED:
            break
        yield Progress("queued" if stage is Stage.WAITING else "generating")
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
        try:
            answer, missed = await ask(host, root + path, headers), 0
        except UpstreamFailure as failure:
            missed += 1
            if failure.kind not in PASSING or missed >= MOST_MISSED:
                raise
    match job.stage(answer):
        case Stage.FAILED:
            raise failed(answer)
        case Stage.WAITING | Stage.RUNNING:  # and no URL to poll
            raise UpstreamFailure(FailureKind.TIMEOUT, "the provider did not finish the picture in time", status=200)
    yield (answer if result is None else await ask(host, root + result, headers),)


async def ask(host: Host, url: str, headers: Mapping[str, str]) -> Any:
    """Raises UpstreamFailure."""
    async with host.http.request("GET", url, headers=headers) as response:
        if response.status not in (200, 202):
            raise host.failure(response.status, response.headers, await read_error(response))
        return decode(await read(response, LARGEST_STATE) or b"{}")


def failed(answer: Any) -> UpstreamFailure:
    """A job that ended without a picture, in the host's own words if it has any."""
    places = (answer, answer.get("data")) if isinstance(answer, dict) else ()
    reported = next((place["error"] for place in places if isinstance(place, dict) and place.get("error")), None)
    if reported:
        failure = errors.in_stream(reported, began=False)
        if failure.kind is not FailureKind.STREAM_ERROR:
            return failure
    return errors.failure(FailureKind.SERVER_ERROR, status=200)
