"""Between protobuf and the client's plain values; the only place of the client that knows both."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from google.protobuf.duration_pb2 import Duration

from antiphon import errors, events
from antiphon.names import deployment, failure, stage
from antiphon.v1 import chat_pb2, common_pb2, image_pb2, models_pb2, tools_pb2

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
TASKS = {None: models_pb2.TASK_UNSPECIFIED, "chat": models_pb2.TASK_CHAT, "image": models_pb2.TASK_IMAGE}
STRICT = {True: common_pb2.UNSUPPORTED_SETTING_REFUSE, False: common_pb2.UNSUPPORTED_SETTING_DROP}
LARGEST_IMAGE = 10 * 1024 * 1024  # by the contract


def message(given: events.Message) -> chat_pb2.Message:
    return chat_pb2.Message(role=ROLES[given.role], parts=[_part(part) for part in given.parts], partial=given.partial)


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


def audio(given: events.Audio) -> chat_pb2.Audio:
    return chat_pb2.Audio(mime_type=given.mime, data=given.data)


def tool(given: events.Tool) -> tools_pb2.Tool:
    parameters = "" if given.parameters is None else json.dumps(given.parameters, ensure_ascii=False)
    return tools_pb2.Tool(name=given.name, description=given.description, parameters=parameters, strict=given.strict)


def choice(given: str | events.Tool | None) -> tools_pb2.ToolChoice | None:
    if given is None:
        return None
    if isinstance(given, events.Tool):
        return tools_pb2.ToolChoice(name=given.name)
    return tools_pb2.ToolChoice(mode=MODES[given])


def answer_format(given: events.JsonObject | events.JsonSchema | None) -> chat_pb2.ResponseFormat | None:
    if given is None:
        return None
    if isinstance(given, events.JsonObject):
        return chat_pb2.ResponseFormat(json_object=chat_pb2.JsonObjectFormat())
    schema = json.dumps(given.schema, ensure_ascii=False)
    wanted = chat_pb2.JsonSchemaFormat(name=given.name, schema=schema, description=given.description)
    return chat_pb2.ResponseFormat(json_schema=wanted)


def picture(given: events.Image) -> chat_pb2.InlineImage:
    return chat_pb2.InlineImage(mime_type=given.mime, data=given.data)


def sampling(given: events.Sampling) -> chat_pb2.Sampling:
    values = {**asdict(given), "reasoning_effort": EFFORTS[given.reasoning_effort]}
    return chat_pb2.Sampling(**values)


def chat_request(
    turns: Sequence[events.Message],
    *,
    chosen: events.Sampling | None,
    request_id: str | None,
    provider_options: Mapping[str, Any] | None,
    **fields: Any,
) -> chat_pb2.ChatRequest:
    """Raises InvalidRequest for values that do not fit on the wire; ranges are the service's to judge."""
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
        problem = errors.InvalidRequest("size and aspect ratio exclude each other")
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
    """A picture that is too large would be refused by the transport, which cannot say which field it was."""
    found = [
        (
            f"messages[{number}].parts[{place}].image.data",
            f"has {len(part.data)} bytes; 1 to {LARGEST_IMAGE} are allowed",
        )
        for number, turn in enumerate(turns)
        for place, part in enumerate(turn.parts)
        if isinstance(part, events.Image) and len(part.data) > LARGEST_IMAGE
    ]
    if found:
        problem = errors.InvalidRequest(f"{found[0][0]}: {found[0][1]}")
        problem.violations = found
        raise problem


def _unsendable(error: Exception) -> errors.InvalidRequest:
    """A number beyond its type, or text that is no Unicode (half a character from a terminal in another encoding)."""
    if isinstance(error, UnicodeError):
        return errors.InvalidRequest("the text is not valid Unicode")
    return errors.InvalidRequest("a number is far outside of its range")


# --- events ----------------------------------------------------------------------------------


def seconds(given: Duration) -> float:
    return given.ToNanoseconds() / 1e9


