"""What a provider's model list says about each model; lists differ in everything but the id.

Sources: the list formats of OpenAI, OpenRouter, Groq, Mistral, Cohere, Cloudflare, Vercel, Pollinations, Hugging Face,
Ollama and vLLM. Malformed values are skipped: one item never costs the others.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from inference_service.domain import CHAT_SETTINGS, Capabilities
from inference_service.providers.catalogue.row import Row, matches
from inference_service.providers.seam import ModelInfo

CONTEXTS = (
    "context_length",
    "context_window",
    "max_context_length",
    "max_model_len",
    "inputTokenLimit",
    "max_input_tokens",
)
# Names in OpenRouter's `supported_parameters` → settings; what a list omits is refused or ignored.
PARAMETERS = {
    "temperature": "sampling.temperature", "top_p": "sampling.top_p", "max_tokens": "sampling.max_tokens",
    "max_completion_tokens": "sampling.max_tokens", "stop": "sampling.stop", "seed": "sampling.seed",
    "top_k": "sampling.top_k", "frequency_penalty": "sampling.frequency_penalty",
    "presence_penalty": "sampling.presence_penalty", "reasoning_effort": "sampling.reasoning_effort",
    "reasoning": "sampling.reasoning_effort", "top_logprobs": "sampling.top_logprobs",
    "parallel_tool_calls": "parallel_tool_calls", "tools": "parallel_tool_calls",
}  # fmt: skip
FORMATS = {"structured_outputs": "json_schema", "response_format": "json_object"}
TOOLS = ("function_calling", "tools", "tool_use", "tool-use", "tool-calling", "tool_calling", "tool-call")
CHATS = frozenset({"language", "chat", "text", "text generation", "llm", "text-generation", "image-text-to-text"})
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmM]?)")


def items(answer: Any) -> list[dict[str, Any]]:
    """The entries of `{"data": […]}`, `{"result": […]}`, `{"models": […]}` or a bare array."""
    if isinstance(answer, dict):
        answer = next((answer[key] for key in ("data", "result", "models") if isinstance(answer.get(key), list)), None)
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []


def named(listed: list[dict[str, Any]], row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every usable entry with the id to request it by."""
    for item in listed:
        name = next((value for key in ("id", "name", "model") if isinstance(value := item.get(key), str) and value), "")
        name = name.removeprefix(row.wire.strip)
        if name and item.get("active") is not False:
            yield name, item


def read(listed: list[dict[str, Any]], row: Row) -> Iterator[ModelInfo]:
    """Every chat or picture model of a list, with what is known about it."""
    for name, item in named(listed, row):
        can = capabilities(item, name, row)
        if can.chat or can.image:
            yield ModelInfo(name, can)


def capabilities(item: dict[str, Any], name: str, row: Row) -> Capabilities:
    can = row.can(name)
    if not can.chat:
        return can
    if not _chats(item):
        return Capabilities()
    unknown = set(can.unknown)
    sees = _sees(item)
    if sees is not None and not matches(name, row.models.blind):
        can = msgspec.structs.replace(can, vision=sees)
        unknown.discard("vision")
    parameters = item.get("supported_parameters")
    if isinstance(parameters, list) and parameters:
        takes = {
            PARAMETERS[parameter] for parameter in parameters if isinstance(parameter, str) and parameter in PARAMETERS
        }
        formats = {
            FORMATS[parameter] for parameter in parameters if isinstance(parameter, str) and parameter in FORMATS
        }
        can = msgspec.structs.replace(
            can,
            settings=can.settings & (takes or CHAT_SETTINGS),
            tools="tools" in parameters,
            formats=can.formats | formats,
        )
        unknown.discard("tools")
    elif (calls := _calls_tools(item)) is not None and not matches(name, row.models.no_tools):
        can = msgspec.structs.replace(can, tools=calls)
        unknown.discard("tools")
    if "audio" in (_modalities(item, "input_modalities") or ()):
        can = msgspec.structs.replace(can, audio=True)
    context = next((size for key in CONTEXTS if (size := number(item.get(key)))), 0) or can.context_tokens
    return msgspec.structs.replace(can, context_tokens=context, unknown=frozenset(unknown))


def _chats(item: dict[str, Any]) -> bool:
    """False if the list says that the model does something else."""
    outputs = _modalities(item, "output_modalities")
    if outputs is not None and "text" not in outputs:
        return False
    about = item.get("capabilities")
    if isinstance(about, dict) and about.get("completion_chat") is False:
        return False
    task = item.get("task")
    kind = task.get("name") if isinstance(task, dict) else item.get("type")
    return not isinstance(kind, str) or kind.lower() in CHATS or kind.lower() in ("model", "base", "")


def _sees(item: dict[str, Any]) -> bool | None:
    """Whether the list says that the model accepts pictures; None if it does not say."""
    inputs = _modalities(item, "input_modalities")
    if inputs is not None:
        return "image" in inputs
    about = item.get("capabilities")
    if isinstance(about, dict) and isinstance(about.get("vision"), bool):
        return bool(about["vision"])
    for key in ("capabilities", "features", "tags"):
        words = item.get(key)
        if isinstance(words, list) and words:
            return any(word in ("vision", "image", "vlm", "image-input") for word in words)
    for key in ("supports_image_in", "supports_vision", "vision"):
        if isinstance(item.get(key), bool):
            return bool(item[key])
    return None


def _calls_tools(item: dict[str, Any]) -> bool | None:
    """Whether the list says that the model calls tools; None if it does not say."""
    about = item.get("capabilities")
    if isinstance(about, dict):
        return next((about[key] for key in TOOLS if isinstance(about.get(key), bool)), None)
    for key in ("capabilities", "features", "tags"):
        words = item.get(key)
        if isinstance(words, list) and any(word in TOOLS for word in words if isinstance(word, str)):
            return True
    return next((bool(item[key]) for key in ("supports_tools", "tools") if isinstance(item.get(key), bool)), None)


def _modalities(item: dict[str, Any], key: str) -> list[Any] | None:
    inner = item.get("architecture")
    for place in (item, inner if isinstance(inner, dict) else {}):
        for name in (key, f"supported_{key}"):
            if isinstance(place.get(name), list) and place[name]:
                modalities: list[Any] = place[name]
                return modalities
    return None


def number(value: Any) -> int:
    """`131072`, `"131072"`, `"32k"`; 0 for anything else."""
    if isinstance(value, bool):
        return 0
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            return 0
        value = float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()]
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value < 2**31:
        return 0
    return int(value)
