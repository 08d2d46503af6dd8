"""Any server that speaks the OpenAI API: chat with vision, and pictures.

Presets hold the differences of well-known servers as data; `options.preset` names one, else the base
URL tells. Sources: the OpenAI API reference; the documents of OpenRouter, Groq, Ollama, vLLM, llama.cpp.
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, Capabilities, ChatEvent, ImageEvent
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import embeddings, speech
from inference_service.providers.kit import errors, limits, stream
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.openai import images, wire
from inference_service.providers.openai.stream import ChunkFormat
from inference_service.providers.seam import ChatCall, Declaration, ImageCall, LimitReport, ModelInfo, Settings
from inference_service.settings import OPENAI_NAMES, Wire, on_wire

CHAT = Capabilities(chat=True, vision=True, streaming=True, settings=CHAT_SETTINGS)
PICTURES = Capabilities(
    image=True,
    input_image=True,
    settings=frozenset({"size", "aspect_ratio"}),
    sizes=((1024, 1024), (1536, 1024), (1024, 1536)),
    max_count=4,
)
WITHOUT_INPUT = msgspec.structs.replace(PICTURES, input_image=False)
ImageApi = Literal[
    "", "openai", "together", "siliconflow", "zai", "openrouter", "openrouter-chat", "fireworks", "nvidia"
]  # fmt: skip


class Preset(Struct, frozen=True):
    """How one server differs. `open_turn` goes into the body when a half-finished answer is to be continued."""

    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    max_tokens: str = "max_tokens"
    prefill: bool = False
    open_turn: Mapping[str, object] = {}
    include_usage: bool = True
    local: bool = False


PRESETS: dict[str, Preset] = {
    "openai": Preset(hosts=("api.openai.com",), max_tokens="max_completion_tokens"),
    "openrouter": Preset(hosts=("openrouter.ai",)),
    "groq": Preset(hosts=("api.groq.com",), max_tokens="max_completion_tokens"),
    "ollama": Preset(ports=(11434,), local=True),
    "vllm": Preset(
        ports=(8000,),
        prefill=True,
        open_turn={"continue_final_message": True, "add_generation_prompt": False},
        local=True,
    ),
    "llamacpp": Preset(ports=(8080,), prefill=True, local=True),
    "plain": Preset(),
}


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.<name>.options]` of this kind."""

    preset: str = ""  # one of PRESETS; empty: by the base URL
    prefill: bool | None = None  # correct what the preset says
    partial_images: int = 2  # previews of a picture, 0 to 3
    organization: str = ""
    image_api: ImageApi = ""  # how pictures are ordered; empty: by the base URL
    image_base_url: str = ""  # the host of pictures where it is not the base URL


def preset_of(base_url: str, named: str) -> Preset:
    if named:
        if named not in PRESETS:
            raise ValueError(f"options.preset is {named!r}; allowed: {', '.join(PRESETS)}")
        return PRESETS[named]
    address = urlsplit(base_url)
    for preset in PRESETS.values():
        if address.hostname in preset.hosts or address.port in preset.ports:
            return preset
    return PRESETS["plain"]


