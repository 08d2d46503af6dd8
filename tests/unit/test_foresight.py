"""When the next calls can begin: the turns of a line from limits and calls under way."""

import pytest

from inference_service.credentials import outlook
from inference_service.credentials.foresight import UNKNOWN_DURATION, Durations, Room
from inference_service.credentials.outlook import Prospect
from inference_service.credentials.pacing import LINGER
from inference_service.credentials.pool import Pool
from inference_service.credentials.queue import Line, Ticket
from inference_service.credentials.quota import NEVER
from inference_service.credentials.types import Ask, PoolSpec, Verdict, Vote
from inference_service.quotas import Clock, Quota, Unit

NOW = 20_000 * 86_400.0 + 30.0  # half a minute past midnight UTC
ASK = Ask("p", "p/m", "m")


def pool(*quotas: Quota, keys: int = 1, group: str = "") -> Pool:
    names = tuple(f"k{number}" for number in range(keys))
    return Pool(PoolSpec("p", names, (group,) * keys if group else names, 0, quotas), lease_time=600)


def quota(
    limit: int, clock: Clock = Clock.ROLLING, unit: Unit = Unit.REQUESTS, scope: str = "credential_model"
) -> Quota:
    return Quota(unit, limit, 0.0 if unit is Unit.CONCURRENT else 60.0, clock, scope, firm=True)


def calls(one: Pool, *moments: float, lasting: float | None = None, ask: Ask = ASK) -> None:
    """`lasting`: they end after so many seconds; None: they are under way."""
    for number, moment in enumerate(moments):
        lease = f"{moment}-{number}"
        assert isinstance(one.pick(ask, lease, moment), str)
        if lasting is not None:
            one.release(lease, Verdict(Vote.GOOD, good_credential=True), moment + lasting)


def turns(one: Pool, count: int, now: float, ask: Ask = ASK) -> list[float]:
    one.tick(now)
    return [round(at - NOW, 3) for at in one.lane("m", now).turns(ask, count, now)]


def test_a_rolling_window_gives_turns_as_its_calls_leave_it_and_then_as_the_planned_ones_do() -> None:
    credentials = pool(quota(3))
    calls(credentials, NOW, NOW + 10, lasting=0.0)
    assert turns(credentials, 6, NOW + 20) == [20, 60.03, 70.03, 81, 121.03, 131.03]


def test_a_window_by_the_clock_gives_all_its_turns_when_it_begins() -> None:
    credentials = pool(quota(2, Clock.WALL))
    calls(credentials, NOW, lasting=0.0)
    assert turns(credentials, 6, NOW + 1) == [1, 31, 31, 91, 91, 151]


def test_a_call_at_the_end_of_such_a_window_takes_a_turn_of_the_next_one() -> None:
    credentials = pool(quota(2, Clock.WALL))
    calls(credentials, NOW + 29.5, lasting=0.0)
    assert turns(credentials, 4, NOW + 29.6) == [29.6, 91, 91, 151]


def test_a_window_from_the_first_use_begins_again_with_the_next_call() -> None:
    credentials = pool(quota(2, Clock.FIRST_USE))
    calls(credentials, NOW, lasting=0.0)
    assert turns(credentials, 5, NOW + 10) == [10, 60.03, 60.03, 121.03, 121.03]
    assert turns(credentials, 2, NOW + 59) == [59, 60.03]
    assert turns(credentials, 3, NOW + 60.01) == [60.03, 60.03, 121.03]  # until then one might fall into either window


def test_calls_at_once_give_a_turn_whenever_one_ends() -> None:
    credentials = pool(quota(2, unit=Unit.CONCURRENT))
    calls(credentials, NOW - 10, lasting=3.0)
    calls(credentials, NOW, NOW + 1)
    ends = 3.0 + LINGER
    assert turns(credentials, 4, NOW + 2) == pytest.approx([ends, 1 + ends, 2 * ends, 1 + 2 * ends])


def test_a_call_that_lasts_for_longer_than_usual_may_end_at_any_moment() -> None:
    credentials = pool(quota(1, unit=Unit.CONCURRENT))
    calls(credentials, NOW - 10, lasting=2.0)
    calls(credentials, NOW)
    assert turns(credentials, 1, NOW + 5) == [pytest.approx(5 + (2 + LINGER) / 2)]


def test_each_turn_needs_every_limit() -> None:
    credentials = pool(quota(3), quota(1, unit=Unit.CONCURRENT))
    calls(credentials, NOW - 100, lasting=4.0)
    step = 4.0 + LINGER
    assert turns(credentials, 4, NOW) == pytest.approx([0, step, 2 * step, 61])


def test_an_account_gives_its_turns_once_however_many_credentials_it_has() -> None:
    assert turns(pool(quota(2, scope="group"), keys=4, group="g"), 4, NOW) == [0, 0, 61, 61]
    assert turns(pool(quota(2), keys=2), 5, NOW) == [0, 0, 0, 0, 61]


def test_credentials_that_rest_have_their_turn_when_they_wake_and_refused_ones_have_none() -> None:
    credentials = pool(quota(1), keys=2)
    first = credentials.pick(ASK, "a", NOW)
    second = credentials.pick(ASK, "b", NOW)
    assert {first, second} == {"k0", "k1"}
    credentials.release("a", Verdict(cooldown=90, reason="quota_exhausted"), NOW)
    credentials.release("b", Verdict(quarantine=True, reason="unauthenticated"), NOW)
    assert turns(credentials, 2, NOW) == [90, 151]


