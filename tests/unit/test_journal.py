"""What a request used, call by call, whatever its end."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.domain import AttemptRecord, Cost, Usage, UsageRecord
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.catalogue.prices import Price
from inference_service.routing.journal import MOST_FAILED, Entry, Journal, cost, estimate

K = FailureKind


def begun(*deployments: str, prompt: int = 100) -> tuple[Journal, list[Entry]]:
    journal = Journal(arrived=10.0, prompt_tokens=prompt)
    return journal, [journal.begin(name, f"key of {name}", 11.0) for name in deployments]


def test_calls_are_numbered_from_one_in_their_order() -> None:
    journal = Journal(arrived=10.0)
    assert journal.calls == 0
    first = journal.begin("a", "key…1", 11.0)
    second = journal.begin("b", "key…2", 12.0, hedge=True)
    assert first == Entry("a", "key…1", 1, 11.0)
    assert second == Entry("b", "key…2", 2, 12.0, hedge=True)
    assert journal.entries == [first, second]
    assert journal.calls == 2


# --- usage ---------------------------------------------------------------------------------------


def test_the_usage_that_the_provider_reports_is_what_counts() -> None:
    journal, (entry,) = begun("a")
    entry.answered, entry.characters, entry.finished = True, 400, True
    entry.usage = Usage(7, 5, 3)
    assert journal.usage() == [UsageRecord("a", Usage(7, 5, 3))]


def test_without_a_report_what_the_provider_sent_is_estimated_and_marked() -> None:
    journal, (entry,) = begun("a")
    entry.answered, entry.characters, entry.sample = True, 400, "plain words"
    assert journal.usage() == [UsageRecord("a", Usage(100, 100), estimated=True)]


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "cancelled"])
def test_a_cancelled_call_counts_what_left_the_provider(finished: bool) -> None:
    journal, (entry,) = begun("a")
    entry.answered, entry.characters, entry.sample, entry.finished = True, 40, "plain", finished
    (record,) = journal.usage()
    assert (record.usage.prompt_tokens, record.usage.completion_tokens) == (100, 10)


def test_an_accepted_call_that_said_nothing_yet_has_read_its_prompt() -> None:
    journal, (entry,) = begun("a")
    entry.answered = True
    assert journal.usage() == [UsageRecord("a", Usage(100, 0), estimated=True)]


def test_a_call_that_was_never_answered_used_nothing() -> None:
    journal, _ = begun("a")
    assert journal.usage() == []


def test_a_refused_call_used_nothing() -> None:
    journal, (entry,) = begun("a")
    entry.answered = True
    journal.fail(entry, UpstreamFailure(K.RATE_LIMITED), 12.0)
    assert journal.usage() == []


def test_a_call_that_failed_in_the_middle_counts_what_it_had_said() -> None:
    journal, (entry,) = begun("a")
    entry.answered, entry.characters, entry.sample = True, 8, "words"
    journal.fail(entry, UpstreamFailure(K.STREAM_CUT), 12.0)
    assert journal.usage() == [UsageRecord("a", Usage(100, 2), estimated=True)]


def test_pictures_count_also_where_a_later_one_failed() -> None:
    journal, (entry,) = begun("a", prompt=0)
    entry.pictures = 2
    journal.fail(entry, UpstreamFailure(K.BAD_IMAGE), 12.0)
    assert journal.usage() == [UsageRecord("a", Usage(0, 0, 0, 2), estimated=True)]


@pytest.mark.parametrize(("reported", "seen", "counted"), [(0, 2, 2), (1, 2, 2), (2, 2, 2), (4, 2, 4)])
def test_pictures_that_arrived_are_never_fewer_than_reported(reported: int, seen: int, counted: int) -> None:
    journal, (entry,) = begun("a")
    entry.pictures, entry.usage = seen, Usage(1, 2, 3, reported)
    assert journal.usage() == [UsageRecord("a", Usage(1, 2, 3, counted))]


def test_every_call_has_its_own_record_and_what_is_not_in_the_answer_is_marked() -> None:
    journal, (first, second, third) = begun("a", "b", "c")
    first.usage = Usage(1, 1)
    second.characters, second.sample = 4, "word"
    third.usage = Usage(3, 3)
    journal.restart(third)
    assert journal.usage() == [
        UsageRecord("a", Usage(1, 1), discarded=True),
        UsageRecord("b", Usage(100, 1), estimated=True, discarded=True),
        UsageRecord("c", Usage(3, 3)),
    ]
    last = journal.begin("d", "key", 13.0)
    journal.restart(last)
    assert [entry.discarded for entry in journal.entries] == [True, True, True, False]
    journal.restart(first)
    assert first.discarded  # what was thrown away stays so


@given(st.lists(st.tuples(st.integers(1, 10_000), st.booleans(), st.booleans()), max_size=10))
def test_usage_is_what_left_the_providers_whatever_the_ends(calls: list[tuple[int, bool, bool]]) -> None:
    journal = Journal(arrived=0.0, prompt_tokens=5)
    for characters, fails, finished in calls:
        entry = journal.begin("a", "key", 1.0)
        entry.characters, entry.finished = characters, finished
        if fails:
            journal.fail(entry, UpstreamFailure(K.STALLED), 2.0)
    used = [record.usage for record in journal.usage()]
    assert [usage.completion_tokens for usage in used] == [max(1, round(count / 4)) for count, _, _ in calls]
    assert all(usage.prompt_tokens == 5 for usage in used)


# --- failures and ends ---------------------------------------------------------------------------


def test_a_failed_call_is_recorded_with_its_duration_and_status() -> None:
    journal, (entry,) = begun("a")
    failure = UpstreamFailure(K.SERVER_ERROR, status=502)
    journal.fail(entry, failure, 13.5)
    assert journal.failed == [AttemptRecord("a", "server_error", 502, 2.5)]
    assert entry.failure is failure


def test_the_first_failure_of_a_call_stays() -> None:
    journal, (entry,) = begun("a")
    journal.fail(entry, UpstreamFailure(K.STALLED), 12.0)
    journal.fail(entry, UpstreamFailure(K.CONNECTION_RESET), 13.0)
    assert [record.failure for record in journal.failed] == ["stalled"]
    assert entry.ending() == "stalled"


def test_the_list_of_failures_is_bounded() -> None:
    journal = Journal(arrived=0.0)
    for number in range(100):
        journal.fail(journal.begin(f"d{number}", "key", 0.0), UpstreamFailure(K.TIMEOUT), 1.0)
    assert [record.deployment for record in journal.failed] == [f"d{number}" for number in range(64)]
    assert MOST_FAILED == 64
    assert journal.calls == 100


def test_a_call_has_one_ending() -> None:
    _, (entry,) = begun("a")
    assert entry.ending() == "cancelled"
    entry.discarded = True
    assert entry.ending() == "lost"
    entry.finished = True
    assert entry.ending() is None
    entry.failure = UpstreamFailure(K.TIMEOUT)
    assert entry.ending() == "timeout"


def test_the_first_content_is_counted_from_the_start_of_the_call() -> None:
    _, (entry,) = begun("a")
    assert entry.first_content_after() is None
    entry.first_content = 11.25
    assert entry.first_content_after() == 0.25


def test_the_first_token_is_counted_from_the_arrival_of_the_request_and_only_once() -> None:
    journal, _ = begun("a")
    assert journal.first_token is None
    journal.delivers(12.5)
    journal.delivers(99.0)
    assert journal.first_token == 2.5


# --- what it cost --------------------------------------------------------------------------------

PRICE = Price(("*",), dt.date(2026, 5, 1), input=2.0, output=5.0, cached=1.0, picture=0.25, minute=6.0, currency="EUR")


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (Usage(100, 0), 200),
        (Usage(0, 100), 500),
        (Usage(100, 10), 250),
        (Usage(100, 10, cached_tokens=40), 210),
        (Usage(0, 0, images=2), 500_000),
        (Usage(0, 0, audio_seconds=30.0), 3_000_000),
    ],
)
def test_the_cost_of_a_call_follows_the_price_of_its_model(usage: Usage, micros: int) -> None:
    assert cost(PRICE, usage) == Cost(micros, "EUR", "2026-05-01")
    journal, (entry,) = begun("a")
    entry.price, entry.usage = PRICE, usage
    assert [record.cost for record in journal.usage()] == [Cost(micros, "EUR", "2026-05-01")]


def test_an_estimated_call_has_an_estimated_cost() -> None:
    journal, (entry,) = begun("a")
    entry.price, entry.characters, entry.sample = PRICE, 400, "plain words"
    assert [record.cost for record in journal.usage()] == [Cost(100 * 2 + 100 * 5, "EUR", "2026-05-01")]


def test_without_a_price_no_cost_is_known() -> None:
    assert cost(None, Usage(100, 10)) is None
    journal, (entry,) = begun("a")
    entry.usage = Usage(100, 10)
    assert [record.cost for record in journal.usage()] == [None]


# --- estimates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("characters", "sample", "tokens"),
    [
        (0, "", 0),
        (0, "words", 0),
        (1, "a", 1),
        (400, "", 100),
        (400, "plain English", 100),
        (400, "déjà vu, où, ß", 100),  # Latin with marks
        (400, "ɏ", 100),  # U+024F, the last of Latin
        (400, "ɐ", 200),  # U+0250
        (400, "по-русски", 180),  # one hyphen among nine
        (400, "日本語", 200),
        (400, "ab日本", 133),  # half and half
        (6, "words", 2),
    ],
)
def test_tokens_are_estimated_by_the_script(characters: int, sample: str, tokens: int) -> None:
    assert estimate(characters, sample) == tokens
