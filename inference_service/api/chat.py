"""The Chat RPC: domain events out as protobuf."""

from collections.abc import Iterable

from antiphon.config.model import Scope
from antiphon.v1 import chat_pb2
from inference_service.api import convert, status, validate
from inference_service.api.deliver import deliver
from inference_service.api.door import Admission, Context
from inference_service.api.large import apart
from inference_service.api.parts import Shared
from inference_service.domain import RoutedChatEvent


async def chat(shared: Shared, context: Context) -> None:
    async def handle(request: chat_pb2.ChatRequest, admission: Admission) -> None:
        violations = await validate.chat(request, shared.router.max_pixels, admission.size)
        if violations:
            await status.refuse_violations(context, violations)
        question = await apart(admission.size, convert.chat_request, request, admission.request_id, admission.caller)

        def respond(event: RoutedChatEvent) -> Iterable[chat_pb2.ChatResponse]:
            return (convert.chat_response(event, admission.request_id),)

        await deliver(
            shared,
            context,
            admission,
            "chat",
            question.model,
            question.caller,
            lambda: shared.router.chat(question, admission.deadline),
            respond,
        )

    longest = shared.door.settings.chat_deadline
    await shared.door.run(context, chat_pb2.ChatRequest, Scope.CHAT, longest, handle)