def test_a_call_that_fits_no_limit_has_no_turn() -> None:
    credentials = pool(quota(1_000, unit=Unit.TOKENS))
    assert turns(credentials, 1, NOW, Ask("p", "p/m", "m", tokens=1_001)) == []
    assert turns(credentials, 3, NOW, Ask("p", "p/m", "m", tokens=400)) == [0, 0, 61]


def test_where_nothing_is_known_more_calls_at_once_are_tried_round_by_round() -> None:
    credentials = pool()
    begins = turns(credentials, 4 + 6 + 9, NOW)
    step = UNKNOWN_DURATION + LINGER
    assert begins == pytest.approx([0] * 4 + [step] * 6 + [2 * step] * 9)


def test_learned_concurrency_bounds_the_turns() -> None:
    credentials = pool()
    credentials.lane("m", NOW).lots["k0"].pacing.at_once = 2
    step = UNKNOWN_DURATION + LINGER
    assert turns(credentials, 5, NOW) == pytest.approx([0, 0, step, step, 2 * step])


def test_turns_of_long_lines_are_found_once_for_a_moment() -> None:
    credentials = pool(quota(100))
    lane = credentials.lane("m", NOW)
    lane.turns(ASK, 50, NOW)
    seen = lane._foresight
    calls(credentials, NOW, lasting=1.0)
    assert len(lane.turns(ASK, 60, NOW + 0.2)) == 60
    assert lane._foresight is seen
    lane.turns(ASK, 60, NOW + 0.3)
    assert lane._foresight is not seen


def test_how_long_calls_take_is_learned_with_its_deviation() -> None:
    durations = Durations()
    assert (durations.mean, durations.known, durations.margin) == (UNKNOWN_DURATION, False, 0.0)
    durations.add(8.0)
    assert (durations.mean, durations.deviation, durations.known) == (8.0, 2.0, True)
    durations.add(16.0)
    assert (durations.mean, durations.deviation, durations.margin) == (9.0, 3.5, 7.0)
    for _ in range(100):
        durations.add(5.0)
    assert durations.mean == pytest.approx(5.0, abs=0.01)
    assert durations.margin == pytest.approx(0.0, abs=0.01)


def test_a_room_asks_what_comes_back_only_when_nothing_is_free() -> None:
    asked = []

    def coming() -> list[tuple[float, float]]:
        asked.append(1)
        return [(50.0, 1.0), (40.0, 1.0)]

    room = Room(1.0, 1.0, 0.0, coming, lambda at: at + 100)
    assert room.opens() == 0.0
    room.take(0.0)
    assert not asked
    assert room.opens() == 40.0
    room.take(40.0)
    assert room.opens() == 50.0
    room.take(50.0)
    assert (room.opens(), len(asked)) == (100.0, 1)
    assert Room(2.0, 1.0, 0.0, list, lambda at: at).opens() == NEVER


# --- several lines -------------------------------------------------------------------------------


def waiting(line: Line, *names: str) -> dict[str, Ticket]:
    tickets = {}
    for order, name in enumerate(names):
        ask = Ask("p", "p/m", "m", caller=name[0])
        tickets[name] = Ticket((ask,), 100.0, 0.0, order)
        line.join(tickets[name], ask)
    return tickets


def test_a_request_in_several_queues_is_served_where_it_is_first() -> None:
    first, second = Line(), Line()
    tickets = waiting(first, "a1", "a2", "a3")
    for ticket in (tickets["a2"], tickets["a3"]):
        second.join(ticket, ticket.asks[0])
    found = outlook.prospects([(first.places(), [5.0, 9.0, 20.0]), (second.places(), [7.0, 8.0])])
    assert found == {
        tickets["a1"]: Prospect(1, 5.0),
        tickets["a2"]: Prospect(1, 7.0),
        tickets["a3"]: Prospect(2, 8.0),
    }


def test_without_a_turn_in_sight_the_place_is_known_all_the_same() -> None:
    line = Line()
    tickets = waiting(line, "a1", "a2")
    assert outlook.prospects([(line.places(), [3.0])]) == {
        tickets["a1"]: Prospect(1, 3.0),
        tickets["a2"]: Prospect(2, None),
    }


def test_those_before_a_newcomer_are_counted_once_over_all_its_lines() -> None:
    first, second = Line(), Line()
    tickets = waiting(first, "a1", "a2", "a3")
    second.join(tickets["a1"], tickets["a1"].asks[0])
    assert outlook.ahead([], ("a", "")) == 0
    assert outlook.ahead([first], ("a", "")) == 3
    assert outlook.ahead([second], ("a", "")) == 1
    assert outlook.ahead([first, second], ("a", "")) == 3
    waiting(second, "a8", "a9")
    assert outlook.ahead([first, second], ("a", "")) == 5  # as long, but others


def test_turns_of_several_lines_are_taken_together() -> None:
    assert outlook.nth([[1.0, 5.0], [2.0, 3.0]], 2) == 3.0
    assert outlook.nth([[1.0]], 1) is None
