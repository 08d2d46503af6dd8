"""When silence or slowness of an upstream call becomes a failure. Moments are seconds; the call begins at 100."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.failures import FailureKind
from inference_service.routing.watch import CHECK_AGAIN, WORDS, Bounds, Silence, Watch

START = 100.0
BOUNDS = Bounds(headers=8.0, first=10.0, idle=6.0, total=100.0)
SLOW = Bounds(headers=8.0, first=10.0, idle=6.0, total=100.0, slowest=2.0, window=20.0)


def watch(bounds: Bounds = BOUNDS) -> Watch:
    started = Watch(bounds, START)
    started.waits(START)
    return started


def hears(
    listener: Watch, now: float, *, content: bool = False, life: bool = False, characters: int = 0, waits: bool = True
) -> None:
    listener.hears(now, content=content, life=life, characters=characters)
    if waits:
        listener.waits(now)


def passes(listener: Watch, moment: float, kind: FailureKind = FailureKind.TIMEOUT) -> None:
    """The bound passes at this moment, not before, and the next look is due then."""
    assert listener.next_look(START) == moment
    assert listener.silence(moment - 0.01) is None
    assert listener.silence(moment) == Silence(kind, WORDS[kind])


# --- three bounds on silence ---------------------------------------------------------------------


def test_without_headers_the_call_times_out() -> None:
    passes(watch(), START + 8)


def test_the_first_word_may_come_sooner_than_the_bound_on_headers_would_allow() -> None:
    passes(watch(Bounds(headers=120.0, first=10.0, idle=6.0, total=200.0)), START + 10)


def test_headers_give_no_extra_time_to_the_first_word() -> None:
    listener = watch()
    hears(listener, START + 7)
    passes(listener, START + 10)


def test_anything_that_is_neither_word_nor_life_gives_no_time() -> None:
    listener = watch()
    for second in range(1, 10):
        hears(listener, START + second)
    passes(listener, START + 10)


def test_progress_starts_the_bound_on_the_first_word_anew() -> None:
    listener = watch()
    hears(listener, START + 7, life=True)
    passes(listener, START + 17)
    hears(listener, START + 16, life=True)
    passes(listener, START + 26)


def test_within_an_answer_silence_is_a_stall() -> None:
    listener = watch()
    hears(listener, START + 2, content=True)
    passes(listener, START + 8, FailureKind.STALLED)
    hears(listener, START + 7, content=True)
    passes(listener, START + 13, FailureKind.STALLED)


def test_life_within_an_answer_starts_the_bound_anew_and_what_is_neither_ends_the_wait_only() -> None:
    listener = watch()
    hears(listener, START + 2, content=True)
    hears(listener, START + 7, life=True)
    passes(listener, START + 13, FailureKind.STALLED)


# --- a slow caller -------------------------------------------------------------------------------


def test_time_in_which_the_caller_is_slow_does_not_count() -> None:
    listener = watch()
    hears(listener, START + 2, content=True, waits=False)
    assert listener.silence(START + 500) is None
    assert not listener.is_serious(START + 500)
    listener.waits(START + 500)
    passes(listener, START + 506, FailureKind.STALLED)


def test_while_nobody_waits_the_next_look_is_after_the_shortest_bound() -> None:
    listener = watch()
    hears(listener, START + 2, content=True, waits=False)
    assert listener.next_look(START + 50) == START + 56
    assert Watch(Bounds(3.0, 10.0, 6.0, 100.0), START).next_look(START) == START + 3
    assert Watch(Bounds(9.0, 4.0, 6.0, 100.0), START).next_look(START) == START + 4


def test_before_it_waits_no_bound_can_pass() -> None:
    assert Watch(BOUNDS, START).silence(START + 1_000) is None


# --- nobody can replace it -----------------------------------------------------------------------


def test_a_snoozed_call_is_looked_at_again_after_a_while() -> None:
    listener = watch()
    listener.snooze(START + 8)
    assert listener.next_look(START + 8) == START + 8 + CHECK_AGAIN
    assert listener.silence(START + 8 + CHECK_AGAIN - 0.01) is None
    assert listener.silence(START + 8 + CHECK_AGAIN) is not None
    listener = watch()
    hears(listener, START + 1)
    listener.snooze(START + 10)
    passes(listener, START + 13)
    listener = watch()
    hears(listener, START + 1, content=True)
    listener.snooze(START + 7)
    passes(listener, START + 10, FailureKind.STALLED)


def test_a_snooze_never_shortens_what_is_allowed() -> None:
    listener = watch()
    hears(listener, START + 5, content=True)
    listener.snooze(START + 5)
    passes(listener, START + 11, FailureKind.STALLED)


def test_a_call_is_looked_at_again_three_seconds_later() -> None:
    assert CHECK_AGAIN == 3.0


# --- slowness ------------------------------------------------------------------------------------


def trickle(listener: Watch, seconds: int, characters: int, start: float = START) -> float:
    """A piece every second."""
    for second in range(1, seconds + 1):
        hears(listener, start + second, content=True, characters=characters)
    return start + seconds


def test_a_stream_below_the_slowest_speed_is_too_slow_after_the_window() -> None:
    listener = watch(SLOW)
    hears(listener, START + 1, content=True, characters=1)
    now = trickle(listener, 19, 1, START + 1)
    assert listener.silence(now) is None  # nineteen seconds of twenty
    assert listener.next_look(now) == now + 1
    assert listener.silence(now + 1) == Silence(FailureKind.TOO_SLOW, WORDS[FailureKind.TOO_SLOW])


@pytest.mark.parametrize(("characters", "too_slow"), [(1, True), (2, False), (3, False)])
def test_the_speed_is_characters_by_time(characters: int, too_slow: bool) -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True, characters=characters)
    now = trickle(listener, 20, characters)
    assert (listener.silence(now) is not None) is too_slow


def test_exactly_the_slowest_speed_is_enough() -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True)
    now = trickle(listener, 20, 2)
    assert listener.silence(now) is None


def test_one_slow_window_is_forgotten_by_the_next() -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True)
    now = trickle(listener, 20, 1)
    assert listener.silence(now) is not None
    assert listener.silence(now) is None  # it was said; the next window begins
    now = trickle(listener, 19, 3, now)
    assert listener.silence(now) is None
    now = trickle(listener, 1, 3, now)
    assert listener.silence(now) is None
    now = trickle(listener, 20, 1, now)
    assert listener.silence(now) is not None


def test_a_window_that_was_fast_does_not_excuse_the_next_one() -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True)
    now = trickle(listener, 20, 500)
    assert listener.silence(now) is None
    now = trickle(listener, 20, 1, now)
    assert listener.silence(now) is not None


def test_a_window_that_ends_during_a_wait_counts_the_rest_of_the_wait_to_neither() -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True)
    now = trickle(listener, 17, 500)
    assert listener.silence(now + 3) is None  # a fast window has ended in the middle of a wait of five seconds
    hears(listener, now + 5, content=True, characters=1)
    now = trickle(listener, 17, 1, now + 5)
    assert listener.silence(now) is None  # nineteen seconds of the new window
    assert listener.silence(now + 1) is not None


def test_the_time_before_the_first_word_is_no_slowness() -> None:
    listener = watch(Bounds(30.0, 30.0, 6.0, 100.0, slowest=2.0, window=20.0))
    hears(listener, START + 25, content=True, characters=1)
    assert listener.silence(START + 25) is None
    assert listener.next_look(START + 25) == START + 31  # the bound on idleness


def test_waiting_for_a_slow_caller_is_no_slowness_of_the_provider() -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True, waits=False)
    now = START
    for _ in range(30):
        listener.waits(now + 60)
        listener.hears(now + 60.1, content=True, life=False, characters=1)
        now += 60.1
    listener.waits(now)
    assert listener.silence(now) is None


def test_without_a_slowest_speed_nothing_is_too_slow() -> None:
    listener = watch()
    hears(listener, START, content=True)
    now = trickle(listener, 60, 0)
    assert listener.silence(now) is None
    assert listener.next_look(now) == now + 6


def test_a_snooze_starts_the_window_of_the_speed_anew() -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True)
    now = trickle(listener, 19, 1)
    listener.snooze(now)
    now = trickle(listener, 19, 1, now)
    assert listener.silence(now) is None
    now = trickle(listener, 1, 1, now)
    assert listener.silence(now) is not None
    listener = watch(SLOW)
    hears(listener, START, content=True)
    now = trickle(listener, 10, 500)
    listener.snooze(now)
    now = trickle(listener, 20, 1, now)
    assert listener.silence(now) is not None  # what came before the snooze does not count


# --- what silence says about the provider --------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "after"),
    [(None, 4.0), ("headers", 5.0), ("content", 3.0)],
    ids=["half of the headers' bound", "half of the first word's", "half of the idle one"],
)
def test_silence_for_half_of_what_is_allowed_speaks_against_the_provider(heard: str | None, after: float) -> None:
    listener, since = watch(), START
    if heard is not None:
        since = START + 1
        hears(listener, since, content=heard == "content", life=True)
    assert not listener.is_serious(since + after - 0.01)
    assert listener.is_serious(since + after)


def test_before_anybody_waits_silence_says_nothing() -> None:
    assert not Watch(BOUNDS, START).is_serious(START + 1_000)


def test_the_words_say_nothing_of_the_bounds() -> None:
    assert set(WORDS) == {FailureKind.TIMEOUT, FailureKind.STALLED, FailureKind.TOO_SLOW}
    assert not Silence(FailureKind.TIMEOUT, "").over


@given(st.lists(st.tuples(st.floats(0.0, 5.9), st.booleans()), max_size=30))
def test_a_stream_that_never_pauses_as_long_as_the_bound_is_never_silent(pieces: list[tuple[float, bool]]) -> None:
    listener, now = watch(), START
    hears(listener, now, content=True)
    for pause, life in pieces:
        now += pause
        assert listener.silence(now) is None
        hears(listener, now, content=not life, life=life)


def test_a_stream_may_be_required_to_give_less_than_a_character_a_second() -> None:
    listener = watch(Bounds(8.0, 10.0, 6.0, 100.0, slowest=0.5, window=20.0))
    hears(listener, START, content=True)
    now = START
    for _ in range(4):
        now += 5
        listener.hears(now, content=True, life=False)  # without a word, such as reasoning that nobody counts
        listener.waits(now)
    assert listener.next_look(now) == now
    assert listener.silence(now) == Silence(FailureKind.TOO_SLOW, WORDS[FailureKind.TOO_SLOW])


def test_before_the_first_word_there_is_no_speed() -> None:
    listener = watch(Bounds(60.0, 60.0, 60.0, 100.0, slowest=2.0, window=20.0))
    assert listener.next_look(START) == START + 60
    assert listener.silence(START + 25) is None


def test_without_a_slowest_speed_only_silence_is_looked_for() -> None:
    listener = watch(Bounds(60.0, 60.0, 60.0, 100.0))
    hears(listener, START, content=True)
    assert listener.next_look(START) == START + 60


@pytest.mark.parametrize("snoozes", [True, False])
def test_every_window_of_the_speed_begins_at_nothing(snoozes: bool) -> None:
    listener = watch(SLOW)
    hears(listener, START, content=True)
    now = trickle(listener, 20, 500)
    if snoozes:
        listener.snooze(now)
    else:
        assert listener.silence(now) is None
    hears(listener, now, content=True, characters=39)
    now = trickle(listener, 20, 0, now)
    assert listener.silence(now) is not None  # 39 characters, where 40 are the least


def test_a_slow_caller_speaks_for_nobody() -> None:
    listener = watch()
    hears(listener, START + 2, content=True, waits=False)
    listener.waits(START + 500)
    assert listener.is_serious(START + 502) is False
    assert listener.is_serious(START + 503) is True
    assert Watch(BOUNDS, START).is_serious(START) is False
