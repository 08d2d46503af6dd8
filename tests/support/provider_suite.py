"""One suite for every kind of provider that speaks HTTP: odd values, random bytes, cuts, cancelling, sockets.

`check_provider(case)` runs all of it against a real socket. A case is what the kind sends when all is well; the suite makes
everything else from it.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.domain import (
    ChatRequest,
    Delta,
    Finish,
    ImageRequest,
    Message,
    Picture,
    Reasoning,
    Role,
    TextPart,
)
from inference_service.failures import UpstreamFailure
from inference_service.providers.events import CHECKS
from inference_service.providers.seam import ChatCall, ImageCall, LimitReport, ModelInfo, checked, models
from tests.support.raw_server import (
    CUT,
    HOLD,
    STREAM,
    RawServer,
    Step,
    answer,
    chunked,
    provider_of,
    raw_server,
    streamed,
)

ODD: list[Any] = [None, True, 0, -1, 2**64 - 1, 1.5, "", "32k", "x" * 300, [], ["x"], {}, {"x": 1}, [[]], [None]]
EVENTS = (Delta, Reasoning, *CHECKS, LimitReport)


class Case(Struct, frozen=True):
    """`words`: the events of a good chat stream that says `said`; None: it does not chat. `end`: closes the stream.

    picture: the JSON of a good answer with a picture; None: it does not draw. listed: the JSON of its model list.
    path: appended to the server's address. also: answers to other questions that a call asks first, by a part of the path.
    """

    kind: str
    model: str
    words: list[Any] | None = None
    said: str = ""
    end: bytes = b""
    picture: Any = None
    listed: Any = None
    path: str = ""
    options: dict[str, Any] = {}
    also: dict[bytes, Any] = {}


class Bench:
    """A provider of the case in front of a server that answers as told."""

    def __init__(self, case: Case, server: RawServer) -> None:
        self.case, self.server = case, server
        options = {key: value.replace("URL", server.url) if isinstance(value, str) else value for key, value in case.options.items()}  # fmt: skip
        self.provider = provider_of(case.kind, server.url + case.path, **options)

    def answer_with(self, *steps: Step) -> None:
        def choose(head: bytes) -> list[Step]:
            first = head.split(b"\r\n")[0]
            for part, value in self.case.also.items():
                if part in first:
                    return [answer(json.dumps(value).encode())]
            return list(steps)

        self.server.answers = choose

    def call(self) -> AsyncIterator[Any]:
        if self.case.words is not None:
            turns = (Message(Role.USER, (TextPart("hi"),)),)
            return checked(self.provider.chat(ChatCall(ChatRequest("r", "m", turns), self.case.model, "secret")))
        request = ImageRequest("r", "m", "a fox")
        return checked(self.provider.image(ImageCall(request, self.case.model, "secret")))

    async def outcome(self) -> list[Any] | UpstreamFailure:
        """The events of one call, or its failure; anything else is a fault of the provider."""
        try:
            async with contextlib.aclosing(self.call()) as events:  # type: ignore[type-var]
                received = [event async for event in events]
        except UpstreamFailure as failure:
            assert len(failure.message) <= 300
            return failure
        assert all(isinstance(event, EVENTS) for event in received)
        return received


@contextlib.asynccontextmanager
async def bench(case: Case) -> AsyncIterator[Bench]:
    async with raw_server() as server:
        bench_ = Bench(case, server)
        try:
            yield bench_
        finally:
            await bench_.provider.close()


def good(case: Case) -> list[Step]:
    if case.words is None:
        return [answer(json.dumps(case.picture).encode())]
    return streamed(*map(event, case.words), *([case.end] if case.end else []))


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def variants(value: Any) -> Iterator[Any]:
    """`value` with one field at a time missing or of another type."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {other: kept for other, kept in value.items() if other != key}
            for odd in ODD:
                yield {**value, key: odd}
            for changed in variants(inner):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            for odd in ODD:
                yield [*value[:at], odd, *value[at + 1 :]]
            for changed in variants(inner):
                yield [*value[:at], changed, *value[at + 1 :]]


async def check_provider(case: Case) -> None:
    await answers_well(case)
    await bears_odd_values(case)
    await bears_any_bytes(case)
    await bears_cuts(case)
    await closes_when_cancelled(case)
    await closes_in_the_middle(case)
    if case.listed is not None:
        await lists_models(case)


async def answers_well(case: Case) -> None:
    async with bench(case) as bench_:
        bench_.answer_with(*good(case))
        seen = await bench_.outcome()
        assert isinstance(seen, list), seen
        assert sum(isinstance(item, Finish) for item in seen) == 1
        if case.words is not None:
            assert "".join(item.text for item in seen if isinstance(item, Delta)) == case.said
        else:
            assert any(isinstance(item, Picture) and item.data for item in seen)


