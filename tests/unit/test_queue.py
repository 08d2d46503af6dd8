"""The line before a pool: turns, bounds and places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_service.credentials import queue
from inference_service.credentials.queue import Line, Ticket, digest
from inference_service.credentials.types import Ask


class Waiting:
    """A line, and tickets that are called after their owner and number: "a1" is the first of a."""

    def __init__(self) -> None:
        self.line = Line()
        self.tickets: dict[str, Ticket] = {}

    def joins(self, *names: str) -> list[str]:
        """Who had to leave for them."""
        out = []
        for name in names:
            ask = Ask("pool", "p/m", "m", caller=name[0], tenant=name[1:-1])
            self.tickets[name] = Ticket((ask,), 100.0, 0.0, len(self.tickets))
            gone = self.line.join(self.tickets[name], ask)
            out += [self.name(gone)] if gone is not None else []
        return out

    def name(self, ticket: Ticket) -> str:
        return next(name for name, one in self.tickets.items() if one is ticket)

    def heads(self) -> list[str]:
        return [self.name(ticket) for ticket, _ in self.line.heads()]

    def serves(self) -> str:
        name = self.heads()[0]
        self.line.served(self.tickets[name])
        return name

    def order(self) -> list[str]:
        return [self.serves() for _ in range(len(self.line))]

    def places(self) -> dict[str, int]:
        return {self.name(ticket): place for ticket, _, place in self.line.places()}


def waiting(*names: str) -> Waiting:
    waiting = Waiting()
    assert waiting.joins(*names) == []
    return waiting


def test_one_caller_is_served_in_the_order_of_coming() -> None:
    one = waiting("a1", "a2", "a3")
    assert len(one.line) == 3
    assert one.order() == ["a1", "a2", "a3"]
    assert len(one.line) == 0
    assert one.heads() == []


def test_callers_take_turns_and_so_do_tenants_of_one_caller() -> None:
    assert waiting("a1", "a2", "a3", "b1", "b2").order() == ["a1", "b1", "a2", "b2", "a3"]
    assert waiting("ax1", "ax2", "ay1").order() == ["ax1", "ay1", "ax2"]


def test_one_that_comes_now_and_then_is_never_behind_the_flood_of_another() -> None:
    one = waiting(*[f"a{number}" for number in range(9)])
    assert [one.serves() for _ in range(3)] == ["a0", "a1", "a2"]
    one.joins("b1")
    assert one.serves() in ("a3", "b1")
    assert {one.serves(), one.serves()} & {"b1"} or "b1" not in one.heads()


def test_a_class_that_was_away_gets_no_credit_for_it() -> None:
    one = waiting(*[f"a{number}" for number in range(8)])
    for _ in range(4):
        one.serves()
    one.joins("b1", "b2", "b3")
    served = [one.serves() for _ in range(6)]
    assert sorted(name[0] for name in served) == ["a", "a", "a", "b", "b", "b"]
    assert [name for name in served if name[0] == "a"] == ["a4", "a5", "a6"]


def test_the_first_of_each_class_is_a_head_the_one_whose_turn_it_is_first() -> None:
    one = waiting("a1", "a2", "b1", "c1")
    assert one.heads() == ["a1", "b1", "c1"]
    assert one.heads() == ["a1", "b1", "c1"]  # looking changes nothing
    one.serves()
    assert one.heads() == ["b1", "c1", "a2"]


def test_not_more_heads_are_looked_at_than_may_be_passed() -> None:
    one = waiting(*(f"{chr(97 + number)}1" for number in range(26)))
    assert len(one.heads()) == queue.MOST_PASSES + 1 == 17
    assert len(one.line) == 26
    assert one.order()[:3] == ["a1", "b1", "c1"]


def test_a_ticket_that_leaves_makes_the_next_of_its_class_the_head() -> None:
    one = waiting("a1", "a2", "b1")
    one.line.leave(one.tickets["a1"])
    assert len(one.line) == 2
    assert one.heads() == ["a2", "b1"]
    one.line.leave(one.tickets["a1"])  # a second time is nothing
    assert len(one.line) == 2
    one.line.leave(one.tickets["b1"])
    one.line.leave(one.tickets["b1"])
    assert one.order() == ["a2"]


def test_a_class_that_left_and_comes_back_queues_once() -> None:
    one = waiting("a1", "b1")
    one.line.leave(one.tickets["a1"])
    one.joins("a2")
    assert sorted(one.heads()) == ["a2", "b1"]
    assert sorted(one.order()) == ["a2", "b1"]


def test_a_class_is_forgotten_once_it_is_no_longer_ahead_of_its_share() -> None:
    one = waiting("a1", "b1", "b2", "b3")
    assert one.serves() == "a1"
    assert ("a", "") in one.line._classes  # ahead: it has just been served
    one.order()
    one.joins("c1")
    one.order()
    assert set(one.line._classes) <= {("b", ""), ("c", "")}


def test_a_class_that_comes_back_does_not_catch_up_on_the_turns_it_missed() -> None:
    one = waiting("a1", *(f"b{number}" for number in range(9)))
    assert [one.serves() for _ in range(5)] == ["a1", "b0", "b1", "b2", "b3"]
    one.joins("a2", "a3", "a4", "a5")
    assert [one.serves()[0] for _ in range(4)] in (["a", "b", "a", "b"], ["b", "a", "b", "a"])


def test_a_class_without_a_ticket_is_not_kept() -> None:
    one = waiting("a1")
    one.line.leave(one.tickets["a1"])
    assert one.line._classes == {}
    for number in range(50):
        one.joins(f"{chr(97 + number % 26)}{number}x")
        one.serves()
        assert one.line._classes == {}


def test_a_ticket_begins_with_nothing_against_it() -> None:
    ticket = Ticket((Ask("pool", "p/m", "m", "caller", "tenant"),), 9.0, 1.0, 7)
    assert (ticket.owner, ticket.passed, ticket.gone) == (("caller", "tenant"), 0, False)
    assert (ticket.deadline, ticket.joined, ticket.order) == (9.0, 1.0, 7)


# --- other processes ----------------------------------------------------------------------------


def test_a_turn_in_another_process_counts_as_a_turn_here() -> None:
    one = waiting("a1", "a2", "b1", "b2")
    for _ in range(2):
        one.line.served_elsewhere(digest(("a", "")))
    assert one.order() == ["b1", "b2", "a1", "a2"]


def test_a_class_that_joins_later_has_had_its_turns_elsewhere() -> None:
    one = waiting("b1", "b2", "b3")
    for _ in range(2):
        one.line.served_elsewhere(digest(("a", "")))
    one.joins("a1")
    assert one.order() == ["b1", "b2", "b3", "a1"]
    one.joins("b4", "a4")
    assert one.order() == ["b4", "a4"]  # forgotten once nobody waits


# --- a full line ---------------------------------------------------------------------------------


@pytest.fixture
def short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LONGEST_LINE", 4)


@pytest.mark.usefixtures("short_line")
def test_when_the_line_is_full_the_last_of_the_longest_class_leaves() -> None:
    one = waiting("a1", "a2", "a3", "b1")
    assert one.joins("b2") == ["a3"]
    one.line.leave(one.tickets["a3"])
    assert len(one.line) == 4
    assert one.places().keys() == {"a1", "a2", "b1", "b2"}


@pytest.mark.usefixtures("short_line")
@pytest.mark.parametrize("before", [("a1", "a2", "a3", "a4"), ("a1", "a2", "b1", "b2"), ("a1", "a2", "a3", "b1")])
def test_nobody_makes_room_for_one_of_the_longest_class(before: tuple[str, ...]) -> None:
    one = waiting(*before)
    assert one.joins("a9") == ["a9"]
    assert len(one.line) == 4


@pytest.mark.usefixtures("short_line")
def test_a_newcomer_finds_room_beside_a_flood() -> None:
    one = waiting("a1", "a2", "a3", "a4")
    assert one.joins("b1") == ["a4"]
    one = waiting("a1", "b1", "c1", "d1")
    assert one.joins("e1") == ["e1"]  # nobody has more than one


def test_a_line_is_at_most_a_thousand_long() -> None:
    one = waiting(*[f"a{number:04}" for number in range(10)])
    assert queue.LONGEST_LINE == 1_000
    assert one.line._count == 10


# --- places --------------------------------------------------------------------------------------


def test_everybody_knows_how_many_are_before_them() -> None:
    one = waiting("a1", "a2", "b1", "a3", "b2")
    assert one.places() == {"a1": 0, "b1": 1, "a2": 2, "b2": 3, "a3": 4}
    assert [one.name(ticket) for ticket, _, _ in one.line.places()] == ["a1", "b1", "a2", "b2", "a3"]


@pytest.mark.parametrize(
    ("names", "owner", "ahead"),
    [
        ((), "a", 0),
        (("a1", "a2"), "a", 2),
        (("b1",), "a", 1),
        (("b1", "b2", "b3"), "a", 1),  # one turn of b goes before
        (("a1", "b1", "b2", "b3"), "a", 3),
        (("b1", "c1", "c2"), "a", 2),
    ],
)
def test_one_that_would_join_now_learns_how_many_are_served_before(
    names: tuple[str, ...], owner: str, ahead: int
) -> None:
    assert waiting(*names).line.ahead_of((owner, "")) == ahead


def test_the_place_of_one_that_waits_is_asked_by_its_number_in_the_class() -> None:
    one = waiting("a1", "a2", "a3", "b1", "b2")
    assert [one.line.ahead_of(("a", ""), place) for place in range(3)] == [1, 3, 4]
    one.serves()
    assert [one.line.ahead_of(("a", ""), place) for place in range(2)] == [2, 3]  # a tie counts as before


def test_a_class_that_was_just_served_lets_one_turn_pass() -> None:
    one = waiting("a1", "a2", *(f"b{number}" for number in range(6)))
    assert one.serves() == "a1"
    assert one.line.ahead_of(("a", ""), 0) == 2  # a tie counts as before


def test_a_class_that_had_its_turns_is_behind_a_newcomer() -> None:
    one = waiting(*(f"b{number}" for number in range(6)))
    for _ in range(3):
        one.serves()
    assert one.line.ahead_of(("a", "")) == 0


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_nobody_is_passed_by_his_like_and_classes_differ_by_one_turn_at_most(callers: list[str]) -> None:
    names = [f"{caller}{number:02}" for number, caller in enumerate(callers)]
    waiting = Waiting()
    for number, name in enumerate(names):
        ask = Ask("pool", "p/m", "m", caller=name[0])
        waiting.tickets[name] = Ticket((ask,), 100.0, 0.0, number)
        assert waiting.line.join(waiting.tickets[name], ask) is None
    predicted = sorted(waiting.places(), key=lambda name: waiting.places()[name])
    served = waiting.order()
    assert served == predicted
    for caller in "abc":
        assert [name for name in served if name[0] == caller] == [name for name in names if name[0] == caller]
    for turn in range(len(served)):
        left = {caller: sum(name[0] == caller for name in served[turn:]) for caller in set(callers)}
        done = {caller: sum(name[0] == caller for name in served[:turn]) for caller in set(callers) if left[caller]}
        assert not done or max(done.values()) - min(done.values()) <= 1


# --- turns that are remembered -------------------------------------------------------------------


def test_service_by_another_process_counts_as_a_turn_of_a_waiting_class() -> None:
    one = waiting("a1", "a2", "a3", "b1", "b2")
    one.line.served_elsewhere(digest(("b", "")))
    assert one.order() == ["a1", "a2", "b1", "a3", "b2"]
    one = waiting("a1", "a2", "b1")
    one.line.served_elsewhere(digest(("b", "")))
    assert one.order() == ["a1", "a2", "b1"]


def test_service_by_another_process_counts_for_a_class_that_joins_later() -> None:
    one = waiting("a1", "a2", "a3")
    one.line.served_elsewhere(digest(("b", "")))
    one.joins("b1")
    assert one.order() == ["a1", "a2", "b1", "a3"]


def test_a_class_that_nobody_has_served_elsewhere_joins_at_the_present_turn() -> None:
    one = waiting("a1", "a2")
    one.line.served_elsewhere(digest(("c", "")))
    one.joins("b1")
    assert one.order() == ["a1", "b1", "a2"]


def test_the_memory_of_classes_elsewhere_is_bounded_and_keeps_those_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LONGEST_LINE", 2)
    one = waiting("a1")
    for name in ("b", "c", "d", "b"):
        one.line.served_elsewhere(digest((name, "")))
    monkeypatch.undo()
    one.joins("a2", "a3", "b1", "d1")
    # d was not remembered and has its turn now; b has had two.
    assert one.order() == ["a1", "d1", "a2", "a3", "b1"]


def test_when_the_line_is_empty_every_turn_is_forgotten() -> None:
    one = waiting("a1")
    assert one.line.latest is one.tickets["a1"]
    one.line.served_elsewhere(digest(("b", "")))
    one.serves()
    assert one.line.latest is None
    one.joins("a2", "a3", "b1")
    assert one.line.latest is one.tickets["b1"]
    assert one.order() == ["a2", "b1", "a3"]


def test_a_class_that_was_away_does_not_catch_up_on_the_turns_it_missed() -> None:
    one = waiting("b1", "a1", "a2", "a3", "a4", "a5", "a6", "a7")
    assert [one.serves() for _ in range(6)] == ["b1", "a1", "a2", "a3", "a4", "a5"]
    one.joins("b2", "b3", "b4")
    assert one.order() in (["b2", "a6", "b3", "a7", "b4"], ["a6", "b2", "a7", "b3", "b4"])


def test_a_class_that_was_passed_over_does_not_catch_up_either() -> None:
    one = waiting("b1", "b2", "b3", "a1", "a2")
    for name in ("b1", "b2", "a1"):
        one.line.served(one.tickets[name])
    assert one.order() == ["b3", "a2"]


def test_every_process_has_the_same_short_name_for_a_caller_and_its_tenant() -> None:
    assert digest(("bot", "guild")) == "f13add397207"
    assert digest(("a", "bc")) != digest(("ab", "c"))
