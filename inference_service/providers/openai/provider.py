"""Any server that speaks the OpenAI API: chat with vision, and pictures. What differs is in its catalogue row.

Sources: the OpenAI API reference; each row of the catalogue names its own.
"""

import re
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal
from urllib.parse import urljoin

import msgspec
from msgspec import Struct

from inference_service.domain import CHAT_SETTINGS, Capabilities, ChatEvent, ChatRequest, ImageEvent, Role
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers import embeddings, speech
from inference_service.providers.catalogue import load
from inference_service.providers.catalogue.row import SPEECH, VECTORS, Row, is_pattern, matches
from inference_service.providers.kit import errors, limits, stream
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.openai import counting, images, listing, wire
from inference_service.providers.openai.stream import ChunkFormat
from inference_service.providers.seam import (
    ChatCall,
    Declaration,
    ImageCall,
    LimitReport,
    ModelInfo,
    Patience,
    Settings,
)
from inference_service.settings import OPENAI_NAMES, Wire, on_wire, wanted

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
DRAWS = {
    "gpt-image-1": PICTURES,
    "gpt-image-1-mini": PICTURES,
    "dall-e-3": msgspec.structs.replace(WITHOUT_INPUT, sizes=((1024, 1024), (1792, 1024), (1024, 1792)), max_count=1),
    "dall-e-2": msgspec.structs.replace(WITHOUT_INPUT, sizes=((256, 256), (512, 512), (1024, 1024))),
}
OWN_FIELDS = frozenset({"stream_options", "parallel_tool_calls"})  # keys that only we send, and that a model may refuse
MENDABLE = OWN_FIELDS | {"sampling.max_tokens"}  # with the token limit that a row sends if the caller sets none
BESIDE = frozenset({"image", "transcribe", "embed"})  # tasks whose models a list may omit
CHARACTERS_PER_TOKEN = 4
SIGNER = "gemini"  # the kind whose models expect the signatures of their tool calls back
_ACCOUNT_AND_TOKEN = re.compile(r"([0-9a-f]{32}):(.+)")


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.<name>.options]` of this kind."""

    preset: str = ""  # a catalogue row whose wire format is used instead of the kind's
    prefill: bool | None = None  # override the row
    partial_images: int = 2  # previews of a picture, 0 to 3
    organization: str = ""
    account: str = ""  # for addresses that hold one
    image_api: ImageApi = ""  # the API for pictures; empty: by the base URL
    image_base_url: str = ""  # the host for pictures if it is not the base URL


class OpenAI:
    """Also the base of providers that differ in more than a row can say."""

    declaration: Declaration = Declaration(
        kind="openai", title="OpenAI-compatible", base_url="", model_aliases={"gpt-image": "gpt-image-1"}
    )
    options_type: ClassVar[type[Any]] = Options
    signs: ClassVar[tuple[errors.Sign, ...]] = ()

    def __init__(self, settings: Settings, http: HttpClient, row: Row | None = None, kind: str = "") -> None:
        """row, kind: of the catalogue; without them the adapter's own. Raises ValueError for unknown options."""
        self.settings = settings
        self.http = http
        try:
            self.options = msgspec.convert(dict(settings.options), self.options_type)
        except msgspec.ValidationError as error:
            raise ValueError(f"options: {error}") from error
        self.row = row or load.shipped()[self.declaration.kind]
        # An operator's own server with named models need not be asked for its list.
        plain = bool(settings.models) and kind in ("", "openai", "compatible")
        own = self.declaration if not kind else msgspec.structs.replace(self.declaration, kind=kind)
        self.declaration = declared(own, self.row, discovers=not plain)
        self.dialect = self.row.dialect(self.signs)
        self._discovered: dict[str, Capabilities] = {}
        self.listed_models: tuple[str, ...] = ()  # everything in the list, once it is known
        self._without: dict[str, frozenset[str]] = {}  # model → fields that only we send and it has refused
        self._folds: set[str] = set()  # models that have refused a system message

    def capabilities(self, model: str) -> Capabilities:
        if model in self.settings.capabilities:
            return self.settings.capabilities[model]
        facts = self._discovered.get(model) or self.declaration.capabilities.get(model)
        if facts is None and ("gpt-image" in model or model in DRAWS):
            facts = DRAWS.get(model, PICTURES)
        if facts is None or facts.image:  # a host's own picture API says more than a list
            facts = images.capabilities(self, model) or facts
        facts = facts or _by_name(model) or self.row.can(model)
        prefill = getattr(self.options, "prefill", None)
        if prefill is None or not facts.chat:
            return facts
        return msgspec.structs.replace(facts, prefill=prefill, unknown=facts.unknown - {"prefill"})

    def choices(self, task: str, most: int = 2) -> tuple[str, ...]:
        """Upstream models for a task, best first: the row's preferences that the list has, or that are not patterns."""
        patterns = self.row.preferences(task)
        named = tuple(pattern for pattern in patterns if not is_pattern(pattern))
        listed = self.listed_models or self._discovered
        if not listed:
            return named[:most]
        models = tuple(dict.fromkeys(name for pattern in patterns for name in listed if matches(name, (pattern,))))
        # Hosts that draw or transcribe outside of their chat API often leave those models out of the list.
        return (models or (named if task in BESIDE else ()))[:most]

    # --- what a subclass changes ---------------------------------------------------------

    def headers(self, secret: str | None) -> dict[str, str]:
        head = dict(self.row.wire.headers)
        if secret:
            token = match[2] if (match := _ACCOUNT_AND_TOKEN.fullmatch(secret)) else secret
            name = self.row.wire.key_header
            head[name] = f"Bearer {token}" if name == "Authorization" else token
        if organization := getattr(self.options, "organization", ""):
            head["OpenAI-Organization"] = organization
        return head

    def root(self, secret: str | None) -> str:
        """The base URL; an account in it comes with the credential."""
        base = self.settings.base_url
        if "{account}" not in base:
            return base
        match = _ACCOUNT_AND_TOKEN.fullmatch(secret or "")
        return base.replace("{account}", match[1] if match else getattr(self.options, "account", ""))

    def chat_url(self) -> str:
        return f"{self.settings.base_url}/chat/completions"

    def wire_names(self) -> dict[str, str | Wire]:
        """Field of a setting → how this server accepts it."""
        row = self.row.wire
        names = {**OPENAI_NAMES, "sampling.max_tokens": row.max_tokens, **row.renames}
        return {field: Wire(name, high=row.most[field]) if field in row.most else name for field, name in names.items()}

    def body(self, call: ChatCall) -> dict[str, Any]:
        """The request's body. `model` first: routers look for it in the first bytes."""
        row = self.row.wire
        body: dict[str, Any] = {
            "model": call.model,
            "messages": wire.messages(call.request, call.prefix, self.manner()),
            **on_wire(call.request.sampling, self.wire_names()),
            **wire.tools(call.request),
            **wire.answer_format(call.request.response_format, self.capabilities(call.model).formats),
            "stream": True,
        }
        if "top_logprobs" in body:
            body["logprobs"] = True
        without = self._without.get(call.model, frozenset())
        if row.default_tokens and "sampling.max_tokens" not in without:
            body.setdefault(row.max_tokens, row.default_tokens)
        if row.usage and "stream_options" not in without:
            body["stream_options"] = {"include_usage": True}
        if "parallel_tool_calls" in without and "tools" in body:
            body.setdefault("parallel_tool_calls", False)  # one call at a time, if the caller leaves it open
        body.update(row.body)
        if call.prefix and self.row.prefill is not None:
            body.update(self.row.prefill.body)
            body["messages"][-1].update(self.row.prefill.message)
        if call.model in self._folds or matches(call.model, self.row.models.no_system):
            body["messages"] = fold_system(body["messages"])
        for name in ("*", call.model):
            body.update(self.settings.provider_options.get(name, {}))
        body.update(call.request.provider_options.get(self.settings.name, {}))
        return body

    def manner(self) -> wire.Manner:
        """How tool calls of earlier turns are written."""
        kind = self.declaration.kind
        return wire.Manner(signs=kind if kind == SIGNER else "")

    def limit_report(self, headers: Mapping[str, str]) -> LimitReport | None:
        return limits.report(headers, time.time(), self.dialect)

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        return errors.from_response(status, headers, body, self.dialect)

    def refusal(self, call: ChatCall, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        """The failure that an answer other than 200 means."""
        refused = errors.from_response(status, headers, body, self.dialect, sent=self.sent(call))
        self._learn(call.model, wanted(call.request.sampling), refused)
        return refused

    # --- calls ------------------------------------------------------------------------------

    def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        url = self.chat_url().replace(self.settings.base_url, self.root(call.secret), 1)
        return stream.chat(
            self, url, self.headers(call.secret), partial(self.body, call), call, ChunkFormat(self.declaration.kind)
        )

    def sent(self, call: ChatCall) -> errors.Sent:
        """What the request held, for judging a refusal."""
        declared, chosen = self.row.wire, call.request.sampling
        own = OWN_FIELDS if declared.usage else frozenset()
        if declared.default_tokens:
            own |= {"sampling.max_tokens"}
        uses = {"system"} if any(turn.role is Role.SYSTEM for turn in call.request.messages) else set()
        if call.request.has_images:
            uses.add("vision")
        if call.request.has_audio:
            uses.add("audio")
        if wire.needs_tools(call.request):
            uses.add("tools")
        size = sum(len(message.text) for message in call.request.messages) + len(call.prefix)
        return errors.Sent(
            wanted(chosen) | own, frozenset(uses), bool(call.prefix), size // CHARACTERS_PER_TOKEN,
            chosen.get("max_tokens") or declared.default_tokens,
        )  # fmt: skip

    def _learn(self, model: str, fields: frozenset[str], refused: UpstreamFailure) -> None:
        """From now on, the parts that only we add are written differently, so a retry makes sense."""
        ours = MENDABLE.intersection(refused.fields) - fields
        if refused.kind is FailureKind.FIELD_REFUSED and ours:
            self._without[model] = self._without.get(model, frozenset()) | ours
            refused.mended = True
        if refused.capability == "system":
            self._folds.add(model)
            refused.mended = True

    def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        return images.draw(self, call)

    async def transcribe(self, call: speech.TranscribeCall) -> speech.Transcript:
        url = f"{self.root(call.secret)}/audio/transcriptions"
        return await speech.over_openai(self, url, self.headers(call.secret), call)

    async def embed(self, call: embeddings.EmbedCall) -> embeddings.Embeddings:
        url = f"{self.root(call.secret)}/embeddings"
        return await embeddings.over_openai(self, url, self.headers(call.secret), call)

    @property
    def counts(self) -> str:
        """How the provider counts tokens; empty: it does not."""
        return self.row.wire.counts

    async def count(self, request: ChatRequest, model: str, secret: str | None) -> int:
        """Tokens that the model would read. Raises UpstreamFailure. Only where `counts` says how."""
        style: counting.Style = self.row.wire.counts  # type: ignore[assignment]
        return await counting.count(self, style, self.root(secret), secret, request, model)

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        url = urljoin(f"{self.root(secret)}/", self.row.wire.list)
        items = await self.listed(url, secret)
        models = list(listing.read(items, self.row))
        self.listed_models = tuple(name for name, _ in listing.named(items, self.row))
        self._discovered = {info.name: info.capabilities for info in models if info.name not in DRAWS}
        return [msgspec.structs.replace(info, capabilities=self.capabilities(info.name)) for info in models]

    async def listed(self, url: str, secret: str | None) -> list[dict[str, Any]]:
        """The items of a model list. Raises UpstreamFailure."""
        async with self.http.request("GET", url, headers=self.headers(secret)) as response:
            if response.status != 200:
                raise self.failure(response.status, response.headers, await read_error(response))
            try:
                answer = msgspec.json.decode(await read(response, 16 * 1024 * 1024))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error
        return listing.items(answer)

    async def close(self) -> None:
        await self.http.close()


def declared(own: Declaration, row: Row, *, discovers: bool) -> Declaration:
    """The adapter's declaration with what the row knows better."""
    return msgspec.structs.replace(
        own,
        title=row.title,
        base_url=own.base_url or row.base_url,
        credentials=tuple(dict.fromkeys((*own.credentials, *row.env))),
        needs_credential=row.tier not in ("local", "keyless", "community"),
        default_models=own.default_models or row.first_choices("chat", "vision", "image"),
        quota_group=row.group,
        patience=own.patience if own.patience != Patience() else row.bounds,
        quotas=own.quotas or tuple(quota.quota() for quota in row.quotas),
        discovers=discovers,
        sources=own.sources or (row.about.source,),
    )


def fold_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Moves instructions in front of the first question, for models without a system role."""
    said = "\n\n".join(str(message["content"]) for message in messages if message["role"] == "system")
    rest = [message for message in messages if message["role"] != "system"]
    first = next((message for message in rest if message["role"] == "user"), None)
    if not said or first is None:
        return rest or messages
    content = first["content"]
    joined = f"{said}\n\n{content}" if isinstance(content, str) else [{"type": "text", "text": said}, *content]
    return [{**message, "content": joined} if message is first else message for message in rest]


def _by_name(model: str) -> Capabilities | None:
    """Whether the name says that this is not a chat model."""
    if speech.listens(model):
        return SPEECH
    return VECTORS if embeddings.embeds(model) else None
