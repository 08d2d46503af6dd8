"""Background work: every task has an owner, is reported when it fails, and ends with the bot."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from discord_bot.metrics import BotMetrics

log = structlog.get_logger(__name__)


class Tasks:
    def __init__(self, metrics: BotMetrics) -> None:
        self._metrics = metrics
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._metrics.errors.labels(task.get_name()).inc()
            log.error("background task failed", task=task.get_name(), exc_info=error)

    async def end(self) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
