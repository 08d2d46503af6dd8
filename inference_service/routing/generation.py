"""One configuration in effect, and how many requests still run on it."""

import asyncio
from typing import Self

from antiphon.config.model import Config, ImageTimeouts, Timeouts
from inference_service.routing.build import Parts
from inference_service.routing.hedge import Hedger
from inference_service.routing.watch import Bounds


class Generation:
    """`with generation:` keeps its providers open; `retired` waits until nothing runs on it any more."""

    def __init__(self, number: int, config: Config, parts: Parts) -> None:
        self.name = f"generation-{number}"
        self.config, self.parts = config, parts
        self.hedgers = {route.model: Hedger(route.hedge) for route in parts.plan.routes if route.hedge}
        self.ended = asyncio.Event()  # another configuration has taken effect
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> Self:
        self._running += 1
        self._idle.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._running -= 1
        if not self._running:
            self._idle.set()

    async def retired(self) -> None:
        await self._idle.wait()

    async def close(self) -> None:
        self.ended.set()
        for provider in self.parts.plan.providers.values():
            await provider.close()


def chat_bounds(timeouts: Timeouts) -> Bounds:
    fixed = {"headers": "headers", "first_token": "first", "idle": "idle"}
    return Bounds(
        timeouts.headers,
        timeouts.first_token,
        timeouts.idle,
        timeouts.total,
        timeouts.slowest,
        timeouts.slowest_window,
        frozenset(name for key, name in fixed.items() if key in timeouts.model_fields_set),
    )


def image_bounds(timeouts: ImageTimeouts) -> Bounds:
    return Bounds(timeouts.headers, timeouts.idle, timeouts.idle, timeouts.total)
