"""The Chat RPC: domain events out as protobuf, usage recorded once, at the end."""

import time

from antiphon.config.model import Scope
from antiphon.v1 import chat_pb2
from inference_service.api import convert, status, validate
from inference_service.api.door import Admission, Context
from inference_service.api.parts import Shared
from inference_service.domain import Finished, UsageRecord
from inference_service.failures import RequestFailure


async def chat(shared: Shared, context: Context) -> None:
    async def handle(request: chat_pb2.ChatRequest, admission: Admission) -> None:
        violations = await validate.chat(request, shared.router.max_pixels)
        if violations:
            await status.refuse_violations(context, violations)
        await _answer(shared, request, context, admission)

    longest = shared.door.settings.chat_deadline
    await shared.door.run(context, chat_pb2.ChatRequest, Scope.CHAT, longest, handle)


async def _answer(shared: Shared, request: chat_pb2.ChatRequest, context: Context, admission: Admission) -> None:
    asked = convert.chat_request(request, admission.request_id, admission.caller)
    records: list[UsageRecord] = []
    began, first_token, failure = time.monotonic(), None, "cancelled"
    span = shared.traces.request("chat", asked.model, admission)
    try:
        async with shared.router.chat(asked, admission.deadline) as events:
            async for event in events:
                if type(event) is UsageRecord:
                    records.append(event)
                elif type(event) is Finished:
                    first_token = event.first_token
                await context.write(convert.chat_response(event, admission.request_id))
        failure = ""
    except RequestFailure as failed:
        failure = status.CODES[failed.outcome][0].name.lower()
        records.extend(failed.usage)
        raise
    finally:
        span.end(failure)
        shared.metrics.request_ended(
            "chat", shared.known_model(asked.model), time.monotonic() - began, failure, first_token, records
        )
        shared.ledger.record(asked.caller, records)
        tokens = sum(one.usage.prompt_tokens + one.usage.completion_tokens for one in records)
        await shared.door.budgets.settle(admission.caller, admission.config, tokens)
