"""Database writes that follow finished work: the work stays whether or not the database is there to record it.

A failed write is retried with growing pauses for some minutes. Readers of the answer do not notice.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from asyncpg import PostgresError
from sqlalchemy.exc import SQLAlchemyError

from discord_bot.metrics import BotMetrics

log = structlog.get_logger(__name__)
PAUSES = (0.2, 0.5, 1, 2, 4, 8, 15, 30, 60, 60, 60, 60, 60)  # seconds, about six minutes in all
FIRST_TRY = 2.0  # seconds that the work itself waits; the rest happens in the background
LAST_TRY = 5.0  # seconds that a shutdown waits for pending writes
DATABASE = (SQLAlchemyError, PostgresError)
TROUBLE = (*DATABASE, OSError)
"""What a database that is away, full or restarting raises."""

Write = Callable[[], Awaitable[None]]


class WriteRetries:
    def __init__(self, metrics: BotMetrics) -> None:
        self._metrics = metrics
        self._later: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()

    async def note(self, what: str, write: Write) -> None:
        """Never raises for a database in trouble. `write` is called again, so it must write the state at that moment."""
        task = asyncio.create_task(self._write(what, write), name=f"ledger:{what}")
        self._later.add(task)
        task.add_done_callback(self._written)
        await asyncio.wait({task}, timeout=FIRST_TRY)

    @contextlib.asynccontextmanager
    async def refunded_on_failure(self, refund: Write) -> AsyncIterator[None]:
        """Wraps the first steps of work that is charged already: if they fail, the person is refunded."""
        try:
            yield
        except BaseException:
            await self.note("refund", refund)
            raise

    def _written(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._metrics.errors.labels("ledger").inc()
            log.error("a write failed", write=task.get_name(), exc_info=error)

    async def _write(self, what: str, write: Write) -> None:
        for pause in (*PAUSES, None):
            try:
                await write()
            except TROUBLE as error:
                if pause is None:
                    self._metrics.errors.labels("ledger").inc()
                    log.error("given up writing", what=what, error=type(error).__name__)  # noqa: TRY400 - expected trouble, told once
                    return
                log.warning("the database did not take a write", what=what, error=type(error).__name__, again_in=pause)
            else:
                return
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        """On shutdown, one last attempt is made at once."""
        try:
            async with asyncio.timeout(seconds if not self._ending.is_set() else 0.5):
                await self._ending.wait()
                if seconds:
                    await asyncio.sleep(min(seconds, 0.5))
        except TimeoutError:
            return

    async def end(self) -> None:
        self._ending.set()
        if self._later:
            await asyncio.wait(set(self._later), timeout=LAST_TRY)
        for task in list(self._later):
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)
