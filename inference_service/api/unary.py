"""The Embed, Transcribe and CountTokens RPCs: a single result each, over the same router and with the same accounting."""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from antiphon.config.model import Scope
from antiphon.names import deployment_of
from antiphon.v1 import chat_pb2, embeddings_pb2, speech_pb2, tokens_pb2
from inference_service.api import convert, validate
from inference_service.api.deliver import deliver
from inference_service.api.door import Admission, Context
from inference_service.api.parts import Shared
from inference_service.api.questions import question
from inference_service.api.turns import InvalidRequestError, Violation
from inference_service.domain import AudioPart, Finished, Notice
from inference_service.routing.router import Request, Router
from inference_service.unary import Embedded, EmbedRequest, Transcribed, TranscribeRequest
from inference_service.usage.sums import total

SOON = 30.0  # seconds that counting may take


async def embed(shared: Shared, context: Context) -> None:
    await answer(shared, context, EMBED)


async def transcribe(shared: Shared, context: Context) -> None:
    await answer(shared, context, TRANSCRIBE)


async def answer(shared: Shared, context: Context, rpc: "Rpc") -> None:
    """One result for one request."""

    async def handle(request: Any, admission: Admission) -> None:
        if violations := rpc.check(request):
            raise InvalidRequestError(violations)
        order = rpc.translate(request, admission)
        made = rpc.response(request_id=admission.request_id)
        await deliver(
            shared, context, admission, rpc.name, order.model, order.caller,
            lambda: rpc.begin(shared.router, order, admission.deadline), lambda event: assembled(made, event),
            request if request.replay else None,
        )  # fmt: skip

    await shared.door.run(context, rpc.request, Scope.CHAT, shared.door.settings.chat_deadline, handle)


async def count_tokens(shared: Shared, context: Context) -> None:
    async def handle(request: tokens_pb2.CountTokensRequest, admission: Admission) -> None:
        chat = chat_pb2.ChatRequest(
            model=request.model, messages=request.messages, tools=request.tools, caller=request.caller
        )
        asked = await question(shared, chat, admission)
        deployment, tokens, estimated = await shared.router.count_tokens(asked)
        answer = tokens_pb2.CountTokensResponse(
            request_id=admission.request_id,
            tokens=tokens,
            estimated=estimated,
            deployment=deployment_of(deployment.name),
            context_tokens=deployment.capabilities.context_tokens,
        )
        await context.write(answer)

    await shared.door.run(context, tokens_pb2.CountTokensRequest, Scope.CHAT, SOON, handle)


def embed_request(request: embeddings_pb2.EmbedRequest, admission: Admission) -> EmbedRequest:
    return EmbedRequest(
        request_id=admission.request_id,
        model=request.model,
        inputs=tuple(request.inputs),
        dimensions=request.dimensions if request.HasField("dimensions") else None,
        strict=request.unsupported_setting == convert.REFUSE,
        caller=convert.caller_of(admission.caller, request.caller),
    )


def transcribe_request(request: speech_pb2.TranscribeRequest, admission: Admission) -> TranscribeRequest:
    return TranscribeRequest(
        request_id=admission.request_id,
        model=request.model,
        audio=AudioPart(convert.mime_of(request.audio.mime_type), request.audio.data),
        language=request.language,
        prompt=request.prompt,
        temperature=request.temperature if request.HasField("temperature") else None,
        timestamps=request.timestamps,
        strict=request.unsupported_setting == convert.REFUSE,
        caller=convert.caller_of(admission.caller, request.caller),
    )


def assembled(response: Any, event: Any) -> Iterator[Any]:
    """Returns the whole response with the last event. Both responses share the fields about the attempts."""
    match event:
        case Embedded():
            response.embeddings.extend(embeddings_pb2.Embedding(values=vector) for vector in event.vectors)
        case Transcribed():
            fill(response, event)
        case Notice():
            response.notices.append(convert.notice(event))
        case Finished():
            response.deployment.CopyFrom(deployment_of(event.deployment))
            response.usage.CopyFrom(convert.usage(total(event.used)))
            response.usage.deployment.CopyFrom(response.deployment)
            response.attempts = event.attempts
            response.failed_attempts.extend(convert.attempts(event.failed))
            yield response


def fill(response: speech_pb2.TranscribeResponse, said: Transcribed) -> None:
    response.text, response.language = said.text, said.language
    if said.seconds is not None:
        response.duration.CopyFrom(convert.duration(said.seconds))
    response.segments.extend(
        speech_pb2.TranscriptSegment(
            start=convert.duration(segment.start),
            end=convert.duration(segment.end),
            text=segment.text,
            no_speech=segment.no_speech,
        )
        for segment in said.segments
    )


class Rpc(Struct, frozen=True):
    """An RPC with one result: its messages, the check of a request, its form in the domain, and what begins the work."""

    name: str
    request: Any
    response: Any
    check: Callable[[Any], list[Violation]]
    translate: Callable[[Any, Admission], Any]
    begin: Callable[[Router, Any, float], Request]


EMBED = Rpc(
    "embed", embeddings_pb2.EmbedRequest, embeddings_pb2.EmbedResponse, validate.embed, embed_request, Router.embed
)
TRANSCRIBE = Rpc(
    "transcribe", speech_pb2.TranscribeRequest, speech_pb2.TranscribeResponse, validate.transcribe, transcribe_request,
    Router.transcribe,
)  # fmt: skip
