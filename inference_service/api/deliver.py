"""Delivers one answer to its caller and records it, in one place for every ending.

Usage, budgets, metrics and traces are recorded whether the answer finishes, fails, is cancelled, runs out of time or
ends with an internal error.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import Message

from inference_service.api import status
from inference_service.api.door import Admission, Context
from inference_service.api.parts import Shared
from inference_service.domain import Caller, Finished
from inference_service.failures import RequestFailure
from inference_service.routing.router import Request

Respond = Callable[[Any], Iterable[Message]]


async def deliver(
    shared: Shared,
    context: Context,
    admission: Admission,
    operation: str,
    model: str,
    caller: Caller,
    begin: Callable[[], Request],
    respond: Respond,
    asked: Any = None,
) -> None:
    """Sends what `respond` makes of every event. `begin` raises RequestFailure if no deployment may answer at all.

    asked: the request as it came, where the caller wants it replayed.
    """
    recording = None
    if asked is not None:
        key = (admission.caller, operation, admission.request_id)
        if (kept := await shared.replays.find(key, asked)) is not None:
            for message in kept:
                await context.write(message)
            return
        recording = shared.replays.record(key, asked)
    began, failure, request = time.monotonic(), "internal", None
    finish: Finished | None = None
    span = shared.traces.request(operation, model, admission)
    try:
        request = begin()
        async with request:
            async for event in request.events:
                if isinstance(event, Finished):
                    finish = event
                for response in respond(event):
                    await context.write(response)
                    if recording is not None:
                        recording.add(response)
        failure = ""
        if recording is not None:
            await recording.finish()
    except RequestFailure as failed:
        failure = status.CODES[failed.outcome][0].name.lower()
        raise
    except asyncio.CancelledError:
        failure = "cancelled"
        raise
    finally:
        records = request.journal.usage() if request is not None else []
        first_token = request.journal.first_token if request is not None and operation in ("chat", "complete") else None
        span.end(failure, records, finish)
        shared.metrics.request_ended(
            operation, shared.known_model(model), time.monotonic() - began, failure, first_token, records
        )
        shared.metrics.caller_served(admission.caller, operation, failure, records)
        shared.ledger.record(caller, records, shared.known_model(model))
        tokens = sum(record.usage.prompt_tokens + record.usage.completion_tokens for record in records)
        shared.door.budgets.settle(admission.caller, admission.config, tokens)
