"""Waiting for what another task, process or service does, without looking again and again."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable

from antiphon.client import InferenceClient
from antiphon.v1 import operations_pb2

LONGEST = 30.0  # seconds; only a failing test waits that long
PAUSE = 0.05  # seconds between two questions to another process
# Tasks of gRPC itself, and of the open connections of a fake provider in the same process.
FOREIGN = ("RequestHandler", "_cython", "H2Call.run")


def own_tasks() -> set["asyncio.Task[object]"]:
    """The running tasks of the service and of the test."""
    return {task for task in asyncio.all_tasks() if not any(name in repr(task) for name in FOREIGN)}


async def only_left(tasks: Iterable["asyncio.Task[object]"], timeout: float = LONGEST) -> None:
    """Returns when no other task than these runs."""
    kept = {*tasks, asyncio.current_task()}
    async with asyncio.timeout(timeout):
        while others := own_tasks() - kept:
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)


async def status_where(
    client: InferenceClient, condition: Callable[[operations_pb2.Status], bool], timeout: float = LONGEST
) -> operations_pb2.Status:
    """The first status of the service that meets the condition; asks 20 times a second."""
    async with asyncio.timeout(timeout):
        while not condition(status := await client.status()):
            await asyncio.sleep(PAUSE)
    return status


async def process_ended(pid: int, timeout: float = LONGEST) -> None:
    """Returns when the process, a child or not, has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(timeout):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def holds(condition: Callable[[], bool], timeout: float = LONGEST) -> None:
    """As `becomes_true`, for the state of an object that has no event."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(PAUSE)


async def becomes_true(question: Callable[[], Awaitable[bool]], timeout: float = LONGEST) -> None:
    """Asks another process 20 times a second until it says yes; for state that nobody announces."""
    async with asyncio.timeout(timeout):
        while not await question():
            await asyncio.sleep(PAUSE)
