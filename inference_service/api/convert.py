"""Converts between protobuf and the domain's values. Requests have been validated before they get here."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from google.protobuf import json_format, struct_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon.names import deployment_of, failure_of, stage_of
from antiphon.v1 import chat_pb2, common_pb2, image_pb2, models_pb2, tools_pb2
from inference_service import domain, settings
from inference_service.domain import (
    AudioPart,
    Caller,
    CheckedPicture,
    Cost,
    Delta,
    Finished,
    FinishReason,
    Handover,
    ImageFormat,
    ImagePart,
    Logprobs,
    Message,
    Notice,
    NoticeKind,
    OnInterruption,
    Preview,
    Progress,
    Reasoning,
    Role,
    Started,
    Task,
    TextPart,
    UsageRecord,
)
from inference_service.tools import ResponseFormat, Tool, ToolCall, ToolChoice, ToolMode, ToolResult
from inference_service.usage.sums import total

ROLES = {
    chat_pb2.ROLE_SYSTEM: Role.SYSTEM,
    chat_pb2.ROLE_USER: Role.USER,
    chat_pb2.ROLE_ASSISTANT: Role.ASSISTANT,
    chat_pb2.ROLE_TOOL: Role.TOOL,
}
MODES = {
    tools_pb2.TOOL_MODE_UNSPECIFIED: ToolMode.AUTO,
    tools_pb2.TOOL_MODE_AUTO: ToolMode.AUTO,
    tools_pb2.TOOL_MODE_NONE: ToolMode.NONE,
    tools_pb2.TOOL_MODE_REQUIRED: ToolMode.REQUIRED,
}
INTERRUPTIONS = {
    chat_pb2.ON_INTERRUPTION_CONTINUE: OnInterruption.CONTINUE,
    chat_pb2.ON_INTERRUPTION_RESTART: OnInterruption.RESTART,
    chat_pb2.ON_INTERRUPTION_FAIL: OnInterruption.FAIL,
}
FINISHES = {
    FinishReason.STOP: chat_pb2.FINISH_REASON_STOP,
    FinishReason.LENGTH: chat_pb2.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: chat_pb2.FINISH_REASON_CONTENT_FILTER,
    FinishReason.OTHER: chat_pb2.FINISH_REASON_OTHER,
    FinishReason.TOOL_CALLS: chat_pb2.FINISH_REASON_TOOL_CALLS,
}
NOTICES = {
    NoticeKind.DROPPED: common_pb2.NOTICE_KIND_DROPPED,
    NoticeKind.CHANGED: common_pb2.NOTICE_KIND_CHANGED,
    NoticeKind.INFO: common_pb2.NOTICE_KIND_INFO,
}
FORMATS = {
    image_pb2.IMAGE_FORMAT_PNG: ImageFormat.PNG,
    image_pb2.IMAGE_FORMAT_JPEG: ImageFormat.JPEG,
    image_pb2.IMAGE_FORMAT_WEBP: ImageFormat.WEBP,
}
TASKS = {
    Task.CHAT: models_pb2.TASK_CHAT,
    Task.IMAGE: models_pb2.TASK_IMAGE,
    Task.EMBED: models_pb2.TASK_EMBED,
    Task.TRANSCRIBE: models_pb2.TASK_TRANSCRIBE,
}
REFUSE = common_pb2.UNSUPPORTED_SETTING_REFUSE
LONGEST_STAGE = 80


def caller_of(name: str, caller: common_pb2.Caller) -> Caller:
    return Caller(name, caller.tenant_id, caller.user_id)


def chat_request(request: chat_pb2.ChatRequest, request_id: str, caller: str) -> domain.ChatRequest:
    """Links and documents have been fetched and read already (`material`)."""
    begun = request.messages[-1].partial
    turns = request.messages[:-1] if begun else request.messages
    names = {
        part.tool_call.id: part.tool_call.name for turn in turns for part in turn.parts if part.HasField("tool_call")
    }
    return domain.ChatRequest(
        request_id=request_id,
        model=request.model,
        messages=tuple(Message(ROLES[turn.role], tuple(part_of(part, names) for part in turn.parts)) for turn in turns),
        sampling=settings.taken(request),
        on_interruption=INTERRUPTIONS.get(request.on_interruption),
        strict=request.unsupported_setting == REFUSE,
        caller=caller_of(caller, request.caller),
        tools=tuple(map(tool_of, request.tools)),
        tool_choice=choice_of(request.tool_choice) if request.HasField("tool_choice") else None,
        response_format=format_of(request.response_format),
        conversation_id=request.conversation_id,
        partial="".join(part.text for part in request.messages[-1].parts) if begun else "",
        provider_options=options_of(request.provider_options),
    )


def part_of(part: chat_pb2.Part, names: Mapping[str, str] = {}) -> domain.Part:
    """`names`: the tools' names by the ids of their calls."""
    match part.WhichOneof("content"):
        case "text":
            return TextPart(part.text)
        case "image":
            return _picture(part.image)
        case "audio":
            return AudioPart(mime_of(part.audio.mime_type), part.audio.data)
        case "tool_call":
            call = part.tool_call
            return ToolCall(call.id, call.name, call.arguments, call.signature)
        case "tool_result":
            result = part.tool_result
            return ToolResult(result.call_id, result.content, result.is_error, names.get(result.call_id, ""))
    raise ValueError("links and documents are read before a request is converted")


