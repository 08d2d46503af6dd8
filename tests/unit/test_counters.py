"""What callers may use: requests of any sixty seconds, tokens of a day, in memory and in Redis, and what is left of them."""

from typing import Any

import pytest

from antiphon.config.model import State
from inference_service.api.limits import NAMES, duration, tell
from inference_service.usage.counters import Allowance, Counters, Room, Spent
from inference_service.usage.shared import SharedUsage
from tests.support.redis import redis_server

BOTH = Allowance(2, 10)


def test_requests_are_counted_within_any_sixty_seconds() -> None:
    counters = Counters()
    assert counters.left("a", BOTH, 0.0) == (Room("requests", 2, 0, 0.0), Room("tokens", 10, 0, 0.0))
    assert counters.take("a", BOTH, 0.0) is None
    assert counters.take("a", BOTH, 20.0) is None
    assert counters.left("a", BOTH, 30.0)[0] == Room("requests", 2, 2, 50.0)
    assert counters.take("a", BOTH, 30.0) == Spent("requests", 30.0)
    assert counters.take("b", BOTH, 30.0) is None
    assert counters.left("a", BOTH, 60.0)[0] == Room("requests", 2, 1, 20.0)
    assert counters.take("a", BOTH, 60.0) is None


def test_tokens_are_counted_within_a_day_that_begins_with_the_first_of_them() -> None:
    counters = Counters()
    counters.spend("a", 4, 100.0)
    counters.spend("a", 5, 200.0)
    assert counters.left("a", BOTH, 300.0)[1] == Room("tokens", 10, 9, 86_400.0 - 200.0)
    assert counters.take("a", BOTH, 300.0) is None
    counters.spend("a", 3, 300.0)
    left = counters.left("a", BOTH, 400.0)[1]
    assert (left.used, left.remaining) == (12, 0)
    assert counters.take("a", BOTH, 400.0) == Spent("tokens", 86_400.0 - 300.0)
    assert counters.left("a", BOTH, 86_500.0)[1] == Room("tokens", 10, 0, 0.0)
    assert counters.take("a", BOTH, 86_500.0) is None


def test_only_existing_limits_are_reported() -> None:
    assert Counters().left("a", Allowance(0, 0), 0.0) == ()
    assert [room.what for room in Counters().left("a", Allowance(0, 7), 0.0)] == ["tokens"]


async def test_redis_counts_as_memory_does() -> None:
    async with redis_server() as redis:
        usage = SharedUsage(redis.url, State(timeout=5))
        try:
            first = await usage.take("a", BOTH)
            assert first is not None
            assert (first[0], [(room.what, room.used) for room in first[1]]) == (None, [("requests", 1), ("tokens", 0)])
            assert await usage.spend("a", 4)
            second, third = await usage.take("a", BOTH), await usage.take("a", BOTH)
            assert second is not None
            assert third is not None
            requests, tokens = second[1]
            assert (second[0], requests.remaining, tokens.used) == (None, 0, 4)
            assert 0 < requests.resets_after <= 60
            assert 0 < tokens.resets_after <= 86_400
            assert third[0] is not None
            assert (third[0].what, third[1][0].remaining) == ("requests", 0)
            assert 0 < third[0].retry_after <= 60
            assert await usage.spend("b", 10)
            spent = await usage.take("b", Allowance(0, 10))
            assert spent is not None
            assert spent[0] is not None
            assert (spent[0].what, spent[1]) == ("tokens", (Room("tokens", 10, 10, spent[1][0].resets_after),))
        finally:
            await usage.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.12, "120ms"), (1, "1s"), (59.4, "59s"), (60, "1m0s"), (366, "6m6s"), (86_400, "24h0m0s")],
)
def test_a_duration_is_written_as_openai_writes_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_headers_have_the_names_that_clients_read() -> None:
    class Call:
        trailing: tuple[Any, ...] = (("x-antiphon-request-id", "r"),)

        def trailing_metadata(self) -> Any:
            return self.trailing

        def set_trailing_metadata(self, trailing_metadata: Any) -> None:
            self.trailing = trailing_metadata

    call: Any = Call()
    tell(call, (Room("requests", 60, 1, 6.0), Room("tokens", 1_000, 1_500, 0.5)))
    assert [name for name, _ in call.trailing[1:]] == list(NAMES)
    assert dict(call.trailing)["x-ratelimit-remaining-tokens"] == "0"
    assert call.trailing[0] == ("x-antiphon-request-id", "r")
