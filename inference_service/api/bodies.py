"""Limits how much memory one caller's requests may hold at once: a limit per request alone would allow gigabytes."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

READ_AT_ONCE = 4  # bodies of one caller that are read at a time, each up to the size limit of a request
LARGEST_REQUESTS = 8  # how many requests of the largest size a caller may have running


class TooMuch(Exception):
    """The caller's running requests already hold as many bytes as they may. The message gives the limit."""


class Bodies:
    def __init__(self) -> None:
        self._held: Counter[str] = Counter()  # bytes by caller
        self._reading: dict[str, asyncio.Semaphore] = {}

    def reading(self, caller: str) -> asyncio.Semaphore:
        """Hold this while a body is being read: its size is known only afterwards."""
        return self._reading.setdefault(caller, asyncio.Semaphore(READ_AT_ONCE))

    @contextlib.contextmanager
    def hold(self, caller: str, size: int, largest: int) -> Iterator[None]:
        """Counts a body while its request runs. `largest`: the size limit of one request. Raises TooMuch."""
        if self._held[caller] + size > LARGEST_REQUESTS * largest:
            raise TooMuch(f"{self._held[caller] / 2**20:.0f} MiB of requests")
        self._held[caller] += size
        try:
            yield
        finally:
            self._held[caller] -= size
