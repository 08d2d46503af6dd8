"""The tool calls of one answer: held until their attempt has ended well, and validated before they are sent. Pure."""

import msgspec

from inference_service import schemas
from inference_service.domain import ChatRequest
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.tools import ToolCall, ToolMode


class ToolRules:
    """What one request allows and requires."""

    def __init__(self, request: ChatRequest) -> None:
        choice = request.tool_choice
        self._names = frozenset(tool.name for tool in request.tools)
        self._schemas = {tool.name: schemas.Schema(tool.parameters) for tool in request.tools if tool.strict}
        self._forbidden = choice is not None and choice.mode is ToolMode.NONE
        self._required = choice is not None and choice.mode is ToolMode.REQUIRED
        self._named = choice.name if choice is not None else ""

    def check(self, calls: list[ToolCall], *, alone: bool) -> None:
        """`alone`: the deployment was asked for one call at most. Raises UpstreamFailure(INVALID_OUTPUT)."""
        if not calls:
            if self._required:
                raise _invalid("the model had to call a tool and did not")
            return
        if self._forbidden:
            raise _invalid("the model called a tool although none was allowed")
        if alone and len(calls) > 1:
            raise _invalid("the model called several tools although only one was allowed")
        for call in calls:
            if call.name not in self._names:
                raise _invalid("the model called a tool that does not exist")
            if self._named and call.name != self._named:
                raise _invalid("the model called a tool other than the required one")
            schema = self._schemas.get(call.name)
            if schema is not None and (violation := schema.violation(msgspec.json.decode(call.arguments))):
                raise _invalid(f"the arguments of {call.name} do not follow their schema: {violation}")


def _invalid(text: str) -> UpstreamFailure:
    return UpstreamFailure(FailureKind.INVALID_OUTPUT, text, status=200)