class OpenAI:
    """Also the base of the providers that differ in a few lines."""

    declaration: ClassVar[Declaration] = Declaration(
        kind="openai",
        title="OpenAI-compatible",
        base_url="https://api.openai.com/v1",
        credentials=("OPENAI_API_KEY",),
        default_models=("gpt-4o-mini", "gpt-image-1"),
        model_aliases={"gpt-image": "gpt-image-1"},
        capabilities={
            "gpt-4o-mini": msgspec.structs.replace(CHAT, context_tokens=128_000),
            "gpt-image-1": PICTURES,
            "gpt-image-1-mini": PICTURES,
            "dall-e-3": msgspec.structs.replace(
                WITHOUT_INPUT, sizes=((1024, 1024), (1792, 1024), (1024, 1792)), max_count=1
            ),
            "dall-e-2": msgspec.structs.replace(WITHOUT_INPUT, sizes=((256, 256), (512, 512), (1024, 1024))),
            "*": CHAT,
        },
        sources=("OpenAI API reference", "OpenRouter, Groq, Ollama, vLLM and llama.cpp documents"),
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = ()

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        """Raises ValueError for options that this kind does not know."""
        self.settings = settings
        self.http = http
        try:
            self.options = msgspec.convert(dict(settings.options), self.options_type)
        except msgspec.ValidationError as error:
            raise ValueError(f"options: {error}") from error
        self.preset = preset_of(settings.base_url, getattr(self.options, "preset", ""))
        prefill = getattr(self.options, "prefill", None)
        self._prefill = self.preset.prefill if prefill is None else prefill
        self._discovered: dict[str, Capabilities] = {}

    def capabilities(self, model: str) -> Capabilities:
        if model in self.settings.capabilities:
            return self.settings.capabilities[model]
        known = self._discovered.get(model) or self.declaration.capabilities.get(model)
        if known is None and "image" in model.lower() and "gpt" in model.lower():
            known = PICTURES
        known = known or images.capabilities(self, model) or _by_name(model) or self.declaration.capabilities["*"]
        return msgspec.structs.replace(known, prefill=True) if self._prefill and known.chat else known

    # --- what a subclass changes ---------------------------------------------------------

    def headers(self, secret: str | None) -> dict[str, str]:
        head = {"Authorization": f"Bearer {secret}"} if secret else {}
        if organization := getattr(self.options, "organization", ""):
            head["OpenAI-Organization"] = organization
        return head

    def chat_url(self) -> str:
        return f"{self.settings.base_url}/chat/completions"

    def wire_names(self) -> dict[str, str | Wire]:
        """Field of a setting → how this server takes it."""
        return {**OPENAI_NAMES, "sampling.max_tokens": self.preset.max_tokens}

    def body(self, call: ChatCall) -> dict[str, Any]:
        """The request's body. `model` first: routers look for it in the first bytes."""
        body: dict[str, Any] = {
            "model": call.model,
            "messages": wire.messages(call.request, call.prefix),
            **on_wire(call.request.sampling, self.wire_names()),
            "stream": True,
        }
        if self.preset.include_usage:
            body["stream_options"] = {"include_usage": True}
        if call.prefix:
            body.update(self.preset.open_turn)
        return body

    def limit_report(self, headers: Mapping[str, str]) -> LimitReport | None:
        return limits.report(headers, time.time())

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        return errors.from_response(status, headers, body, self.signs)

    def refusal(self, call: ChatCall, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:  # noqa: ARG002 - for providers that blame parts of a request
        """What it means that this call was not answered with 200."""
        return self.failure(status, headers, body)

    # --- calls ------------------------------------------------------------------------------

    def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        return stream.chat(self, self.chat_url(), self.headers(call.secret), self.body(call), call, ChunkFormat())

    def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        return images.draw(self, call)

    async def transcribe(self, call: speech.TranscribeCall) -> speech.Transcript:
        url = f"{self.settings.base_url}/audio/transcriptions"
        return await speech.over_openai(self, url, self.headers(call.secret), call)

    async def embed(self, call: embeddings.EmbedCall) -> embeddings.Embeddings:
        url = f"{self.settings.base_url}/embeddings"
        return await embeddings.over_openai(self, url, self.headers(call.secret), call)

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        items = await self.listed(f"{self.settings.base_url}/models", secret)
        return [ModelInfo(name, self.capabilities(name)) for item in items if isinstance(name := item.get("id"), str)]

    async def listed(self, url: str, secret: str | None) -> list[dict[str, Any]]:
        """The items of a model list, as `{"data": […]}` or a bare array. Raises UpstreamFailure."""
        async with self.http.request("GET", url, headers=self.headers(secret)) as response:
            if response.status != 200:
                raise self.failure(response.status, response.headers, await read_error(response))
            try:
                answer = msgspec.json.decode(await read(response, 16 * 1024 * 1024))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error
        items = answer.get("data") if isinstance(answer, dict) else answer
        return [item for item in items or () if isinstance(item, dict)]

    async def close(self) -> None:
        await self.http.close()


def _by_name(model: str) -> Capabilities | None:
    """Of a model that is none for chat, as far as its name says."""
    if speech.listens(model):
        return speech.SPEECH
    return embeddings.VECTORS if embeddings.embeds(model) else None
