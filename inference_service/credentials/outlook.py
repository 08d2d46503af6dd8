"""Who waits until when: combines the turns of all queues, since one request may wait in several. Pure."""

import heapq
from collections.abc import Sequence

from msgspec import Struct

from inference_service.credentials.queue import Line, Ticket
from inference_service.credentials.types import Ask


class Prospect(Struct, frozen=True):
    """`place`: 1 is next. `at`: when it is expected to be served; None: no turn is foreseeable."""

    place: int
    at: float | None


def ahead(lines: Sequence[Line], owner: tuple[str, str]) -> int:
    """How many are served before a caller who joins all these queues now."""
    counts = {(len(line), line.ahead_of(owner), id(line.latest)) for line in lines}
    if len(counts) <= 1:  # the usual case: everybody waits in all of them
        return next(iter(counts), (0, 0, 0))[1]
    before: set[Ticket] = set()
    for line in lines:
        turns = line.places()
        before.update(ticket for ticket, _, _ in turns[: line.ahead_of(owner)])
    return len(before)


def nth(turns: Sequence[list[float]], place: int) -> float | None:
    """The moment of a turn, combining the turns of several queues."""
    merged = turns[0] if len(turns) == 1 else list(heapq.merge(*turns))
    return merged[place] if place < len(merged) else None


def prospects(lines: Sequence[tuple[list[tuple[Ticket, Ask, int]], list[float]]]) -> dict[Ticket, Prospect]:
    """For every waiting caller. `lines`: places and turns of each."""
    prospects: dict[Ticket, Prospect] = {}
    nexts = [0] * len(lines)
    heap = [(turns[0], number, 0) for number, (_, turns) in enumerate(lines) if turns]
    heapq.heapify(heap)
    while heap:
        at, number, turn = heap[0]
        places, turns = lines[number]
        while nexts[number] < len(places) and places[nexts[number]][0] in prospects:
            nexts[number] += 1
        if nexts[number] < len(places):
            ticket, _, place = places[nexts[number]]
            prospects[ticket] = Prospect(place + 1, at)
        if nexts[number] >= len(places) or turn + 1 >= len(turns):
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (turns[turn + 1], number, turn + 1))
    for places, _ in lines:
        for ticket, _, place in places:
            prospects.setdefault(ticket, Prospect(place + 1, None))
    return prospects
