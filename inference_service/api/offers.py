"""Validates what a request offers the model and demands of it: tools, the tool choice and the response format."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from antiphon.v1 import chat_pb2, tools_pb2
from inference_service import schemas
from inference_service.api.turns import TOOL_NAME, Violation, length
from inference_service.contradictions import contradiction

MOST_TOOLS = 128
LARGEST_SCHEMA = 65_536
LONGEST_DESCRIPTION, LONGEST_ABOUT = 4_096, 1_024
FORMAT_NAME = re.compile(r"[A-Za-z0-9_-]{0,64}")
MODES = frozenset(tools_pb2.ToolMode.values())


def tools(offered: Sequence[tools_pb2.Tool]) -> Iterator[Violation]:
    if len(offered) > MOST_TOOLS:
        yield "tools", f"has {len(offered)} tools; at most {MOST_TOOLS} are allowed"
        return
    names: set[str] = set()
    for number, tool in enumerate(offered):
        path = f"tools[{number}]"
        if not TOOL_NAME.fullmatch(tool.name):
            yield f"{path}.name", "must be 1 to 64 letters, digits, '_' or '-'"
        elif tool.name in names:
            yield f"{path}.name", f"{tool.name!r} is also the name of another tool"
        names.add(tool.name)
        yield from length(f"{path}.description", tool.description, LONGEST_DESCRIPTION)
        if tool.parameters:
            yield from schema(f"{path}.parameters", tool.parameters, of_object=True)


def choice(request: chat_pb2.ChatRequest) -> Iterator[Violation]:
    if not request.HasField("tool_choice"):
        return
    if not request.tools:
        yield "tool_choice", "needs tools to choose from"
        return
    match request.tool_choice.WhichOneof("choice"):
        case "mode":
            if request.tool_choice.mode not in MODES:
                yield "tool_choice.mode", "is not one of AUTO, NONE, REQUIRED"
        case "name":
            if request.tool_choice.name not in {tool.name for tool in request.tools}:
                yield "tool_choice.name", f"no tool has the name {request.tool_choice.name[:64]!r}"
        case _:
            yield "tool_choice", "must be a mode or a name"


def answer_format(request: chat_pb2.ChatRequest) -> Iterator[Violation]:
    if not request.HasField("response_format"):
        return
    path = "response_format"
    match request.response_format.WhichOneof("format"):
        case "json_schema":
            wanted = request.response_format.json_schema
            path = f"{path}.json_schema"
            if not FORMAT_NAME.fullmatch(wanted.name):
                yield f"{path}.name", "must be at most 64 letters, digits, '_' or '-'"
            yield from length(f"{path}.description", wanted.description, LONGEST_ABOUT)
            yield from schema(f"{path}.schema", wanted.schema, of_answer=True)
        case None:
            yield path, "must contain text, json_object or json_schema"


def schema(path: str, text: str, *, of_object: bool = False, of_answer: bool = False) -> Iterator[Violation]:
    if not 1 <= len(text.encode()) <= LARGEST_SCHEMA:
        yield path, f"has {len(text.encode())} bytes; 1 to {LARGEST_SCHEMA} are allowed"
        return
    try:
        parsed: Any = schemas.read(text)
    except schemas.NoSchemaError as problem:
        yield path, str(problem)
        return
    if of_object and parsed.get("type", "object") != "object":
        yield path, "must be of the type object: the arguments of a tool are one"
    if of_answer and (text := contradiction(parsed)):
        yield path, f"{text}: no answer can hold to it"
