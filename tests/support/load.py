"""Callers that ask one question after another until they are stopped, and count the results."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from antiphon import errors
from antiphon.client import InferenceClient


class Load:
    """`whole` answers so far, each checked by its client against its length; `broken` are the errors of the others."""

    def __init__(self, client: InferenceClient, model: str, text: str | None) -> None:
        self._client, self._model, self._text = client, model, text
        self.whole = 0
        self.broken: list[str] = []
        self.deployments: set[str] = set()
        self._ending = False
        self._changed = asyncio.Event()

    async def caller(self) -> None:
        while not self._ending:
            stream = self._client.chat("Go on.", self._model)
            try:
                async for _ in stream:
                    pass
            except errors.AntiphonError as error:
                self.broken.append(f"{type(error).__name__}: {error}")
            else:
                if self._text is not None and stream.text != self._text:
                    self.broken.append(f"another text: {stream.text[:80]!r}")
                self.whole += 1
                self.deployments.add(stream.deployment)
            self._changed.set()

    async def more(self, count: int) -> None:
        """So many whole answers more than now."""
        wanted = self.whole + count
        async with asyncio.timeout(60):
            while self.whole < wanted:
                self._changed.clear()
                await self._changed.wait()

    def end(self) -> None:
        self._ending = True


@contextlib.asynccontextmanager
async def load(
    target: str, callers: int, *, model: str = "chat", text: str | None = None, **client: Any
) -> AsyncIterator[Load]:
    """The block runs while they ask; at its end each finishes what it has begun."""
    async with InferenceClient(target, **client) as client_, asyncio.TaskGroup() as group:
        load = Load(client_, model, text)
        for _ in range(callers):
            group.create_task(load.caller())
        try:
            yield load
        finally:
            load.end()
