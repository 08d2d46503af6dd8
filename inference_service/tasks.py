"""Background tasks that cannot fail silently.

A task that ends with an exception is logged and counted, then restarted with growing pauses.
While it is down, `healthy` is false and the service reports itself as not ready.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# seconds; a task that ran this long without a failure starts over with the first pause
SETTLED = 60.0


class Supervisor:
    """Owns every background task of the service. `close` cancels them and waits until they have ended.

    Tasks run in the context in which the supervisor was created: they belong to no request.
    """

    def __init__(self) -> None:
        self._context = contextvars.copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._down: set[str] = set()
        self.restarts = 0

    @property
    def healthy(self) -> bool:
        """Whether every supervised task is running."""
        return not self._down

    @property
    def down(self) -> list[str]:
        """Names of the tasks that have failed and are not running again yet."""
        return sorted(self._down)

    def watch(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Runs `work` until it returns; restarts it whenever it raises."""
        return self._start(name, self._supervise(name, work))

    def spawn(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Runs `work` once in the background; a failure is logged, never lost."""
        return self._start(name, self._once(name, work))

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _once(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except Exception as error:
            self.restarts += 1
            log.exception("background task failed", task=name, exc_info=error)

    async def _supervise(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while True:
            began = loop.time()
            recovery = loop.call_later(FIRST_PAUSE, self._down.discard, name)
            try:
                await work()
                self._down.discard(name)
                return
            except Exception as error:
                self.restarts += 1
                self._down.add(name)
                log.exception("background task failed and will be restarted", task=name, pause=pause, exc_info=error)
            finally:
                recovery.cancel()
            if loop.time() - began > SETTLED:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
