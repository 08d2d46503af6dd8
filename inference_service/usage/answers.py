"""Recorded answers in Redis, so that a request asked again at another replica is answered without being paid again.

Keys: `{prefix}:answer:{hash of caller, operation and request id}`; each goes by itself after its time.
"""

import hashlib

from antiphon.config.model import State
from inference_service.usage.shared import Connection

LARGEST = 4 * 1024 * 1024  # bytes; a larger answer is found in the process that recorded it only
Key = tuple[str, str, str]


class SharedAnswers(Connection):
    """Implements `replays.Shelf`."""

    def __init__(self, url: str, settings: State) -> None:
        super().__init__(url, settings, texts=False)

    def _name(self, key: Key) -> str:
        # An id that callers choose is no part of a name in somebody else's database.
        return f"{self._prefix}:answer:{hashlib.sha256(chr(0).join(key).encode()).hexdigest()}"

    async def get(self, key: Key) -> bytes | None:
        async def ask() -> bytes | None:
            data = await self._redis.get(self._name(key))
            return data if isinstance(data, bytes) else None

        return await self._try(ask)

    async def put(self, key: Key, data: bytes, seconds: float) -> None:
        async def ask() -> None:
            await self._redis.set(self._name(key), data, px=int(seconds * 1_000))

        if len(data) <= LARGEST:
            await self._try(ask)
