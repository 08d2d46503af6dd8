"""Edits keep to the channel's bucket, are shared fairly, and leave room for what must land."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discord_bot.rendering.pacing import (
    CALM,
    KEPT,
    LIMIT,
    MOST,
    SECOND,
    SHORTEST,
    WINDOW,
    Bucket,
    Paces,
    Throughput,
    Urgency,
)
from tests.fakes.discord.ratelimit import Rule, Window

CHANNEL = 1


def test_a_single_answer_is_edited_once_a_second() -> None:
    pace, writer = Paces().join(CHANNEL)
    assert pace.wait(writer, 100.0, Urgency.INTERIM, 50) == 0
    pace.edited(writer, 100.0)
    assert pace.wait(writer, 100.2, Urgency.INTERIM, 50) == pytest.approx(SHORTEST - 0.2)
    assert pace.wait(writer, 101.0, Urgency.INTERIM, 50) == 0


def test_text_that_hardly_grows_waits_longer_but_not_for_ever() -> None:
    pace, writer = Paces().join(CHANNEL)
    pace.edited(writer, 100.0)
    assert pace.wait(writer, 101.5, Urgency.INTERIM, 3) > 0
    assert pace.wait(writer, 100.0 + CALM, Urgency.INTERIM, 3) == 0


def test_a_first_text_does_not_wait_for_the_interval() -> None:
    pace, writer = Paces().join(CHANNEL)
    pace.edited(writer, 100.0)
    assert pace.wait(writer, 100.1, Urgency.FIRST_TEXT) == 0


def test_the_last_edit_of_a_window_is_kept_for_what_must_land() -> None:
    paces = Paces()
    pace, writer = paces.join(CHANNEL)
    paces.observe(CHANNEL, 100.0, 5, 1, 3.0)
    assert pace.wait(writer, 100.5, Urgency.INTERIM, 50) == pytest.approx(2.5)
    assert pace.wait(writer, 100.5, Urgency.FIRST_TEXT) == pytest.approx(2.5)
    assert pace.wait(writer, 103.0, Urgency.INTERIM, 50) == 0


def test_edits_of_others_in_the_channel_count() -> None:
    paces = Paces()
    pace, writer = paces.join(CHANNEL)
    for remaining in (4, 3, 2, 1):  # progress of a picture, for one
        paces.observe(CHANNEL, 100.0, 5, remaining, 5.0)
    assert pace.wait(writer, 101.0, Urgency.INTERIM, 50) == pytest.approx(4.0)


def test_headers_of_an_older_answer_do_not_give_back_what_is_under_way() -> None:
    paces = Paces()
    pace, writer = paces.join(CHANNEL)
    for _ in range(3):
        pace.edited(writer, 100.0)
    paces.observe(CHANNEL, 100.1, 5, 4, 4.9)  # the answer to the first of them
    assert pace.bucket.free(100.1) == 2


def test_what_discord_grants_is_learned() -> None:
    paces = Paces()
    pace, writer = paces.join(CHANNEL)
    paces.observe(CHANNEL, 100.0, 10, 9, 2.0)
    assert (pace.bucket.limit, pace.bucket.window) == (10, 2.0)
    paces.observe(CHANNEL, 105.0, 1, 0, 0.5)
    assert pace.wait(writer, 105.6, Urgency.INTERIM, 50) == 0  # of one edit none can be kept back


def test_a_first_text_comes_before_interim_edits_and_those_in_order_of_waiting() -> None:
    paces = Paces()
    pace, one = paces.join(CHANNEL)
    two, three = paces.join(CHANNEL)[1], paces.join(CHANNEL)[1]
    pace.edited(one, 90.0)
    pace.edited(two, 91.0)
    pace.edited(three, 99.9)
    paces.observe(CHANNEL, 100.0, 5, 2, 3.0)  # one may go
    assert pace.wait(two, 100.0, Urgency.INTERIM, 50) == 0
    assert pace.wait(one, 100.0, Urgency.INTERIM, 50) == 0
    assert pace.wait(two, 100.0, Urgency.INTERIM, 50) > 0
    assert pace.wait(three, 100.0, Urgency.FIRST_TEXT) == 0
    assert pace.wait(one, 100.0, Urgency.INTERIM, 50) > 0


def test_a_channel_in_which_nobody_writes_is_forgotten() -> None:
    paces = Paces()
    writers = [paces.join(channel)[1] for channel in (1, 1, 2)]
    paces.leave(1, writers[0], 1000.0)
    assert len(paces) == 2
    paces.leave(1, writers[1], 1000.0)
    paces.leave(2, writers[2], 1000.0)
    paces.leave(2, writers[2], 1000.0)
    assert len(paces) == 0
    paces.observe(1, 0.0, 5, 4, 5.0)
    assert len(paces) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9),
    st.sampled_from([Rule(5, 5.0), Rule(3, 2.0), Rule(10, 5.0), Rule(2, 1.0)]),
    st.floats(0.01, 0.4),
    st.integers(0, 1_000_000),
)
def test_many_answers_never_overdraw_the_bucket_and_all_get_their_share(
    count: int, rule: Rule, latency: float, seed: int
) -> None:
    """A simulation against the fixed windows that the fake Discord enforces, headers arriving late."""
    paces, chance = Paces(), random.Random(seed)
    pace = paces.join(CHANNEL)[0]
    writers = [paces.join(CHANNEL)[1] for _ in range(count)]
    paces.leave(CHANNEL, 1, 1000.0)
    window, edits, headers = Window(rule), Counter[int](), list[tuple[float, int, float]]()
    # The library sends one request alone until it knows the bucket; so does this.
    _, remaining, reset_after = window.take(1000.0)
    pace.bucket.take(1000.0)
    paces.observe(CHANNEL, 1000.0, rule.limit, remaining, reset_after)
    pace.landed()
    now, refused = 1000.0, 0
    while now < 1030.0:
        now += 0.05
        for at, left, reset in [one for one in headers if one[0] <= now]:
            paces.observe(CHANNEL, now, rule.limit, left, reset - now)
            pace.landed()
            headers.remove((at, left, reset))
        for writer in chance.sample(writers, count):
            if pace.wait(writer, now, Urgency.INTERIM, 50) == 0:
                pace.edited(writer, now)
                allowed, remaining, reset_after = window.take(now)
                refused += not allowed
                edits[writer] += 1
                headers.append((now + latency, remaining, now + reset_after))
    assert refused == 0
    granted = 30.0 / rule.window * (rule.limit - KEPT)
    assert sum(edits.values()) >= min(count * 30 / SHORTEST, granted) * 0.5
    assert max(edits.values()) <= min(edits[writer] for writer in writers) * 2 + 3


def test_the_defaults_are_what_discord_is_observed_to_grant() -> None:
    pace, _ = Paces().join(CHANNEL)
    assert (pace.bucket.limit, pace.bucket.window) == (LIMIT, WINDOW) == (5, 5.0)


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=300))
def test_no_second_of_the_whole_bot_holds_more_than_discord_allows(gaps: list[float]) -> None:
    everything, now, sent = Throughput(), 0.0, []
    for gap in gaps:
        now += gap
        sent.append(now + everything.take(now))
    assert sent == sorted(sent)
    for number, at in enumerate(sent):
        assert sum(at <= other < at + SECOND - 1e-9 for other in sent[number:]) <= MOST


def test_nobody_waits_while_there_is_room() -> None:
    everything = Throughput()
    assert all(everything.take(1.0) == 0 for _ in range(MOST))
    assert everything.crowded(1.0)
    assert everything.take(1.0) == SECOND
    assert not everything.crowded(5.0)


def test_an_answer_about_a_window_that_is_over_changes_nothing() -> None:
    """It may come late, and would promise edits that the present window does not have."""
    bucket = Bucket()
    bucket.take(0.0)
    bucket.observe(0.1, LIMIT, LIMIT - 1, WINDOW)
    bucket.land()
    bucket.take(6.0)
    bucket.observe(6.1, LIMIT, 0, 0.05)
    assert bucket.free(6.3) == LIMIT - 1
    assert bucket.resets_at == 6.0 + WINDOW


def test_an_edit_under_way_when_a_window_ends_counts_in_the_next() -> None:
    bucket = Bucket()
    bucket.take(0.0)
    assert bucket.free(5.5) == LIMIT - 1
    bucket.land()
    assert bucket.free(5.5) == LIMIT
