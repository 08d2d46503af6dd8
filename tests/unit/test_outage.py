"""An outage with the default settings: how often the primary is asked while it is down."""

import pytest

from antiphon.config.model import Config
from inference_service.credentials.breaker import Breaker
from inference_service.credentials.types import BreakerSpec, Vote
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.routing import classify
from inference_service.routing.generation import chat_bounds


def attempts(seconds: float, requests: int) -> int:
    """Calls to the primary, each of which fails, while requests come evenly over an outage of so many seconds."""
    breaker = Config().routing.breaker
    primary = Breaker(BreakerSpec(breaker.failures, breaker.window, breaker.probe_interval, breaker.bench))
    verdict = classify.verdict(UpstreamFailure(FailureKind.UNAVAILABLE))
    calls = 0
    for number in range(requests):
        now = number * seconds / requests
        if primary.admit(f"lease-{number}", now, 60.0) is True:
            calls += 1
            primary.vote(f"lease-{number}", verdict.vote, verdict.reason, now)
    return calls


def test_an_outage_of_a_minute_with_twenty_requests_costs_the_primary_at_most_four_attempts() -> None:
    assert attempts(60, 20) <= 4


@pytest.mark.parametrize("requests", [20, 200, 2_000])
def test_more_requests_do_not_cost_the_primary_more(requests: int) -> None:
    assert attempts(60, requests) <= 4


def test_it_is_back_with_the_first_probe_that_succeeds() -> None:
    primary = Breaker(BreakerSpec())
    for number in range(2):
        primary.vote(str(number), Vote.BAD, "unavailable", 0.0)
    assert primary.admit("early", 19.9, 60.0) is not True
    assert primary.admit("probe", 20.0, 60.0) is True
    primary.vote("probe", Vote.GOOD, "", 20.1)
    assert primary.admit("next", 20.2, 60.0) is True


def test_silence_moves_a_request_on_within_the_time_that_the_defaults_promise() -> None:
    """No response, no first token and a stall are each noticed within 10 seconds."""
    bounds = chat_bounds(Config().routing.timeouts)
    assert (bounds.headers, bounds.first, bounds.idle) == (8, 10, 10)
    assert bounds.fixed == frozenset()
