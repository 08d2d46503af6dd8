"""What routing may rely on, whatever an adapter yields or raises."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.domain import (
    Capabilities,
    Delta,
    Finish,
    FinishReason,
    Notice,
    NoticeKind,
    Picture,
    Preview,
    Progress,
    Reasoning,
    Retract,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import seam
from inference_service.providers.seam import LimitReport, ModelInfo, checked
from inference_service.quotas import LimitFact, Unit

NAN, INFINITY = float("nan"), float("inf")


async def adapter(*events: Any) -> AsyncIterator[Any]:
    for event in events:
        if isinstance(event, BaseException):
            raise event
        yield event


async def seen(*events: Any) -> list[Any]:
    return [event async for event in checked(adapter(*events))]


GOOD = [
    Delta("a"),
    Reasoning("b"),
    Retract(),
    Usage(1, 2, 3, 4),
    Progress("painting", 0.5, 3, 1.5),
    Progress("waiting"),
    Notice(NoticeKind.INFO, "seed", "text"),
    Preview(0, "image/png", b"x"),
    Picture(0, b"x", 2**64 - 1),
    Finish(FinishReason.LENGTH),
    LimitReport(),
    LimitReport((LimitFact(Unit.REQUESTS, remaining=3, resets_after=1.5),)),
]


async def test_events_as_they_should_be_pass_unchanged() -> None:
    assert await seen(*GOOD) == GOOD


MENDED: list[tuple[Any, Any]] = [
    (Delta(""), None),
    (Reasoning(""), None),
    (Usage(-1, 2), None),
    (Usage(2**64 - 1, 2), None),
    (Usage(1, NAN), None),  # type: ignore[arg-type]
    (Usage(1, "7"), None),  # type: ignore[arg-type]
    (Usage(True, 2), None),
    (Usage(1, 2, None), None),  # type: ignore[arg-type]
    (Usage(1.0, 2.0), Usage(1, 2)),  # type: ignore[arg-type]
    (Progress("x" * 200), Progress("x" * 80)),
    (Progress(None), Progress("working")),  # type: ignore[arg-type]
    (Progress("x", 7.0), Progress("x", 1.0)),
    (Progress("x", -7.0), Progress("x", 0.0)),
    (Progress("x", NAN), Progress("x")),
    (Progress("x", "half"), Progress("x")),  # type: ignore[arg-type]
    (Progress("x", None, 0), Progress("x")),
    (Progress("x", None, -4), Progress("x")),
    (Progress("x", None, 2**40), Progress("x")),
    (Progress("x", None, "second"), Progress("x")),  # type: ignore[arg-type]
    (Progress("x", None, None, "soon"), Progress("x")),  # type: ignore[arg-type]
    (Progress("x", None, None, INFINITY), Progress("x")),
    (Progress("x", None, None, -1.0), Progress("x")),
    (Progress("x", None, None, 10**400), Progress("x")),
    (Notice(NoticeKind.INFO, "seed", None), None),  # type: ignore[arg-type]
    (Notice("shout", "seed", "text"), None),  # type: ignore[arg-type]
    (Preview(0, "image/png", b""), None),
    (Preview(0, "image/png", "x"), None),  # type: ignore[arg-type]
    (Preview(-1, "image/png", b"x"), None),
    (Preview(0, None, b"x"), None),  # type: ignore[arg-type]
    (Picture(0, b"x", 2**64), Picture(0, b"x")),
    (Picture(0, b"x", -1), Picture(0, b"x")),
    (Picture(0, b"x", "7"), Picture(0, b"x")),  # type: ignore[arg-type]
    (LimitReport((LimitFact(Unit.REQUESTS, remaining=-1),)), LimitReport()),
    (LimitReport((LimitFact(Unit.REQUESTS, resets_after=NAN),)), LimitReport()),
    (LimitReport(("x",)), LimitReport()),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("odd", "good"), MENDED)
async def test_implausible_values_are_dropped(odd: Any, good: Any) -> None:
    assert await seen(odd, Delta("a")) == [*([] if good is None else [good]), Delta("a")]


@pytest.mark.parametrize(
    "odd",
    [None, "text", 7, {}, object(), Delta(None), Delta(b"x"), Reasoning(3), Finish("stop!"), Finish(None), Picture(0, b""), Picture(0, None), Picture("first", b"x")],  # type: ignore[arg-type]
)  # fmt: skip
async def test_an_event_beyond_repair_is_a_bad_response(odd: Any) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await seen(Delta("a"), odd)
    assert caught.value.kind is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize(
    "error",
    [ValueError("a secret"), KeyError("x"), TypeError(), RecursionError(), UnicodeDecodeError("utf-8", b"x", 0, 1, "y"), MemoryError(), AssertionError(), TimeoutError(), StopAsyncIteration()],
)  # fmt: skip
async def test_whatever_an_adapter_stumbles_over_is_a_bad_response_and_leaks_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await seen(Delta("a"), error)
    assert caught.value.kind is FailureKind.BAD_RESPONSE
    assert "secret" not in caught.value.message
    assert "secret" not in caplog.text


async def test_a_failure_keeps_its_class_and_a_cancellation_is_none() -> None:
    failure = UpstreamFailure(FailureKind.OVERLOADED, "busy", status=503)
    with pytest.raises(UpstreamFailure) as caught:
        await seen(failure)
    assert caught.value is failure
    with pytest.raises(asyncio.CancelledError):
        await seen(asyncio.CancelledError())


async def test_an_adapter_is_closed_at_every_end_before_anyone_goes_on() -> None:
    closed = []

    async def held(*events: Any) -> AsyncIterator[Any]:
        try:
            async for event in adapter(*events):
                yield event
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async with contextlib.aclosing(checked(held(Delta("a"), Delta("b")))) as events:
        assert await anext(events) == Delta("a")
    assert closed == [True]
    for end in (Delta("a"), None, ValueError()):
        with contextlib.suppress(UpstreamFailure):
            await anext(checked(held(end))) if end is None else [one async for one in checked(held(end))]
    assert closed == [True] * 4


async def test_an_adapter_that_fails_while_it_is_closed_does_no_harm() -> None:
    async def clumsy() -> AsyncIterator[Any]:
        try:
            yield Delta("a")
        finally:
            raise ValueError("x")

    async with contextlib.aclosing(checked(clumsy())) as events:
        assert await anext(events) == Delta("a")


class Line:
    """A socket, as the HTTP kit tells it."""

    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    async def closed(self) -> None: ...


async def test_a_farewell_keeps_its_sockets_when_its_call_ends() -> None:
    lines, sent = [Line(), Line()], asyncio.Event()

    async def cancel_order() -> None:
        seam.opened(lines[1])
        sent.set()

    async def ordering() -> AsyncIterator[Any]:
        seam.opened(lines[0])
        try:
            yield Delta("a")
        finally:
            tasks.append(seam.farewell(cancel_order(), "cancel"))
            await sent.wait()

    tasks: list[asyncio.Task[None]] = []
    async with contextlib.aclosing(checked(ordering())) as events:
        await anext(events)
    await asyncio.gather(*tasks)
    assert [line.aborted for line in lines] == [True, False]


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)


@given(st.sampled_from([Delta, Reasoning, Usage, Progress, Notice, Finish, Preview, Picture]), st.lists(VALUES, min_size=4, max_size=4))  # fmt: skip
def test_any_values_in_any_event_are_good_events_or_a_failure(kind: Any, drawn: list[Any]) -> None:
    event = kind(*drawn[: len(kind.__struct_fields__)])
    with contextlib.suppress(UpstreamFailure):
        for good in asyncio.run(seen(event)):
            assert asyncio.run(seen(good)) == [good]


class Listed:
    def __init__(self, found: Any) -> None:
        self._found = found

    async def models(self, secret: str | None) -> Any:
        if isinstance(self._found, BaseException):
            raise self._found
        return self._found


CHAT = Capabilities(chat=True, context_tokens=8_000)


async def test_an_odd_item_of_a_model_list_costs_itself_only() -> None:
    good = ModelInfo("m", CHAT)
    odd = [None, "m", ModelInfo("", CHAT), ModelInfo("x" * 300, CHAT), ModelInfo(7, CHAT), ModelInfo("m", None)]  # type: ignore[arg-type]
    unknown = [
        ModelInfo("m", Capabilities(chat=True, context_tokens=value))  # type: ignore[arg-type]
        for value in ("32k", None, [], -1, NAN, 2**80, {})
    ]
    found = await seam.models(Listed([*odd, *unknown, good]), None)  # type: ignore[arg-type]
    assert found == [*[ModelInfo("m", Capabilities(chat=True))] * len(unknown), good]


@pytest.mark.parametrize("failure", [None, 7, TypeError(), KeyError("x")])
async def test_a_model_list_that_cannot_be_read_is_a_bad_response(failure: Any) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await seam.models(Listed(failure), None)  # type: ignore[arg-type]
    assert caught.value.kind is FailureKind.BAD_RESPONSE