def mime_of(mime: str) -> str:
    """Drops parameters such as the codec."""
    return mime.partition(";")[0].strip().lower()


def tool_of(tool: tools_pb2.Tool) -> Tool:
    parameters = msgspec.json.decode(tool.parameters) if tool.parameters else {}
    return Tool(tool.name, tool.description, parameters, tool.strict)


def choice_of(choice: tools_pb2.ToolChoice) -> ToolChoice:
    return ToolChoice(ToolMode.REQUIRED, choice.name) if choice.name else ToolChoice(MODES[choice.mode])


def format_of(form: chat_pb2.ResponseFormat) -> ResponseFormat | None:
    match form.WhichOneof("format"):
        case "json_object":
            return ResponseFormat()
        case "json_schema":
            wanted = form.json_schema
            return ResponseFormat(msgspec.json.decode(wanted.schema), wanted.name or "answer", wanted.description)
    return None


def options_of(options: struct_pb2.Struct) -> dict[str, dict[str, Any]]:
    return {name: whole_numbers(value) for name, value in json_format.MessageToDict(options).items()}


def whole_numbers(value: Any) -> Any:
    """A Struct has only one kind of number; APIs tell 1 from 1.0."""
    if isinstance(value, dict):
        return {name: whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole_numbers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _picture(image: chat_pb2.InlineImage) -> ImagePart:
    return ImagePart(image.mime_type, image.data)


def image_request(request: image_pb2.ImageRequest, request_id: str, caller: str) -> domain.ImageRequest:
    shape = request.WhichOneof("shape")
    return domain.ImageRequest(
        request_id=request_id,
        model=request.model,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        size=(request.size.width, request.size.height) if shape == "size" else None,
        aspect_ratio=(request.aspect_ratio.horizontal, request.aspect_ratio.vertical)
        if shape == "aspect_ratio"
        else None,
        seed=request.seed if request.HasField("seed") else None,
        steps=request.steps if request.HasField("steps") else None,
        guidance_scale=request.guidance_scale if request.HasField("guidance_scale") else None,
        count=request.count or 1,
        format=FORMATS.get(request.format),
        max_bytes=request.max_bytes or None,
        input_image=_picture(request.input_image) if request.HasField("input_image") else None,
        strict=request.unsupported_setting == REFUSE,
        caller=caller_of(caller, request.caller),
    )


# --- answers ---------------------------------------------------------------------------------


def chat_response(event: domain.RoutedChatEvent, request_id: str) -> chat_pb2.ChatResponse:
    if type(event) is Started:
        return chat_pb2.ChatResponse(started=started(event, request_id))
    return CHAT_RESPONSES[type(event)](event)


def started(event: Started, request_id: str) -> common_pb2.Started:
    return common_pb2.Started(request_id=request_id, deployment=deployment_of(event.deployment), attempt=event.attempt)


def progress(event: Progress) -> common_pb2.Progress:
    progress = common_pb2.Progress(stage=event.stage[:LONGEST_STAGE], kind=stage_of(event.stage))
    if event.fraction is not None:
        progress.fraction = min(1.0, max(0.0, event.fraction))
    if event.queue_position is not None:
        progress.queue_position = max(1, event.queue_position)
    if event.eta is not None:
        progress.eta.CopyFrom(duration(event.eta))
    return progress


def notice(event: Notice) -> common_pb2.Notice:
    return common_pb2.Notice(kind=NOTICES[event.kind], field=event.field, message=event.message)


def handover(event: Handover) -> common_pb2.Handover:
    return common_pb2.Handover(
        from_deployment=deployment_of(event.from_deployment),
        to_deployment=deployment_of(event.to_deployment),
        reason=failure_of(event.reason),
        keep_chars=event.keep_chars,
        attempt=event.attempt,
    )


def usage(record: UsageRecord) -> common_pb2.Usage:
    return common_pb2.Usage(
        deployment=deployment_of(record.deployment),
        prompt_tokens=record.usage.prompt_tokens,
        completion_tokens=record.usage.completion_tokens,
        reasoning_tokens=record.usage.reasoning_tokens,
        images=record.usage.images,
        estimated=record.estimated,
        discarded=record.discarded,
        cached_tokens=record.usage.cached_tokens,
        audio_tokens=record.usage.audio_tokens,
        audio=duration(record.usage.audio_seconds) if record.usage.audio_seconds else None,
        cost=None if record.cost is None else cost(record.cost),
    )


def cost(cost: Cost) -> common_pb2.Cost:
    return common_pb2.Cost(micros=cost.micros, currency=cost.currency, price_date=cost.date, incomplete=cost.incomplete)


def tool_call(call: ToolCall) -> tools_pb2.ToolCall:
    return tools_pb2.ToolCall(id=call.id, name=call.name, arguments=call.arguments, signature=call.signature)


def logprobs(event: Logprobs) -> chat_pb2.Logprobs:
    return chat_pb2.Logprobs(
        tokens=[
            chat_pb2.TokenLogprob(
                token=entry.token,
                logprob=entry.logprob,
                top=[chat_pb2.TopLogprob(token=token, logprob=likely) for token, likely in entry.top],
            )
            for entry in event.tokens
        ]
    )


def attempts(failed: tuple[domain.AttemptRecord, ...]) -> list[common_pb2.Attempt]:
    return [
        common_pb2.Attempt(
            deployment=deployment_of(attempt.deployment),
            failure=failure_of(attempt.failure),
            http_status=attempt.http_status,
            duration=duration(attempt.duration),
        )
        for attempt in failed
    ]


def chat_finished(event: Finished) -> chat_pb2.ChatFinished:
    return chat_pb2.ChatFinished(
        reason=FINISHES[event.reason],
        total_chars=event.total_chars,
        attempts=event.attempts,
        failed_attempts=attempts(event.failed),
        deployment=deployment_of(event.deployment),
        time_to_first_token=None if event.first_token is None else duration(event.first_token),
        tool_calls=event.tool_calls,
        usage=usage(total(event.used)),
    )


# Dispatches by type: a class pattern would call a method for every class that does not match.
CHAT_RESPONSES: dict[type[Any], Callable[[Any], chat_pb2.ChatResponse]] = {
    Delta: lambda event: chat_pb2.ChatResponse(delta=event.text),
    Reasoning: lambda event: chat_pb2.ChatResponse(reasoning=event.text),
    Progress: lambda event: chat_pb2.ChatResponse(progress=progress(event)),
    Notice: lambda event: chat_pb2.ChatResponse(notice=notice(event)),
    Handover: lambda event: chat_pb2.ChatResponse(handover=handover(event)),
    ToolCall: lambda event: chat_pb2.ChatResponse(tool_call=tool_call(event)),
    Logprobs: lambda event: chat_pb2.ChatResponse(logprobs=logprobs(event)),
    UsageRecord: lambda event: chat_pb2.ChatResponse(usage=usage(event)),
    Finished: lambda event: chat_pb2.ChatResponse(finished=chat_finished(event)),
}


def image_finished(event: Finished, images: int) -> image_pb2.ImageFinished:
    return image_pb2.ImageFinished(
        images=images,
        duration=duration(event.first_token or 0.0),
        attempts=event.attempts,
        failed_attempts=attempts(event.failed),
        deployment=deployment_of(event.deployment),
        usage=usage(total(event.used)),
    )


def image_header(picture: CheckedPicture) -> image_pb2.ImageHeader:
    header = image_pb2.ImageHeader(
        index=picture.index,
        mime_type=picture.mime,
        width=picture.width,
        height=picture.height,
        total_bytes=len(picture.data),
    )
    if picture.seed is not None:
        header.seed = picture.seed
    return header


def preview(event: Preview) -> image_pb2.Preview:
    return image_pb2.Preview(index=event.index, mime_type=event.mime, data=event.data)


def capabilities(can: domain.Capabilities) -> models_pb2.Capabilities:
    return models_pb2.Capabilities(
        vision=can.vision,
        streaming=can.streaming,
        prefill=can.prefill,
        seed=bool(can.settings & {"seed", "sampling.seed"}),
        negative_prompt="negative_prompt" in can.settings,
        input_image=can.input_image,
        context_tokens=can.context_tokens,
        max_side_pixels=can.max_side or max((max(size) for size in can.sizes), default=0),
        tools=can.tools,
        json_schema="json_schema" in can.formats,
        audio=can.audio,
        settings=sorted(can.settings),
        unknown=sorted(can.unknown),
    )


def duration(seconds: float) -> Duration:
    whole, part = divmod(round(max(0.0, seconds) * 1e9), 1_000_000_000)
    return Duration(seconds=whole, nanos=part)


def timestamp(epoch: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(int(epoch * 1e9))
    return stamp