def started(given: common_pb2.Started) -> events.Started:
    return events.Started(given.request_id, deployment(given.deployment), given.attempt)


def progress(given: common_pb2.Progress) -> events.Progress:
    return events.Progress(
        given.stage,
        given.fraction if given.HasField("fraction") else None,
        given.queue_position if given.HasField("queue_position") else None,
        seconds(given.eta) if given.HasField("eta") else None,
        stage(given.kind),
    )


def notice(given: common_pb2.Notice) -> events.Notice:
    kind = common_pb2.NoticeKind.Name(given.kind).removeprefix("NOTICE_KIND_").lower()
    return events.Notice(kind, given.field, given.message)


def handover(given: common_pb2.Handover) -> events.Handover:
    return events.Handover(
        deployment(given.from_deployment),
        deployment(given.to_deployment),
        failure(given.reason),
        given.keep_chars,
        given.attempt,
    )


def usage(given: common_pb2.Usage) -> events.Usage:
    return events.Usage(
        deployment(given.deployment),
        given.prompt_tokens,
        given.completion_tokens,
        given.reasoning_tokens,
        given.images,
        given.estimated,
        given.discarded,
        given.cached_tokens,
        given.audio_tokens,
        seconds(given.audio),
        events.Cost(given.cost.micros, given.cost.currency, given.cost.price_date, given.cost.incomplete)
        if given.HasField("cost")
        else None,
    )


def tool_call(given: tools_pb2.ToolCall) -> events.ToolCall:
    return events.ToolCall(given.id, given.name, given.arguments, given.signature)


def logprobs(given: chat_pb2.Logprobs) -> events.Logprobs:
    tokens = (
        events.TokenLogprob(one.token, one.logprob, tuple((likely.token, likely.logprob) for likely in one.top))
        for one in given.tokens
    )
    return events.Logprobs(tuple(tokens))


def completion(given: chat_pb2.CompleteResponse) -> events.Completion:
    return events.Completion(
        given.request_id,
        given.text,
        finished(given.finished),
        given.reasoning,
        tuple(map(tool_call, given.tool_calls)),
        tuple(map(usage, given.usages)),
        tuple(map(notice, given.notices)),
        logprobs(given.logprobs) if given.HasField("logprobs") else None,
    )


def attempts(given: Sequence[common_pb2.Attempt]) -> tuple[errors.FailedAttempt, ...]:
    return tuple(
        errors.FailedAttempt(deployment(one.deployment), failure(one.failure), one.http_status, seconds(one.duration))
        for one in given
    )


def finished(given: chat_pb2.ChatFinished) -> events.Finished:
    return events.Finished(
        chat_pb2.FinishReason.Name(given.reason).removeprefix("FINISH_REASON_").lower(),
        given.total_chars,
        seconds(given.time_to_first_token) if given.HasField("time_to_first_token") else None,
        given.attempts,
        deployment(given.deployment),
        attempts(given.failed_attempts),
        usage(given.usage) if given.HasField("usage") else None,
        given.tool_calls,
        given.replayed,
    )


def image_finished(given: image_pb2.ImageFinished) -> events.ImageFinished:
    return events.ImageFinished(
        given.images,
        seconds(given.duration),
        given.attempts,
        deployment(given.deployment),
        attempts(given.failed_attempts),
        usage(given.usage) if given.HasField("usage") else None,
        given.replayed,
    )


def model(given: models_pb2.Model) -> events.Model:
    can = given.capabilities
    return events.Model(
        given.name,
        tuple(given.aliases),
        tuple(models_pb2.Task.Name(task).removeprefix("TASK_").lower() for task in given.tasks),
        tuple(map(deployment, given.deployments)),
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
        given.available,
        given.is_deployment,
        given.requests_left if given.HasField("requests_left") else None,
        given.refills_at.ToNanoseconds() / 1e9 if given.HasField("refills_at") else None,
    )
