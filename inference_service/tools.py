"""Tools that a caller offers, the calls that a model makes to them, and the response format."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct


class ToolCall(Struct, frozen=True):
    """A tool call that the caller should run. `arguments`: a whole JSON object as text, numbers as they were written.

    signature: what the provider expects back with this call; it begins with the provider's kind and a colon.
    """

    id: str
    name: str
    arguments: str
    signature: bytes = b""


class ToolResult(Struct, frozen=True):
    """The result of a tool. `name`: the tool's, as in the call with this id."""

    call_id: str
    content: str
    is_error: bool = False
    name: str = ""


class Tool(Struct, frozen=True):
    """A function that the model may ask the caller to run. `parameters`: JSON Schema of an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = {}
    strict: bool = False


class ToolMode(StrEnum):
    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


class ToolChoice(Struct, frozen=True):
    """`name`: this tool must be called; `mode` is then REQUIRED."""

    mode: ToolMode
    name: str = ""


class ResponseFormat(Struct, frozen=True):
    """The answer is one JSON document. `schema` None: any object."""

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    description: str = ""
