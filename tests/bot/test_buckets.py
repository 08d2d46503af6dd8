"""The bucket in place of the library's: nobody sleeps after an answer, nobody overdraws, nobody waits twice."""

import asyncio
from types import SimpleNamespace
from typing import Any

import discord.http
import pytest
from discord import RateLimited

from discord_bot.rendering.buckets import Bucket, use_own_buckets
from tests.fakes.discord.ratelimit import Rule, Window


class Time:
    """The part of an event loop that a bucket uses, with a clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Any]] = []

    def time(self) -> float:
        return self.now

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def call_at(self, when: float, callback: Any) -> object:
        self.timers.append((when, callback))
        return object()

    def turn_to(self, now: float) -> None:
        self.now = now
        due = [timer for timer in self.timers if timer[0] <= now]
        self.timers = [timer for timer in self.timers if timer[0] > now]
        for _, callback in due:
            callback()


def bucket_of(time: Time, longest: float | None = None) -> Bucket:
    bucket = Bucket(longest)
    bucket._loop = time  # type: ignore[assignment]
    return bucket


def told(limit: int, remaining: int, reset_after: float) -> Any:
    headers = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset-After": reset_after}
    return SimpleNamespace(headers={name: str(value) for name, value in headers.items()})


async def started(bucket: Bucket) -> asyncio.Task[None]:
    """A request that has gone out, or waits to."""
    task = asyncio.create_task(bucket.acquire())
    await asyncio.wait({task}, timeout=0)
    return task


async def answered(bucket: Bucket, response: Any) -> None:
    bucket.update(response)
    await bucket.__aexit__(None, None, None)


async def test_the_first_request_goes_alone_and_what_it_learns_lets_the_others_go() -> None:
    bucket = bucket_of(Time())
    first, *others = [await started(bucket) for _ in range(6)]
    assert first.done()
    assert not any(other.done() for other in others)
    await answered(bucket, told(5, 4, 5.0))
    await asyncio.wait(others, timeout=0)
    assert [other.done() for other in others] == [True] * 4 + [False]
    others[-1].cancel()


async def test_the_request_that_takes_the_last_place_returns_at_once_and_the_next_goes_when_the_window_is_over() -> (
    None
):
    time = Time()
    bucket = bucket_of(time)
    await bucket.acquire()
    await answered(bucket, told(1, 0, 5.0))  # returns: the clock has not moved
    waiting = [await started(bucket) for _ in range(2)]
    assert not any(one.done() for one in waiting)
    time.turn_to(105.0)
    await asyncio.wait(waiting, timeout=0)
    assert [one.done() for one in waiting] == [True, False]
    await answered(bucket, told(1, 0, 5.0))
    time.turn_to(110.0)
    await waiting[1]


async def test_an_older_answer_gives_nothing_back() -> None:
    bucket = bucket_of(Time())
    await bucket.acquire()
    await answered(bucket, told(5, 4, 5.0))
    for _ in range(3):
        await bucket.acquire()
    await answered(bucket, told(5, 1, 5.0))
    await answered(bucket, told(5, 3, 5.4))
    assert bucket.remaining == 1


async def test_an_answer_about_a_window_that_is_over_changes_nothing() -> None:
    bucket = bucket_of(Time())
    await bucket.acquire()
    await answered(bucket, told(5, 4, 5.0))
    await bucket.acquire()
    await answered(bucket, told(5, 0, 0.1))
    assert bucket.remaining == 3
    assert bucket.expires == 105.0


async def test_a_request_under_way_when_a_window_ends_counts_in_the_next() -> None:
    time = Time()
    bucket = bucket_of(time)
    await bucket.acquire()
    await answered(bucket, told(2, 1, 5.0))
    await bucket.acquire()
    time.turn_to(106.0)
    await bucket.acquire()
    assert bucket.remaining == 0


async def test_a_waiter_that_gives_up_leaves_the_slot_to_the_next() -> None:
    time = Time()
    bucket = bucket_of(time)
    await bucket.acquire()
    await answered(bucket, told(1, 0, 5.0))
    first, second = await started(bucket), await started(bucket)
    time.turn_to(105.0)  # the first one's turn has come, and it goes away before it learns of it
    first.cancel()
    await asyncio.wait({first}, timeout=1)
    await asyncio.wait({second}, timeout=0)
    assert second.done()
    assert bucket.outgoing == 1


async def test_a_wait_that_is_too_long_is_refused() -> None:
    bucket = bucket_of(Time(), longest=60.0)
    await bucket.acquire()
    await answered(bucket, told(1, 0, 600.0))
    with pytest.raises(RateLimited):
        await bucket.acquire()


async def test_an_answer_without_a_word_about_limits_frees_the_place() -> None:
    bucket = bucket_of(Time())
    await bucket.acquire()
    await bucket.__aexit__(None, None, None)
    await bucket.acquire()


@pytest.mark.parametrize("rule", [Rule(5, 5.0), Rule(1, 0.25), Rule(3, 2.0)])
async def test_however_many_wait_each_goes_in_its_window_and_none_is_refused(rule: Rule) -> None:
    time = Time()
    bucket, window = bucket_of(time), Window(rule)
    waiting = [await started(bucket) for _ in range(12)]
    gone = 0
    while gone < len(waiting):
        await asyncio.wait(waiting, timeout=0)
        for _ in range(sum(one.done() for one in waiting) - gone):
            allowed, remaining, reset_after = window.take(time.now)
            assert allowed
            gone += 1
            await answered(bucket, told(rule.limit, remaining, reset_after))
        time.turn_to(time.now + rule.window / 10)
    assert time.now <= 100.0 + rule.window * (12 / rule.limit + 1)


# --- the rules one by one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remaining", "reset_after", "left", "ends"),
    [
        (0, 5.0, 0, 105.0),  # of two numbers about one window the lower one
        (9, 5.0, 4, 105.0),
        (2, 5.5, 2, 105.5),  # and of two ends the later one
        (2, 4.75, 2, 105.0),
        (2, 4.7, 4, 105.0),  # an answer about the window before
        (2, 60.0, 2, 160.0),
    ],
)
async def test_a_second_answer_about_a_window_only_ever_takes(
    remaining: int, reset_after: float, left: int, ends: float
) -> None:
    bucket = bucket_of(Time())
    await bucket.acquire()
    await answered(bucket, told(5, 4, 5.0))
    bucket.update(told(5, remaining, reset_after))
    assert (bucket.remaining, bucket.expires) == (left, ends)


async def test_an_answer_without_numbers_is_of_a_window_of_one_request_that_is_over() -> None:
    bucket = bucket_of(Time())
    await bucket.acquire()
    bucket.update(SimpleNamespace(headers={}))  # type: ignore[arg-type]
    assert (bucket.limit, bucket.remaining, bucket.reset_after, bucket.expires) == (1, 0, 0.0, 100.0)


@pytest.mark.parametrize(("ends", "refused"), [(5.0, False), (60.0, False), (60.1, True)])
async def test_only_a_wait_beyond_the_bound_is_refused(ends: float, refused: bool) -> None:
    time = Time()
    bucket = bucket_of(time, longest=60.0)
    await bucket.acquire()
    await answered(bucket, told(1, 0, ends))
    waiting = await started(bucket)
    assert waiting.done() is refused
    if refused:
        assert isinstance(waiting.exception(), RateLimited)
    else:
        time.turn_to(100.0 + ends)
        await waiting


async def test_a_waiter_that_leaves_before_its_turn_gives_nothing_back_and_is_cancelled() -> None:
    bucket = bucket_of(Time())
    await bucket.acquire()
    waiting = await started(bucket)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=1)
    assert waiting.cancelled()
    assert (bucket.outgoing, bucket.remaining) == (1, 0)


async def test_a_place_that_is_given_back_is_one_place() -> None:
    time = Time()
    bucket = bucket_of(time)
    await bucket.acquire()
    await answered(bucket, told(1, 0, 5.0))
    waiting = await started(bucket)
    time.turn_to(105.0)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=1)
    assert (bucket.outgoing, bucket.remaining) == (0, 1)


async def test_a_request_that_ends_without_an_answer_leaves_what_the_others_have_taken() -> None:
    time = Time()
    bucket = bucket_of(time)
    await bucket.acquire()
    await answered(bucket, told(5, 4, 5.0))
    time.turn_to(106.0)
    for _ in range(3):
        await bucket.acquire()
    await bucket.__aexit__(None, None, None)
    assert (bucket.outgoing, bucket.remaining, bucket.reset_after) == (2, 3, 0.0)


async def test_a_window_that_turns_out_longer_is_waited_for_to_its_end() -> None:
    time = Time()
    bucket = bucket_of(time)
    await bucket.acquire()
    bucket.update(told(1, 0, 5.0))
    waiting = await started(bucket)
    await bucket.__aexit__(None, None, None)
    bucket.update(told(1, 0, 5.5))
    time.turn_to(105.0)
    await asyncio.wait({waiting}, timeout=0)
    assert not waiting.done()
    time.turn_to(105.5)
    await waiting


async def test_a_bucket_that_was_used_lately_is_kept() -> None:
    time = Time()
    bucket = bucket_of(time)
    time.now = 1_000.0
    await bucket.acquire()
    await answered(bucket, told(1, 0, 5.0))
    time.now = 1_200.0
    assert not bucket.is_inactive()
    time.now = 1_301.0
    assert bucket.is_inactive()


def test_the_library_makes_these_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http, "Ratelimit", object)
    use_own_buckets()
    assert discord.http.Ratelimit is Bucket
