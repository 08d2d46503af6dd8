"""The Chat and Complete RPCs: the same admission and routing, with the events streamed or assembled."""

from collections.abc import Callable, Iterable

from google.protobuf.message import Message

from antiphon.config.model import Scope
from antiphon.v1 import chat_pb2
from inference_service.api import convert
from inference_service.api.completion import Completion
from inference_service.api.deliver import deliver
from inference_service.api.door import Admission, Context
from inference_service.api.parts import Shared
from inference_service.api.questions import question
from inference_service.domain import RoutedChatEvent

Respond = Callable[[RoutedChatEvent], Iterable[Message]]


async def chat(shared: Shared, context: Context) -> None:
    def respond(request_id: str) -> Respond:
        return lambda event: (convert.chat_response(event, request_id),)

    await answer(shared, context, respond, "chat")


async def complete(shared: Shared, context: Context) -> None:
    await answer(shared, context, lambda request_id: Completion(request_id).add, "complete")


async def answer(shared: Shared, context: Context, respond: Callable[[str], Respond], operation: str) -> None:
    """`respond`: given the request's id, returns what turns events into responses."""

    async def handle(request: chat_pb2.ChatRequest, admission: Admission) -> None:
        original = copy_of(request) if request.replay else None
        chat = await question(shared, request, admission)
        await deliver(
            shared,
            context,
            admission,
            operation,
            chat.model,
            chat.caller,
            lambda: shared.router.chat(chat, admission.deadline),
            respond(admission.request_id),
            original,
        )

    longest = shared.door.settings.chat_deadline
    await shared.door.run(context, chat_pb2.ChatRequest, Scope.CHAT, longest, handle)


def copy_of(request: chat_pb2.ChatRequest) -> chat_pb2.ChatRequest:
    """Before the links and documents in it are replaced by their contents."""
    copy = chat_pb2.ChatRequest()
    copy.CopyFrom(request)
    return copy
