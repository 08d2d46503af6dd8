"""What a Gradio app says about itself: its protocol version, its functions, their inputs and outputs.

Source: `GET /config` and `GET {prefix}/info` as Gradio 3.50 to 6 answer them; recorded answers.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors

STATE = ("state", "browserstate")
TEXTS = ("textbox", "textarea", "multimodaltextbox", "text")
SAYING = (*TEXTS, "markdown", "chatbot", "json", "label", "html", "code", "highlightedtext")
DIFFERING = ("sse_v2", "sse_v2.1", "sse_v3")  # protocols that send partial outputs as differences


class Input(Struct, frozen=True):
    """One input of a function. `name` is its parameter's name, else the words of its label; the limits are a slider's."""

    name: str
    kind: str
    label: str = ""
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()
    shown: tuple[str, ...] = ()  # the displayed form of the choices
    turns: str = "messages"  # of a chatbot: "pairs", "messages", or "parts" (messages of parts)


class Output(Struct, frozen=True):
    """One output of a function; `name` is its label's words."""

    kind: str
    name: str = ""


class Function(Struct, frozen=True):
    """`queued` is False if the app has no queue for it; it is then called by one direct POST."""

    index: int
    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    public: bool = True
    queued: bool = True

    @property
    def remembers(self) -> bool:
        """Whether session state influences its answer."""
        return any(part.kind in STATE for part in self.inputs)

    def gives(self, *kinds: str) -> bool:
        return any(part.kind in kinds for part in self.outputs)


class App(Struct, frozen=True):
    """`functions` by API name. `max_file_size` in bytes, None if the app does not say."""

    prefix: str
    version: str
    protocol: str
    functions: Mapping[str, Function]
    identity: str = ""  # changes with each restart
    max_file_size: int | None = None

    def find(self, name: str) -> Function:
        """A function by name; "chat" and "image" also mean the only function that does such a thing.

        Raises UpstreamFailure(MODEL_NOT_FOUND) if the app has no such function.
        """
        function = self.functions.get(name.strip("/")) or self._only(name)
        if function is None:
            names = (
                ", ".join([public.name for public in self.functions.values() if public.public][:6])
                or "none with a name"
            )
            raise UpstreamFailure(
                FailureKind.MODEL_NOT_FOUND, f"the Space has no function {name[:60]!r}; it has {names}", status=200
            )
        return function

    def _only(self, task: str) -> Function | None:
        kinds = {"chat": ("chatbot", "json", "textbox", "markdown"), "image": ("image", "gallery")}.get(task, ())
        able = [
            function
            for function in self.functions.values()
            if function.public and function.gives(*kinds) and _takes_words(function)
        ]
        return able[0] if len(able) == 1 else None


def _takes_words(function: Function) -> bool:
    return any(part.kind in TEXTS for part in function.inputs)


def read_app(config: Any, info: Any) -> App:
    """Raises UpstreamFailure(BAD_RESPONSE) if this is not a description of an app."""
    try:
        parts = {part["id"]: part for part in config["components"]}
        parameters = (info or {}).get("named_endpoints") or {}
        queueing = config.get("enable_queue") is not False
        major = _major(str(config.get("version", "")))
        functions = {}
        for place, dependency in enumerate(config["dependencies"]):
            name = dependency.get("api_name")
            if isinstance(name, str) and name:
                named = (parameters.get(f"/{name}") or {}).get("parameters") or []
                functions[name] = _function(dependency, place, parts, named, queueing=queueing, major=major)
        size = config.get("max_file_size")
        return App(
            prefix=str(config.get("api_prefix") or "").rstrip("/"),
            version=str(config.get("version", "")),
            protocol=str(config.get("protocol") or "ws"),
            functions=functions,
            identity=str(config.get("app_id") or ""),
            max_file_size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error


def _function(
    dependency: Mapping[str, Any],
    place: int,
    parts: Mapping[int, Any],
    parameters: Sequence[Any],
    *,
    queueing: bool,
    major: int,
) -> Function:
    described = iter(parameters)
    return Function(
        index=int(dependency.get("id", place)),
        name=str(dependency["api_name"]),
        inputs=tuple(_input(parts[part_id], described, major) for part_id in dependency["inputs"]),
        outputs=tuple(_output(parts[part_id]) for part_id in dependency["outputs"]),
        public=dependency.get("show_api") is not False and dependency.get("api_visibility", "public") == "public",
        queued=queueing and dependency.get("queue") is not False,
    )


def _output(part: Mapping[str, Any]) -> Output:
    props = part.get("props") or {}
    return Output(str(part.get("type", "")), plain(str(props.get("label") or "")))


def _input(part: Mapping[str, Any], described: Iterator[Any], major: int) -> Input:
    props, kind = part.get("props") or {}, str(part.get("type", ""))
    # The app does not list State among its parameters.
    about: Mapping[str, Any] = next(described, {}) if kind not in STATE else {}
    choices = props.get("choices") or ()
    return Input(
        name=plain(str(about.get("parameter_name") or props.get("label") or "")),
        kind=kind,
        label=plain(str(props.get("label") or about.get("label") or "")),
        default=about.get("parameter_default", props.get("value")),
        minimum=_number(props.get("minimum")),
        maximum=_number(props.get("maximum")),
        step=_number(props.get("step")),
        # From Gradio 4 on, a choice is a pair of label and value.
        choices=tuple(choice[1] if isinstance(choice, list) and len(choice) == 2 else choice for choice in choices),
        shown=tuple(str(choice[0] if isinstance(choice, list) and choice else choice) for choice in choices),
        turns=_turns(props.get("type"), major),
    )


def _major(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdecimal() else 0


def _turns(shown: Any, major: int) -> str:
    """Pairs until Gradio 4, which introduced messages as a choice; from 6 on, always messages with parts."""
    if major >= 6:
        return "parts"
    return "messages" if shown == "messages" else "pairs"


def plain(words: str) -> str:
    """`Seed (Optional)` and `Prompt. (In detail …)` are `seed` and `prompt`."""
    return re.sub(r"[^a-z0-9]+", "_", re.split(r"\(|\. ", words.lower(), maxsplit=1)[0]).strip("_")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def decode(data: bytes) -> Any:
    """JSON. Raises UpstreamFailure(BAD_RESPONSE)."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error
