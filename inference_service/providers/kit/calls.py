"""Assembles tool calls from the fragments that providers send, with parsed arguments. Pure.

Providers differ: an index for every fragment, none, or 0 for all; an id once, with each fragment, or never; arguments in
pieces, whole in one chunk, as an object, or sent again whole at the end. What is only text is never taken for a call.
Sources: the OpenAI API reference (streaming), Mistral, Cohere v2; recorded streams of Groq, Gemini, Cerebras, vLLM, Ollama.
"""

import secrets
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.providers.kit import values
from inference_service.tools import ToolCall

MOST_CALLS = 128
LONGEST_ARGUMENTS = 1_000_000
LONGEST_ID = 128


class Fragment(Struct, frozen=True):
    """What one event says about one call. index, id and name: None or empty if it does not say."""

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    signature: str = ""


class BrokenCallError(ValueError):
    """A call without a name, or whose arguments are not a JSON object. The message says which and quotes nothing."""


class _Call:
    """One call so far."""

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id = self.name = self.signature = ""
        self.fragments: list[str] = []

    def add(self, fragment: Fragment) -> None:
        self.id = self.id or fragment.id
        self.signature = self.signature or fragment.signature
        self.name = self.name or fragment.name
        if fragment.arguments:
            self.fragments.append(fragment.arguments)

    @property
    def arguments(self) -> str | None:
        """The whole JSON object; None if it is not complete."""
        whole = "".join(self.fragments)
        if _is_object(whole):
            return whole
        if not whole.strip() or whole.strip() == "null":
            return "{}"
        return _inner(whole) or _repeated(self.fragments)

    @property
    def complete(self) -> bool:
        return bool(self.name) and bool(self.fragments) and _is_object("".join(self.fragments))


class Calls:
    """Call `add` with each fragment; `whole` returns the calls in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._size = 0

    @property
    def begun(self) -> int:
        """How many calls have begun."""
        return len(self._calls)

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragment: Fragment) -> None:
        """Raises BrokenCallError if a provider sends without end."""
        if not (fragment.id or fragment.name or fragment.arguments):
            return
        self._size += len(fragment.arguments)
        call = self._belongs_to(fragment)
        if call is None:
            call = _Call(fragment.index)
            self._calls.append(call)
        call.add(fragment)
        if len(self._calls) > MOST_CALLS or self._size > LONGEST_ARGUMENTS:
            raise BrokenCallError("the provider's tool calls are larger than any request")

    def _belongs_to(self, fragment: Fragment) -> _Call | None:
        """The call that this fragment continues; None if it begins another."""
        if fragment.index is not None:
            same = [call for call in self._calls if call.index == fragment.index]
        else:
            same = self._calls
        if fragment.id and (matching := [call for call in same if call.id == fragment.id]):
            same = matching
        call = same[-1] if same else None
        return None if call is None or _begins_another(call, fragment) else call

    def whole(self, *, cut: bool = False) -> list[ToolCall]:
        """Every call. cut: the answer reached a token limit, so an incomplete last call is dropped.

        Raises BrokenCallError for any other incomplete call.
        """
        calls: list[ToolCall] = []
        taken: set[str] = set()
        for place, call in enumerate(self._calls):
            arguments = call.arguments
            if arguments is None or not call.name:
                if cut and place == len(self._calls) - 1:
                    break
                what = "has no name" if not call.name else "has arguments that are not a JSON object"
                raise BrokenCallError(f"a tool call {what}")
            call_id = call.id if call.id and call.id not in taken and len(call.id) <= LONGEST_ID else new_id()
            taken.add(call_id)
            calls.append(ToolCall(call_id, call.name, arguments, call.signature.encode()))
        return calls


def _begins_another(call: _Call, fragment: Fragment) -> bool:
    """Whether a fragment that could continue this call begins the next one."""
    if fragment.id and call.id and fragment.id != call.id:
        return True
    if not fragment.name or not call.name:
        return False
    if fragment.name != call.name:
        return True
    if not call.complete or (fragment.id and fragment.id == call.id):
        return False
    # The same name after whole arguments: the call is repeated, or the tool is called once more.
    return bool(fragment.arguments) and fragment.arguments != "".join(call.fragments)


def _is_object(text: str) -> bool:
    if text.lstrip()[:1] != "{":
        return False
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _inner(text: str) -> str | None:
    """The object inside a JSON string: some models encode their arguments twice."""
    if text.lstrip()[:1] != '"':
        return None
    try:
        inner = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return inner if isinstance(inner, str) and _is_object(inner) else None


def _repeated(fragments: list[str]) -> str | None:
    """The object, if a provider has sent it in pieces and then again whole, more of it with each piece, or after {}."""
    if fragments[0].strip() == "{}" and _is_object(behind := "".join(fragments[1:])):
        return behind
    last = fragments[-1]
    if not _is_object(last):
        return None
    before = "".join(fragments[:-1])
    grows = all(last.startswith(fragment) for fragment in fragments)
    return last if before == last or grows or (_is_object(before) and _same(before, last)) else None


def _same(first: str, second: str) -> bool:
    return bool(msgspec.json.decode(first) == msgspec.json.decode(second))


def new_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def fragments_of(listed: object, kind: str = "") -> Iterable[Fragment]:
    """The fragments in OpenAI's `tool_calls`: a list, or one object. `kind`: the provider's, for signatures."""
    for item in values.items(listed):
        about = values.mapping(item)
        function = values.mapping(about.get("function")) or about
        index = values.count(about.get("index"))
        extra = values.mapping(values.mapping(about.get("extra_content")).get("google"))
        yield Fragment(
            index,
            id_ if isinstance(id_ := about.get("id"), str) and id_ not in ("null", "None") else "",
            name if isinstance(name := function.get("name"), str) else "",
            argument_text(function.get("arguments", function.get("parameters"))),
            f"{kind}:{sign}" if isinstance(sign := extra.get("thought_signature"), str) and sign else "",
        )


def argument_text(value: Any) -> str:
    """Arguments as text; some hosts send the object itself."""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else ""
