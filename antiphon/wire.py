"""Converts between protobuf and the client's plain values. Nothing else in the client knows both."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from google.protobuf.duration_pb2 import Duration

from antiphon import errors, events
from antiphon.names import deployment, failure, stage
from antiphon.v1 import chat_pb2, common_pb2, embeddings_pb2, image_pb2, models_pb2, speech_pb2, tools_pb2, usage_pb2

ROLES = {
    "system": chat_pb2.ROLE_SYSTEM,
    "user": chat_pb2.ROLE_USER,
    "assistant": chat_pb2.ROLE_ASSISTANT,
    "tool": chat_pb2.ROLE_TOOL,
}
MODES = {"auto": tools_pb2.TOOL_MODE_AUTO, "none": tools_pb2.TOOL_MODE_NONE, "required": tools_pb2.TOOL_MODE_REQUIRED}
INTERRUPTIONS = {
    None: chat_pb2.ON_INTERRUPTION_UNSPECIFIED,
    "continue": chat_pb2.ON_INTERRUPTION_CONTINUE,
    "restart": chat_pb2.ON_INTERRUPTION_RESTART,
    "fail": chat_pb2.ON_INTERRUPTION_FAIL,
}
EFFORTS = {
    None: chat_pb2.REASONING_EFFORT_UNSPECIFIED,
    "none": chat_pb2.REASONING_EFFORT_NONE,
    "low": chat_pb2.REASONING_EFFORT_LOW,
    "medium": chat_pb2.REASONING_EFFORT_MEDIUM,
    "high": chat_pb2.REASONING_EFFORT_HIGH,
}
FORMATS = {
    None: image_pb2.IMAGE_FORMAT_UNSPECIFIED,
    "png": image_pb2.IMAGE_FORMAT_PNG,
    "jpeg": image_pb2.IMAGE_FORMAT_JPEG,
    "webp": image_pb2.IMAGE_FORMAT_WEBP,
}
TASKS = {
    None: models_pb2.TASK_UNSPECIFIED,
    "chat": models_pb2.TASK_CHAT,
    "image": models_pb2.TASK_IMAGE,
    "embed": models_pb2.TASK_EMBED,
    "transcribe": models_pb2.TASK_TRANSCRIBE,
}
STRICT = {True: common_pb2.UNSUPPORTED_SETTING_REFUSE, False: common_pb2.UNSUPPORTED_SETTING_DROP}
ROW_FIELDS = tuple(one.name for one in fields(events.UsageRow) if one.name not in ("deployment", "day"))
LARGEST_IMAGE = 10 * 1024 * 1024  # from the contract


def message(turn: events.Message) -> chat_pb2.Message:
    return chat_pb2.Message(role=ROLES[turn.role], parts=[_part(part) for part in turn.parts], partial=turn.partial)


def _part(part: events.Part) -> chat_pb2.Part:
    match part:
        case events.Text():
            return chat_pb2.Part(text=part.text)
        case events.Image():
            return chat_pb2.Part(image=picture(part))
        case events.ImageLink():
            return chat_pb2.Part(image_link=chat_pb2.ImageLink(url=part.url))
        case events.Document():
            return chat_pb2.Part(document=chat_pb2.Document(mime_type=part.mime, data=part.data, name=part.name))
        case events.Audio():
            return chat_pb2.Part(audio=audio(part))
        case events.ToolCall():
            return chat_pb2.Part(tool_call=tools_pb2.ToolCall(**vars(part)))
        case events.ToolResult():
            return chat_pb2.Part(tool_result=tools_pb2.ToolResult(**vars(part)))


def audio(recording: events.Audio) -> chat_pb2.Audio:
    return chat_pb2.Audio(mime_type=recording.mime, data=recording.data)


def tool(declared: events.Tool) -> tools_pb2.Tool:
    parameters = "" if declared.parameters is None else json.dumps(declared.parameters, ensure_ascii=False)
    return tools_pb2.Tool(
        name=declared.name, description=declared.description, parameters=parameters, strict=declared.strict
    )


def choice(choice: str | events.Tool | None) -> tools_pb2.ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, events.Tool):
        return tools_pb2.ToolChoice(name=choice.name)
    return tools_pb2.ToolChoice(mode=MODES[choice])


def answer_format(form: events.JsonObject | events.JsonSchema | None) -> chat_pb2.ResponseFormat | None:
    if form is None:
        return None
    if isinstance(form, events.JsonObject):
        return chat_pb2.ResponseFormat(json_object=chat_pb2.JsonObjectFormat())
    schema = json.dumps(form.schema, ensure_ascii=False)
    wanted = chat_pb2.JsonSchemaFormat(name=form.name, schema=schema, description=form.description)
    return chat_pb2.ResponseFormat(json_schema=wanted)


def picture(image: events.Image) -> chat_pb2.InlineImage:
    return chat_pb2.InlineImage(mime_type=image.mime, data=image.data)


def sampling(settings: events.Sampling) -> chat_pb2.Sampling:
    values = {**asdict(settings), "reasoning_effort": EFFORTS[settings.reasoning_effort]}
    return chat_pb2.Sampling(**values)


def chat_request(
    turns: Sequence[events.Message],
    *,
    chosen: events.Sampling | None,
    request_id: str | None,
    provider_options: Mapping[str, Any] | None,
    **fields: Any,
) -> chat_pb2.ChatRequest:
    """Raises InvalidRequest for values that protobuf cannot hold. The service checks the ranges."""
    _check_sizes(turns)
    try:
        request = chat_pb2.ChatRequest(
            messages=[message(turn) for turn in turns],
            sampling=sampling(chosen) if chosen is not None else None,
            request_id=request_id or uuid.uuid4().hex,
            **fields,
        )
        if provider_options:
            request.provider_options.update(provider_options)
    except (ValueError, TypeError) as error:
        raise _unsendable(error) from None
    return request


def image_request(
    *,
    size: tuple[int, int] | None,
    aspect_ratio: tuple[int, int] | None,
    input_image: events.Image | None,
    request_id: str | None,
    **fields: Any,
) -> image_pb2.ImageRequest:
    """Raises InvalidRequest as `chat_request` does, and for size and aspect ratio together."""
    if size is not None and aspect_ratio is not None:
        problem = errors.InvalidRequest("set a size or an aspect ratio, not both")
        problem.violations = [("shape", "give a size or an aspect ratio, not both")]
        raise problem
    try:
        return image_pb2.ImageRequest(
            size=image_pb2.Size(width=size[0], height=size[1]) if size else None,
            aspect_ratio=image_pb2.AspectRatio(horizontal=aspect_ratio[0], vertical=aspect_ratio[1])
            if aspect_ratio
            else None,
            input_image=picture(input_image) if input_image else None,
            request_id=request_id or uuid.uuid4().hex,
            **fields,
        )
    except ValueError as error:
        raise _unsendable(error) from None


def _check_sizes(turns: Sequence[events.Message]) -> None:
    """Checked here because the transport refuses a large message without naming the field."""
    violations = [
        (
            f"messages[{number}].parts[{place}].image.data",
            f"has {len(part.data)} bytes; 1 to {LARGEST_IMAGE} are allowed",
        )
        for number, turn in enumerate(turns)
        for place, part in enumerate(turn.parts)
        if isinstance(part, events.Image) and len(part.data) > LARGEST_IMAGE
    ]
    if violations:
        problem = errors.InvalidRequest(f"{violations[0][0]}: {violations[0][1]}")
        problem.violations = violations
        raise problem


def _unsendable(error: Exception) -> errors.InvalidRequest:
    """A number beyond its type, or text that is no Unicode (half a character from a terminal in another encoding)."""
    if isinstance(error, UnicodeError):
        return errors.InvalidRequest("the text is not valid Unicode")
    return errors.InvalidRequest("a number is far out of range")


# --- events ----------------------------------------------------------------------------------


def seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9


def started(message: common_pb2.Started) -> events.Started:
    return events.Started(message.request_id, deployment(message.deployment), message.attempt)


def progress(message: common_pb2.Progress) -> events.Progress:
    return events.Progress(
        message.stage,
        message.fraction if message.HasField("fraction") else None,
        message.queue_position if message.HasField("queue_position") else None,
        seconds(message.eta) if message.HasField("eta") else None,
        stage(message.kind),
    )


def notice(message: common_pb2.Notice) -> events.Notice:
    kind = common_pb2.NoticeKind.Name(message.kind).removeprefix("NOTICE_KIND_").lower()
    return events.Notice(kind, message.field, message.message)


def handover(message: common_pb2.Handover) -> events.Handover:
    return events.Handover(
        deployment(message.from_deployment),
        deployment(message.to_deployment),
        failure(message.reason),
        message.keep_chars,
        message.attempt,
    )


def usage(message: common_pb2.Usage) -> events.Usage:
    return events.Usage(
        deployment(message.deployment),
        message.prompt_tokens,
        message.completion_tokens,
        message.reasoning_tokens,
        message.images,
        message.estimated,
        message.discarded,
        message.cached_tokens,
        message.audio_tokens,
        seconds(message.audio),
        events.Cost(message.cost.micros, message.cost.currency, message.cost.price_date, message.cost.incomplete)
        if message.HasField("cost")
        else None,
    )


def tool_call(call: tools_pb2.ToolCall) -> events.ToolCall:
    return events.ToolCall(call.id, call.name, call.arguments, call.signature)


def logprobs(logprobs: chat_pb2.Logprobs) -> events.Logprobs:
    tokens = (
        events.TokenLogprob(token.token, token.logprob, tuple((likely.token, likely.logprob) for likely in token.top))
        for token in logprobs.tokens
    )
    return events.Logprobs(tuple(tokens))


def completion(response: chat_pb2.CompleteResponse) -> events.Completion:
    return events.Completion(
        response.request_id,
        response.text,
        finished(response.finished),
        response.reasoning,
        tuple(map(tool_call, response.tool_calls)),
        tuple(map(usage, response.usages)),
        tuple(map(notice, response.notices)),
        logprobs(response.logprobs) if response.HasField("logprobs") else None,
    )


def attempts(messages: Sequence[common_pb2.Attempt]) -> tuple[errors.FailedAttempt, ...]:
    return tuple(
        errors.FailedAttempt(
            deployment(attempt.deployment), failure(attempt.failure), attempt.http_status, seconds(attempt.duration)
        )
        for attempt in messages
    )


def finished(message: chat_pb2.ChatFinished) -> events.Finished:
    return events.Finished(
        chat_pb2.FinishReason.Name(message.reason).removeprefix("FINISH_REASON_").lower(),
        message.total_chars,
        seconds(message.time_to_first_token) if message.HasField("time_to_first_token") else None,
        message.attempts,
        deployment(message.deployment),
        attempts(message.failed_attempts),
        usage(message.usage) if message.HasField("usage") else None,
        message.tool_calls,
        message.replayed,
    )


def embeddings(response: embeddings_pb2.EmbedResponse) -> events.Embeddings:
    vectors = tuple(tuple(embedding.values) for embedding in response.embeddings)
    return events.Embeddings(response.request_id, vectors, **_how_it_went(response))


def transcript(response: speech_pb2.TranscribeResponse) -> events.Transcript:
    segments = (
        events.Segment(
            seconds(segment.start),
            seconds(segment.end),
            segment.text,
            segment.no_speech if segment.HasField("no_speech") else None,
        )
        for segment in response.segments
    )
    length = seconds(response.duration) if response.HasField("duration") else None
    return events.Transcript(
        response.request_id, response.text, response.language, length, tuple(segments), **_how_it_went(response)
    )


def _how_it_went(response: embeddings_pb2.EmbedResponse | speech_pb2.TranscribeResponse) -> dict[str, Any]:
    return {
        "deployment": deployment(response.deployment),
        "usage": usage(response.usage) if response.HasField("usage") else None,
        "notices": tuple(map(notice, response.notices)),
        "attempts": response.attempts,
        "failed_attempts": attempts(response.failed_attempts),
        "replayed": response.replayed,
    }


def image_finished(message: image_pb2.ImageFinished) -> events.ImageFinished:
    return events.ImageFinished(
        message.images,
        seconds(message.duration),
        message.attempts,
        deployment(message.deployment),
        attempts(message.failed_attempts),
        usage(message.usage) if message.HasField("usage") else None,
        message.replayed,
    )


def model(message: models_pb2.Model) -> events.Model:
    can = message.capabilities
    return events.Model(
        message.name,
        tuple(message.aliases),
        tuple(models_pb2.Task.Name(task).removeprefix("TASK_").lower() for task in message.tasks),
        tuple(map(deployment, message.deployments)),
        events.Capabilities(
            can.vision,
            can.streaming,
            can.prefill,
            can.seed,
            can.negative_prompt,
            can.input_image,
            can.context_tokens,
            can.max_side_pixels,
            can.tools,
            can.json_schema,
            can.audio,
            tuple(can.settings),
            tuple(can.unknown),
        ),
        message.available,
        message.is_deployment,
        message.requests_left if message.HasField("requests_left") else None,
        message.refills_at.ToNanoseconds() / 1e9 if message.HasField("refills_at") else None,
    )


def usage_request(
    tenant_id: str, user_id: str, since: float | None, until: float | None, group_by: Sequence[str]
) -> usage_pb2.GetUsageRequest:
    request = usage_pb2.GetUsageRequest(
        caller=common_pb2.Caller(tenant_id=tenant_id, user_id=user_id),
        group_by=[usage_pb2.UsageDimension.Value(f"USAGE_DIMENSION_{dimension.upper()}") for dimension in group_by],
    )
    if since is not None:
        request.since.FromNanoseconds(int(since * 1e9))
    if until is not None:
        request.until.FromNanoseconds(int(until * 1e9))
    return request


def usage_row(row: usage_pb2.UsageRow) -> events.UsageRow:
    numbers = {name: getattr(row, name) for name in ROW_FIELDS}
    day = row.day.seconds if row.HasField("day") else None
    return events.UsageRow(deployment=deployment(row.deployment), day=day, **numbers)
