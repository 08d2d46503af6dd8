"""The Embed, Transcribe and CountTokens RPCs: a single result each, over the same router and with the same accounting."""

from collections.abc import Iterator
from typing import Any

from antiphon.config.model import Scope
from antiphon.names import deployment_of
from antiphon.v1 import chat_pb2, embeddings_pb2, speech_pb2, tokens_pb2
from inference_service.api import convert, validate
from inference_service.api.deliver import deliver
from inference_service.api.door import Admission, Context
from inference_service.api.parts import Shared
from inference_service.api.questions import question
from inference_service.api.turns import InvalidRequestError
from inference_service.domain import AudioPart, Finished, Notice
from inference_service.unary import Embedded, EmbedRequest, Transcribed, TranscribeRequest
from inference_service.usage.sums import total

SOON = 30.0  # seconds that counting may take


async def embed(shared: Shared, context: Context) -> None:
    async def handle(request: embeddings_pb2.EmbedRequest, admission: Admission) -> None:
        if violations := validate.embed(request):
            raise InvalidRequestError(violations)
        asked = embed_request(request, admission)
        made = embeddings_pb2.EmbedResponse(request_id=admission.request_id)
        await deliver(
            shared, context, admission, "embed", asked.model, asked.caller,
            lambda: shared.router.embed(asked, admission.deadline), lambda event: assembled(made, event),
            request if request.replay else None,
        )  # fmt: skip

    longest = shared.door.settings.chat_deadline
    await shared.door.run(context, embeddings_pb2.EmbedRequest, Scope.CHAT, longest, handle)


async def transcribe(shared: Shared, context: Context) -> None:
    async def handle(request: speech_pb2.TranscribeRequest, admission: Admission) -> None:
        if violations := validate.transcribe(request):
            raise InvalidRequestError(violations)
        asked = transcribe_request(request, admission)
        made = speech_pb2.TranscribeResponse(request_id=admission.request_id)
        await deliver(
            shared, context, admission, "transcribe", asked.model, asked.caller,
            lambda: shared.router.transcribe(asked, admission.deadline), lambda event: assembled(made, event),
            request if request.replay else None,
        )  # fmt: skip

    longest = shared.door.settings.chat_deadline
    await shared.door.run(context, speech_pb2.TranscribeRequest, Scope.CHAT, longest, handle)


async def count_tokens(shared: Shared, context: Context) -> None:
    async def handle(request: tokens_pb2.CountTokensRequest, admission: Admission) -> None:
        chat = chat_pb2.ChatRequest(
            model=request.model, messages=request.messages, tools=request.tools, caller=request.caller
        )
        asked = await question(shared, chat, admission)
        deployment, tokens = shared.router.count_tokens(asked)
        answer = tokens_pb2.CountTokensResponse(
            request_id=admission.request_id,
            tokens=tokens,
            estimated=True,
            deployment=deployment_of(deployment.name),
            context_tokens=deployment.capabilities.context_tokens,
        )
        await context.write(answer)

    await shared.door.run(context, tokens_pb2.CountTokensRequest, Scope.CHAT, SOON, handle)


def embed_request(given: embeddings_pb2.EmbedRequest, admission: Admission) -> EmbedRequest:
    return EmbedRequest(
        request_id=admission.request_id,
        model=given.model,
        inputs=tuple(given.inputs),
        dimensions=given.dimensions if given.HasField("dimensions") else None,
        strict=given.unsupported_setting == convert.REFUSE,
        caller=convert.caller_of(admission.caller, given.caller),
    )


def transcribe_request(given: speech_pb2.TranscribeRequest, admission: Admission) -> TranscribeRequest:
    return TranscribeRequest(
        request_id=admission.request_id,
        model=given.model,
        audio=AudioPart(convert.mime_of(given.audio.mime_type), given.audio.data),
        language=given.language,
        prompt=given.prompt,
        temperature=given.temperature if given.HasField("temperature") else None,
        timestamps=given.timestamps,
        strict=given.unsupported_setting == convert.REFUSE,
        caller=convert.caller_of(admission.caller, given.caller),
    )


def assembled(made: Any, event: Any) -> Iterator[Any]:
    """Returns the whole response with the last event. Both responses share the fields about the attempts."""
    match event:
        case Embedded():
            made.embeddings.extend(embeddings_pb2.Embedding(values=vector) for vector in event.vectors)
        case Transcribed():
            fill(made, event)
        case Notice():
            made.notices.append(convert.notice(event))
        case Finished():
            made.deployment.CopyFrom(deployment_of(event.deployment))
            made.usage.CopyFrom(convert.usage(total(event.used)))
            made.usage.deployment.CopyFrom(made.deployment)
            made.attempts = event.attempts
            made.failed_attempts.extend(convert.attempts(event.failed))
            yield made


def fill(made: speech_pb2.TranscribeResponse, said: Transcribed) -> None:
    made.text, made.language = said.text, said.language
    if said.seconds is not None:
        made.duration.CopyFrom(convert.duration(said.seconds))
    made.segments.extend(
        speech_pb2.TranscriptSegment(
            start=convert.duration(one.start), end=convert.duration(one.end), text=one.text, no_speech=one.no_speech
        )
        for one in said.segments
    )
