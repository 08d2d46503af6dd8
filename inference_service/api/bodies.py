"""How much of a caller's requests may be in memory at once: a limit for each request alone would allow gigabytes."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

READ_AT_ONCE = 4  # bodies of one caller that gRPC takes in at a time, each up to the limit of a request
LARGEST_REQUESTS = 8  # as many of the largest requests may one caller have running


class TooMuch(Exception):
    """The caller's running requests hold as many bytes as it may. The text says how many."""


class Bodies:
    def __init__(self) -> None:
        self._held: Counter[str] = Counter()  # bytes by caller
        self._reading: dict[str, asyncio.Semaphore] = {}

    def reading(self, caller: str) -> asyncio.Semaphore:
        """To be held while a body is taken in: its size is known only afterwards."""
        return self._reading.setdefault(caller, asyncio.Semaphore(READ_AT_ONCE))

    @contextlib.contextmanager
    def hold(self, caller: str, size: int, largest: int) -> Iterator[None]:
        """Counts a body while its request runs. `largest`: the limit of one request. Raises TooMuch."""
        if self._held[caller] + size > LARGEST_REQUESTS * largest:
            raise TooMuch(f"{self._held[caller] / 2**20:.0f} MiB of requests")
        self._held[caller] += size
        try:
            yield
        finally:
            self._held[caller] -= size