async def bears_odd_values(case: Case) -> None:
    """Each field of each event, one at a time; an answer that counts as whole is never without its words."""
    chance = random.Random(case.kind)
    odd: list[list[Step]] = []
    if case.words is not None:
        for at, item in enumerate(case.words):
            for changed in variants(item):
                events = [*case.words[:at], changed, *case.words[at + 1 :]]
                odd.append(good(msgspec.structs.replace(case, words=events)))
    else:
        odd = [[answer(json.dumps(changed).encode())] for changed in variants(case.picture)]
    async with bench(case) as bench_:
        for steps in chance.sample(odd, min(len(odd), 400)):
            bench_.answer_with(*steps)
            seen = await bench_.outcome()
            if isinstance(seen, list):
                assert any(isinstance(item, Delta | Picture) for item in seen)


async def bears_any_bytes(case: Case) -> None:
    chance = random.Random(case.kind)
    kinds = ["text/event-stream", "application/json", "text/html", "image/png"]
    whole = b"".join(event(value) for value in case.words or [case.picture])
    async with bench(case) as bench_:
        for _ in range(60):
            noise = chance.randbytes(chance.randrange(60))
            at = chance.randrange(len(whole))
            body = chance.choice([noise, whole[:at] + noise + whole[at:], whole[:at], whole[at:], noise + whole])
            bench_.answer_with(answer(body, kind=chance.choice(kinds)))
            await bench_.outcome()


async def bears_cuts(case: Case) -> None:
    """The connection ends after every few bytes of a good answer: a part is never taken for the whole."""
    head_and_body = b"".join(step for step in good(case) if isinstance(step, bytes))
    async with bench(case) as bench_:
        for at in range(0, len(head_and_body) - 1, max(1, len(head_and_body) // 60)):
            bench_.answer_with(head_and_body[:at], CUT)
            seen = await bench_.outcome()
            if isinstance(seen, list) and case.words is not None:
                assert "".join(item.text for item in seen if isinstance(item, Delta)) == case.said


async def closes_when_cancelled(case: Case) -> None:
    """At every wait: before, in and behind the head, and between the events."""
    body = [chunked(event(value)) for value in case.words[:-1]] if case.words is not None else []
    head = (
        STREAM
        if case.words is not None
        else b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    stops: list[list[Step]] = [
        [HOLD],
        [head[:20], HOLD],
        *([head, *body[:count], HOLD] for count in range(len(body) + 1)),
    ]
    for steps in stops:
        async with bench(case) as bench_:
            bench_.answer_with(*steps)
            bench_.server.arrived.clear()
            task = asyncio.create_task(bench_.outcome())
            await _asked(bench_)
            await asyncio.wait({task}, timeout=0.02)  # some way into the answer
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert not _held(bench_), steps


async def _asked(bench_: Bench) -> None:
    """The call itself has arrived, not only a question before it."""
    while not any(
        not any(part in head.split(b"\r\n")[0] for part in bench_.case.also) for head in bench_.server.requests
    ):
        await bench_.server.arrived.wait()
        bench_.server.arrived.clear()


def _held(bench_: Bench) -> list[Any]:
    """Connections that the client has taken from the pool and not given back."""
    session = bench_.provider.http._session
    return [item for item in session.connector._acquired if item.transport is not None] if session else []


async def closes_in_the_middle(case: Case) -> None:
    """The socket is closed before the generator's close returns."""
    if case.words is None:
        return
    async with bench(case) as bench_:
        bench_.answer_with(STREAM, *(chunked(event(value)) for value in case.words[:-1]), HOLD)
        events = bench_.call()
        while not isinstance(await anext(events), Delta):
            pass
        sockets = [item.transport.get_extra_info("socket") for item in _held(bench_)]
        await events.aclose()  # type: ignore[attr-defined]
        assert sockets
        assert all(item.fileno() == -1 for item in sockets)


async def lists_models(case: Case) -> None:
    """A list with an odd item still has the others; a list that is none is a failure of the provider."""

    async def ask(bench_: Bench, listed: Any) -> list[ModelInfo] | UpstreamFailure:
        bench_.server.answers = lambda _head: [answer(json.dumps(listed).encode())]
        try:
            return await models(bench_.provider, "secret")
        except UpstreamFailure as failure:
            return failure

    async with bench(case) as bench_:
        whole = await ask(bench_, case.listed)
        assert isinstance(whole, list)
        assert whole
        names = {info.name for info in whole}
        for odd in ODD:
            await ask(bench_, odd)
        for changed in variants(case.listed):
            await ask(bench_, changed)
        for changed in variants(_item(case.listed)):
            seen = await ask(bench_, _with(case.listed, changed))
            assert isinstance(seen, list), changed
            assert names <= {info.name for info in seen}, changed
        for extra in ODD:
            seen = await ask(bench_, _with(case.listed, extra))
            assert isinstance(seen, list), extra
            assert names <= {info.name for info in seen}, extra


def _item(listed: Any) -> Any:
    """The first item of the list."""
    if isinstance(listed, list):
        return listed[0]
    return next(value[0] for value in listed.values() if isinstance(value, list))


def _with(listed: Any, extra: Any) -> Any:
    """The list with one more item, which is odd."""
    if isinstance(listed, list):
        return [extra, *listed]
    return {key: [extra, *value] if isinstance(value, list) else value for key, value in listed.items()}


Check = Callable[[Case], Any]
