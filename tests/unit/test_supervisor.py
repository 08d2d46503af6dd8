"""Background tasks cannot fail in silence."""

import asyncio

import pytest
from structlog.testing import capture_logs

from inference_service import tasks
from inference_service.tasks import Supervisor


class Pauses:
    """Takes the place of the pause: a test sees how long it would be, and ends it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._asked: asyncio.Queue[tuple[float, asyncio.Event]] = asyncio.Queue()
        monkeypatch.setattr(tasks.asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        self._asked.put_nowait((seconds, over))
        await over.wait()

    async def next(self) -> tuple[float, asyncio.Event]:
        return await self._asked.get()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    return Pauses(monkeypatch)


async def test_a_watch_task_that_fails_is_logged_and_restarted_and_the_service_is_unhealthy_meanwhile(
    pauses: Pauses,
) -> None:
    supervisor, again, may_end = Supervisor(), asyncio.Event(), asyncio.Event()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("broken")
        again.set()
        await may_end.wait()

    assert supervisor.healthy
    with capture_logs() as logs:
        task = supervisor.watch("watch", work)
        pause, over = await pauses.next()
    assert not supervisor.healthy
    assert supervisor.down == ["watch"]
    assert supervisor.restarts == 1
    assert pause == tasks.FIRST_PAUSE
    assert [(log["task"], log["log_level"]) for log in logs] == [("watch", "error")]
    over.set()
    await again.wait()
    may_end.set()
    await task
    assert supervisor.healthy
    assert supervisor.down == []


async def test_the_pauses_grow_to_half_a_minute(pauses: Pauses) -> None:
    supervisor = Supervisor()

    async def work() -> None:
        raise RuntimeError("broken")

    supervisor.watch("watch", work)
    seen = []
    for _ in range(9):
        pause, over = await pauses.next()
        seen.append(pause)
        over.set()
    await supervisor.close()
    assert seen == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert supervisor.restarts >= 9


async def test_a_task_that_has_run_long_starts_from_the_first_pause_again(
    pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor()

    async def work() -> None:
        raise RuntimeError("broken")

    supervisor.watch("watch", work)
    for _ in range(3):
        pause, over = await pauses.next()
        over.set()
    assert pause == 2.0
    monkeypatch.setattr(tasks, "SETTLED", -1.0)  # every run counts as long
    pause, over = await pauses.next()
    over.set()
    pause, over = await pauses.next()
    await supervisor.close()
    assert pause == 0.5


async def test_a_task_that_came_back_and_stays_is_healthy_again(
    pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "FIRST_PAUSE", 0.0)  # it counts as back as soon as it has begun
    supervisor, back = Supervisor(), asyncio.Event()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("broken")
        asyncio.get_running_loop().call_later(0.0, back.set)
        await asyncio.Event().wait()

    supervisor.watch("watch", work)
    _, over = await pauses.next()
    assert not supervisor.healthy
    over.set()
    await back.wait()
    assert supervisor.healthy
    await supervisor.close()


async def test_every_task_that_is_down_is_named(pauses: Pauses) -> None:
    supervisor = Supervisor()

    async def work() -> None:
        raise RuntimeError("broken")

    for name in ("b", "a"):
        supervisor.watch(name, work)
        await pauses.next()
    assert supervisor.down == ["a", "b"]
    await supervisor.close()


async def test_a_task_that_returns_is_over_and_not_started_again() -> None:
    supervisor, runs = Supervisor(), []

    async def work() -> None:
        runs.append(1)

    await supervisor.watch("watch", work)
    assert runs == [1]
    assert supervisor.healthy
    assert supervisor.restarts == 0
    await supervisor.close()


async def test_work_in_the_background_that_fails_is_logged_and_the_service_stays_healthy() -> None:
    supervisor = Supervisor()

    async def work() -> None:
        raise RuntimeError("broken")

    with capture_logs() as logs:
        await supervisor.spawn("errand", work())
    assert [(log["task"], log["log_level"]) for log in logs] == [("errand", "error")]
    assert supervisor.restarts == 1
    assert supervisor.healthy


async def test_closing_cancels_everything_and_waits_for_its_end() -> None:
    supervisor, ended, begun = Supervisor(), [], asyncio.Semaphore(0)

    async def work() -> None:
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    tasks_of_it = [supervisor.watch("watch", work), supervisor.spawn("errand", work())]
    for _ in tasks_of_it:
        await begun.acquire()
    await supervisor.close()
    assert ended == [1, 1]
    assert all(task.cancelled() for task in tasks_of_it)
    assert supervisor.restarts == 0  # to be cancelled is no failure
    await supervisor.close()  # a second time is nothing


async def test_a_task_that_pauses_is_closed_at_once(pauses: Pauses) -> None:
    supervisor = Supervisor()

    async def work() -> None:
        raise RuntimeError("broken")

    task = supervisor.watch("watch", work)
    await pauses.next()
    await supervisor.close()
    assert task.cancelled()
