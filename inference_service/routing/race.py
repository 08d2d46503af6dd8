"""Hedging: a second deployment next to a silent first one. The first content wins, an error never does.

A hedge never waits for a lease. The loser is cancelled at once, its credential returns, its cost is recorded, and its
breaker learns nothing.
"""

import asyncio

from inference_service.domain import Composing, Delta, Finish, Picture, Preview, Reasoning
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.routing.calls import Call, Calls
from inference_service.routing.hedge import Hedger
from inference_service.routing.watch import Silence
from inference_service.tools import ToolCall

CONTENT = frozenset({Delta, Reasoning, Composing, ToolCall, Picture, Preview, Finish})
Peeks = dict[asyncio.Task[UpstreamFailure | None], Call]


async def race(calls: Calls, hedger: Hedger) -> None:
    """Leaves at most one call running: the one with the first content."""
    loop = asyncio.get_running_loop()
    first = calls.running[0]
    peeks: Peeks = {loop.create_task(_peek(calls, first)): first}
    delay: float | None = hedger.delay(first.name)
    try:
        while peeks:
            done, _ = await asyncio.wait(peeks, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                delay = None
                if hedger.take(loop.time()) and (lease := await calls.find_successor(first)) is not None:
                    second = calls.begin(lease, hedge=True)
                    peeks[loop.create_task(_peek(calls, second))] = second
            for task in done:
                call = peeks.pop(task)
                if (failure := task.result()) is None:
                    await _win(calls, hedger, call, peeks)
                    return
                await calls.fail(call, failure)
    finally:
        for task in peeks:
            task.cancel()
        if peeks:
            await asyncio.wait(peeks)


async def _peek(calls: Calls, call: Call) -> UpstreamFailure | None:
    """Reads up to the first content; None once it is there."""
    try:
        while True:
            event = await call.attempt.next()
            if type(event) is Silence:
                if len(calls.running) == 1 and not event.over:
                    call.attempt.snooze()
                    continue
                return UpstreamFailure(event.kind, event.message)
            if event is None or (type(event) is Finish and not call.held):
                return UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider's answer was empty", status=200)
            call.held.append(event)
            if type(event) in CONTENT:
                return None
    except UpstreamFailure as failure:
        return failure


async def _win(calls: Calls, hedger: Hedger, winner: Call, peeks: Peeks) -> None:
    entry, observer = winner.attempt.entry, calls.desk.observer
    if (after := entry.first_content_after()) is not None:
        hedger.observe(entry.deployment, after)
    if entry.hedge:
        observer.hedged(calls.terms.request_id, entry.deployment, won=True)
    for task, call in list(peeks.items()):
        task.cancel()
        await asyncio.wait([task])
        del peeks[task]
        failure = None if task.cancelled() else task.result()
        if failure is not None:  # it failed at the very moment in which the other one won
            await calls.fail(call, failure)
        elif call in calls.running:
            call.attempt.entry.discarded = True
            await calls.close(call)
        if call.attempt.entry.hedge:
            observer.hedged(calls.terms.request_id, call.name, won=False)
    calls.reason = ""
