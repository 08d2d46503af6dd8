"""A whole answer assembled from its events by the rule of the stream: append every delta, cut on handover. Pure."""

from collections.abc import Iterator

from antiphon.v1 import chat_pb2
from inference_service.api import convert
from inference_service.domain import (
    Delta,
    Finished,
    Handover,
    Logprobs,
    Notice,
    Reasoning,
    RoutedChatEvent,
    UsageRecord,
)
from inference_service.routing.answer.written import Written
from inference_service.tools import ToolCall


class Completion:
    """`add` yields the whole response with the last event."""

    def __init__(self, request_id: str) -> None:
        self._made = chat_pb2.CompleteResponse(request_id=request_id)
        self._text, self._reasoning = Written(), Written()

    def add(self, event: RoutedChatEvent) -> Iterator[chat_pb2.CompleteResponse]:
        match event:
            case Delta():
                self._text.add(event.text)
            case Reasoning():
                self._reasoning.add(event.text)
            case Handover():
                self._text.replace(self._text.text()[: event.keep_chars])
                self._made.ClearField("logprobs")
            case ToolCall():
                self._made.tool_calls.append(convert.tool_call(event))
            case Logprobs():
                self._made.logprobs.MergeFrom(convert.logprobs(event))
            case Notice():
                self._made.notices.append(convert.notice(event))
            case UsageRecord():
                self._made.usages.append(convert.usage(event))
            case Finished():
                self._made.text, self._made.reasoning = self._text.text(), self._reasoning.text()
                self._made.finished.CopyFrom(convert.chat_finished(event))
                yield self._made
