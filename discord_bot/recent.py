"""A set that keeps only the newest entries, so that it never grows with the bot's uptime."""

from collections.abc import Iterator
from typing import Generic, TypeVar

MOST = 2_000
Thing = TypeVar("Thing")


class Recent(Generic[Thing]):
    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._things: dict[Thing, None] = {}

    def add(self, thing: Thing) -> bool:
        """False: it was present already."""
        if thing in self._things:
            return False
        self._things[thing] = None
        if len(self._things) > self._most:
            del self._things[next(iter(self._things))]
        return True

    def discard(self, thing: Thing) -> bool:
        """True: it was present."""
        there = thing in self._things
        self._things.pop(thing, None)
        return there

    def __contains__(self, thing: Thing) -> bool:
        return thing in self._things

    def __iter__(self) -> Iterator[Thing]:
        return iter(list(self._things))

    def __len__(self) -> int:
        return len(self._things)
