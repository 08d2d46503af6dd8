"""Tools and response formats, converted from OpenAI's format to the contract's. Pure."""

from typing import Any

import msgspec

from antiphon.v1 import chat_pb2, tools_pb2
from inference_service.http.fields import Fields, kind_of

MODES = {
    "auto": tools_pb2.TOOL_MODE_AUTO,
    "none": tools_pb2.TOOL_MODE_NONE,
    "required": tools_pb2.TOOL_MODE_REQUIRED,
}
FORMS = ("text", "json_object", "json_schema")
SCHEMA = "response_format.json_schema"


def take_tools(fields: Fields, request: chat_pb2.ChatRequest, ignored: list[str]) -> None:
    for number, item in enumerate(fields.items("tools") or ()):
        path = f"tools[{number}]"
        function = (
            item.get("function") if isinstance(item, dict) and item.get("type", "function") == "function" else None
        )
        if not isinstance(function, dict):
            fields.wrong(path, 'must be an object of the type "function" with the member function')
            continue
        tool = Fields(function, f"{path}.function")
        declared = tools_pb2.Tool(
            name=tool.text("name") or "",
            description=tool.text("description") or "",
            strict=tool.flag("strict") or False,
        )
        parameters = tool.members("parameters")
        if parameters is not None:
            declared.parameters = _json(parameters)
        if not declared.name:
            tool.wrong("name", "is required")
        fields.violations += tool.violations
        request.tools.append(declared)
    _take_choice(fields, request)
    if request.HasField("parallel_tool_calls") and not request.tools:
        request.ClearField("parallel_tool_calls")  # many clients send it with every request
        ignored.append("parallel_tool_calls")


def _take_choice(fields: Fields, request: chat_pb2.ChatRequest) -> None:
    choice = fields.any("tool_choice")
    if choice is None:
        return
    if isinstance(choice, str) and choice in MODES:
        # Without tools, these two choices are the default anyway.
        if request.tools or choice == "required":
            request.tool_choice.mode = MODES[choice]
        return
    function = choice.get("function", choice) if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        fields.wrong("tool_choice", f"must be one of {', '.join(MODES)}, or name a function")
        return
    request.tool_choice.name = name


def take_form(fields: Fields, request: chat_pb2.ChatRequest) -> None:
    form = fields.members("response_format")
    if form is None:
        return
    kind = form.get("type")
    if kind not in FORMS:
        fields.wrong("response_format.type", f"must be one of {', '.join(FORMS)}")
    elif kind == "json_object":
        request.response_format.json_object.SetInParent()
    elif kind == "json_schema":
        _take_schema(fields, request, form.get("json_schema"))


def _take_schema(fields: Fields, request: chat_pb2.ChatRequest, value: Any) -> None:
    if not isinstance(value, dict):
        fields.wrong(SCHEMA, f"must be an object, not {kind_of(value)}")
        return
    described = Fields(value, SCHEMA)
    schema = described.members("schema")
    if schema is None and not described.violations:
        described.wrong("schema", "is required: a JSON schema")
    target = request.response_format.json_schema
    target.name, target.description = described.text("name") or "", described.text("description") or ""
    target.schema = _json(schema) if schema is not None else ""
    described.flag("strict")  # every document is validated, whatever this says
    fields.violations += described.violations


def _json(value: dict[str, Any]) -> str:
    """Keeps the order of members, because models see it."""
    return msgspec.json.encode(value).decode()


def spell(field: str) -> str:
    """The caller's name for a field of the contract."""
    if field.startswith("tools["):
        place, dot, member = field.partition("].")
        return f"{place}].function.{member}" if dot else field
    return "tool_choice.function.name" if field == "tool_choice.name" else field
