"""Edits keep to the channel's bucket, are shared fairly, and leave room for what must land."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discord_bot.rendering.pacing import (
    CALM,
    FEW,
    KEPT,
    LATE,
    LIMIT,
    MOST,
    SECOND,
    SHORTEST,
    SPARE,
    TURN,
    WINDOW,
    Bucket,
    ChannelPace,
    Paces,
    Throughput,
    Turns,
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


def test_text_that_hardly_grows_waits_longer_but_not_forever() -> None:
    pace, writer = Paces().join(CHANNEL)
    pace.edited(writer, 100.0)
    assert pace.wait(writer, 101.5, Urgency.INTERIM, 3) > 0
    assert pace.wait(writer, 100.0 + CALM, Urgency.INTERIM, 3) == 0


def test_a_first_text_does_not_wait_for_the_interval() -> None:
    pace, writer = Paces().join(CHANNEL)
    pace.edited(writer, 100.0)
    assert pace.wait(writer, 100.1, Urgency.FIRST_TEXT) == 0


def test_the_last_edit_of_a_window_is_kept_for_what_must_land_during_its_first_half() -> None:
    paces = Paces()
    pace, writer = paces.join(CHANNEL)
    paces.observe(CHANNEL, 100.0, 5, 1, 4.0)
    assert pace.wait(writer, 100.5, Urgency.INTERIM, 50) == pytest.approx(1.0)
    assert pace.wait(writer, 100.5, Urgency.FIRST_TEXT) == pytest.approx(1.0)
    assert pace.wait(writer, 101.5, Urgency.INTERIM, 50) == 0
    paces.observe(CHANNEL, 101.6, 5, 0, 2.4)
    assert pace.wait(writer, 101.7, Urgency.INTERIM, 50) == pytest.approx(2.3)


def test_edits_of_others_in_the_channel_count() -> None:
    paces = Paces()
    pace, writer = paces.join(CHANNEL)
    for remaining in (4, 3, 2, 1):  # progress of a picture, for one
        paces.observe(CHANNEL, 100.0, 5, remaining, 5.0)
    assert pace.wait(writer, 101.0, Urgency.INTERIM, 50) == pytest.approx(1.5)


def test_headers_of_an_older_answer_do_not_give_back_what_is_under_way() -> None:
    paces = Paces()
    pace, writer = paces.join(CHANNEL)
    for _ in range(3):
        pace.edited(writer, 100.0)
    paces.observe(CHANNEL, 100.1, 5, 4, 4.9)  # the answer to the first of them
    assert pace.bucket.free(100.1) == 2


def test_discords_limit_is_learned() -> None:
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
        for at, left, reset in [header for header in headers if header[0] <= now]:
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


@given(st.lists(st.tuples(st.floats(0, 0.2), st.floats(0.001, 2.0), st.floats(0, 1)), min_size=1, max_size=300))
def test_no_second_at_discord_sees_more_requests_than_it_allows(requests: list[tuple[float, float, float]]) -> None:
    """Each request waits its turn, takes as long as it takes, and arrives at any moment of that time."""
    everything, now = Throughput(), 0.0
    flying: list[float] = []
    arrived: list[float] = []
    for gap, latency, share in requests:
        now += gap
        while True:
            for answered in [one for one in sorted(flying) if one <= now]:
                flying.remove(answered)
                everything.land(answered)
            if everything.free(now) > 0:
                break
            known = everything.next_at(now)
            now = min([one for one in (known, *flying) if one is not None and one > now], default=now + 0.01)
        everything.take()
        flying.append(now + latency)
        arrived.append(now + latency * share)
    arrived.sort()
    for first, last in zip(arrived, arrived[MOST:], strict=False):
        assert last - first >= SECOND - 1e-6


def test_a_place_is_free_a_second_after_the_answer() -> None:
    everything = Throughput(most=2, window=1.0)
    everything.take()
    everything.take()
    assert everything.free(0.0) == 0
    assert everything.next_at(0.0) is None
    everything.land(0.5)
    assert everything.next_at(0.6) == 1.5
    assert everything.free(1.49) == 0
    assert everything.free(1.5) == 1


def test_after_a_global_refusal_nothing_goes_out_until_discord_says_so() -> None:
    everything = Throughput()
    everything.close(7.0)
    everything.close(6.0)
    assert everything.free(6.5) == 0
    assert everything.next_at(6.5) == 7.0
    assert everything.free(7.0) == MOST


def test_interim_edits_leave_room_for_what_must_land_and_the_oldest_goes_first() -> None:
    everything = Throughput()
    turns = Turns(everything)
    for _ in range(MOST - SPARE):
        everything.take()
    assert not turns.may_go(2, 4.0, 9.0)  # only what is spared is left
    everything.land(0.0)
    assert not turns.may_go(1, 5.0, 9.0)  # the other one has waited longer
    assert turns.may_go(2, 4.0, 9.0)
    turns.drop(2)
    assert turns.may_go(1, 5.0, 9.0)


def test_a_writer_that_leaves_delays_nobody() -> None:
    paces = Paces()
    _, writer = paces.join(CHANNEL)
    for _ in range(MOST - SPARE):
        paces.everything.take()
    assert not paces.turns.may_go(writer, 0.0, 9.0)
    paces.leave(CHANNEL, writer, 9.0)
    paces.everything.land(0.0)
    assert paces.turns.may_go(writer + 1, 5.0, 9.0)


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


# --- the rules one by one ------------------------------------------------------------------------


def paces_with(count: int) -> tuple[Paces, ChannelPace, list[int]]:
    paces = Paces()
    joined = [paces.join(CHANNEL) for _ in range(count)]
    return paces, joined[0][0], [writer for _, writer in joined]


def test_the_numbers_are_what_the_pacing_was_tuned_for() -> None:
    assert (SHORTEST, CALM, FEW, LATE, TURN, KEPT) == (1.0, 2.5, 12, 0.5, 0.1, 1)
    assert (MOST, SECOND, SPARE) == (50, 1.0, 10)


@pytest.mark.parametrize(("grown", "wait"), [(0, 2.5), (11, 2.5), (12, 1.0), (50, 1.0)])
def test_fewer_than_twelve_new_characters_are_hardly_any(grown: int, wait: float) -> None:
    _, pace, (writer,) = paces_with(1)
    pace.edited(writer, 100.0)
    assert pace.wait(writer, 100.0, Urgency.INTERIM, grown) == wait
    assert pace.wait(writer, 100.0, Urgency.STATE) == 1.0  # a new state is worth an edit whatever has grown
    assert pace.wait(writer, 100.0, Urgency.STATE, 50) == 1.0


@pytest.mark.parametrize(("writers", "wait"), [(1, 1.0), (2, 2.0), (5, 5.0)])
def test_writers_of_one_channel_share_what_the_bucket_gives(writers: int, wait: float) -> None:
    _, pace, numbers = paces_with(writers)
    pace.edited(numbers[0], 100.0)
    assert pace.wait(numbers[0], 100.0, Urgency.INTERIM, 50) == wait


def test_a_generous_bucket_makes_nobody_faster_than_once_a_second() -> None:
    paces, pace, numbers = paces_with(2)
    paces.observe(CHANNEL, 90.0, 50, 49, 1.0)
    pace.edited(numbers[0], 100.0)
    assert pace.wait(numbers[0], 100.0, Urgency.INTERIM, 50) == 1.0


@pytest.mark.parametrize(("limit", "wait"), [(1, 10.0), (2, 5.0), (4, 2.5)])
def test_writers_share_a_bucket_of_any_size(limit: int, wait: float) -> None:
    paces, pace, numbers = paces_with(2)
    paces.observe(CHANNEL, 90.0, limit, limit - 1, 5.0)
    pace.edited(numbers[0], 100.0)
    assert pace.wait(numbers[0], 100.0, Urgency.INTERIM, 50) == wait


def test_a_limit_below_one_is_one() -> None:
    bucket = Bucket()
    bucket.observe(0.0, 0, 0, 1.0)
    assert bucket.limit == 1
    bucket.observe(0.0, 2, 0, 1.0)
    assert bucket.limit == 2


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(Urgency.FIRST_TEXT, Urgency.STATE), (Urgency.STATE, Urgency.INTERIM), (Urgency.FIRST_TEXT, Urgency.INTERIM)],
)
def test_the_more_urgent_edit_goes_first_although_the_other_waits_for_longer(earlier: Urgency, later: Urgency) -> None:
    paces, pace, (one, two) = paces_with(2)
    pace.edited(one, 80.0)
    pace.edited(two, 90.0)
    paces.observe(CHANNEL, 100.0, 5, 2, 3.0)  # one may go
    assert pace.wait(one, 100.0, later, 50) == 0
    assert pace.wait(two, 100.0, earlier, 50) == 0
    assert pace.wait(one, 100.0, later, 50) == TURN


@pytest.mark.parametrize("how", ["leaves", "edits", "is not due"])
def test_a_writer_that_no_longer_wants_an_edit_delays_nobody(how: str) -> None:
    paces, pace, (one, two) = paces_with(2)
    pace.edited(one, 80.0)
    pace.edited(two, 90.0)
    paces.observe(CHANNEL, 100.0, 5, 2, 30.0)  # one may go
    assert pace.wait(one, 100.0, Urgency.INTERIM, 50) == 0
    assert pace.wait(two, 100.0, Urgency.INTERIM, 50) == TURN
    if how == "leaves":
        paces.leave(CHANNEL, one, 100.0)
    elif how == "edits":
        pace.seen(one, 100.0)
    else:
        pace._last[one] = 99.9
        assert pace.wait(one, 100.0, Urgency.INTERIM, 50) > 0
    assert pace.wait(two, 100.0, Urgency.INTERIM, 50) == 0


def test_a_final_edit_takes_the_last_slot_and_then_waits_for_the_window() -> None:
    paces, pace, _ = paces_with(1)
    paces.observe(CHANNEL, 100.0, 5, 1, 3.0)
    assert pace.wait_for_last(100.0) == 0.0
    pace.bucket.take(100.0)
    assert pace.wait_for_last(100.5) == 2.5
    assert pace.wait_for_last(102.95) == TURN
    pace.landed()
    assert pace.wait_for_last(103.0) == 0.0


def test_a_window_opens_with_its_first_edit_and_is_over_at_its_end() -> None:
    bucket = Bucket()
    bucket.take(0.0)
    assert bucket.resets_at == WINDOW
    assert bucket.free(4.9) == 4
    bucket.take(WINDOW)  # a new one, into which the one under way may still fall
    assert (bucket.remaining, bucket.resets_at) == (3, 2 * WINDOW)
    bucket.land()
    bucket.land()
    bucket.land()  # once too often
    assert bucket.flying == 0
    assert bucket.free(11.0) == 5


@pytest.mark.parametrize(("early", "believed"), [(0.5, True), (0.6, False)])
def test_answers_about_one_window_may_differ_by_half_a_second(early: float, believed: bool) -> None:
    bucket = Bucket()
    bucket.observe(0.0, 5, 4, 5.0)
    bucket.observe(0.0, 5, 1, 5.0 - early)
    assert (bucket.remaining == 1) is believed


def test_the_first_word_of_discord_is_believed_whatever_was_counted() -> None:
    bucket = Bucket()
    bucket.take(0.0)
    bucket.observe(0.0, 5, 2, 1.0)
    assert (bucket.remaining, bucket.resets_at, bucket.told) == (2, 1.0, True)


def test_at_the_end_of_a_window_what_discord_says_is_about_the_next() -> None:
    bucket = Bucket()
    bucket.observe(0.0, 5, 1, 5.0)
    bucket.observe(5.0, 5, 4, 5.0)
    assert bucket.remaining == 4
    bucket.observe(5.0, 9, 7, 5.0)  # another limit: nothing that was counted holds
    assert bucket.remaining == 7


@pytest.mark.parametrize(
    ("remaining", "reset_after", "window"), [(4, 2.0, 2.0), (3, 2.0, 5.0), (4, 0.0, 5.0), (0, 1.0, 5.0)]
)
def test_the_length_of_a_window_is_learned_from_its_first_edit(
    remaining: int, reset_after: float, window: float
) -> None:
    bucket = Bucket()
    bucket.observe(0.0, 5, remaining, reset_after)
    assert bucket.window == window


def test_every_channel_has_writers_and_a_bucket_of_its_own() -> None:
    paces = Paces()
    (one, first), (same, second), (other, third) = paces.join(1), paces.join(1), paces.join(2)
    assert one is same
    assert one is not other
    assert len({first, second, third}) == 3
    assert len(paces) == 2
    assert isinstance(paces.everything, Throughput)


def test_a_channel_is_kept_until_its_window_is_over_and_then_forgotten() -> None:
    paces = Paces()
    pace, writer = paces.join(1)
    pace.edited(writer, 100.0)
    paces.leave(1, writer, 101.0)
    again, writer = paces.join(1)
    assert again is pace  # the next answer finds the bucket as it is
    paces.leave(1, writer, 102.0)
    other = paces.join(2)[1]
    paces.leave(2, other, 107.0)
    assert set(paces._channels) == {1, 2}
    paces.leave(3, 1, 107.1)
    assert set(paces._channels) == {2}
    assert paces.join(1)[0] is not pace


def test_a_channel_in_which_somebody_writes_again_is_not_forgotten() -> None:
    paces = Paces()
    pace, writer = paces.join(1)
    paces.leave(1, writer, 100.0)
    paces.join(1)
    paces.leave(2, 7, 1_000.0)
    assert len(paces) == 1
    assert paces.join(1)[0] is pace
