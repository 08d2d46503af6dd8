"""The seam between routing and the upstreams: a provider is a declaration and three methods.

A provider can neither pick a credential nor retry; it makes one upstream call per `chat` or
`image` and yields what happens. It bounds connecting by itself (`HttpClient`); waiting for
headers, first token, idle gaps and the total is the attempt's business, by cancelling.

Routing reads a provider only through `checked`, and its model list through `models`:

    async with contextlib.aclosing(checked(provider.chat(call))) as events:
        async for event in events:
            ...

Behind them
- every event is of one of the types of `Event`, and its numbers are finite and in range; what makes
  no sense is dropped, or the call fails as `bad_response`;
- the only exceptions are UpstreamFailure and CancelledError, whatever goes wrong in an adapter;
- once `aclose` has returned or the iteration has ended, no socket of the call is open: the lease
  may be returned. No adapter has to care about it.

The cost is one generator and one type check per event; no text is examined.
"""

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextvars import ContextVar, copy_context
from typing import Any, Protocol

import msgspec
import structlog
from msgspec import Struct

from inference_service.domain import (
    Capabilities,
    ChatEvent,
    ChatRequest,
    Delta,
    ImageEvent,
    ImageRequest,
    Reasoning,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.events import CHECKS, MOST_TOKENS, count, number, odd
from inference_service.quotas import LimitFact, Quota

log = structlog.get_logger(__name__)
LONGEST_MODEL = 200


class ModelInfo(Struct, frozen=True):
    """One upstream model that a provider offers."""

    name: str  # the upstream's id
    capabilities: Capabilities
    aliases: tuple[str, ...] = ()  # public names of the mission, e.g. "janus"


class Patience(Struct, frozen=True):
    """Longer bounds on silence than usual, in seconds; 0: the usual ones. For queues and local servers that load a model."""

    headers: float = 0.0
    first_token: float = 0.0
    idle: float = 0.0


class Declaration(Struct, frozen=True):
    """What a kind of provider is, as data.

    credentials: names of environment variables; "HF_TOKEN" stands for HF_TOKEN and for
        HF_TOKEN1, HF_TOKEN2, … (any number, gaps allowed).
    needs_credential: False where an empty pool is fine (a local server, a public Space).
    default_models: the upstream models offered without any configuration; the first one of a
        task is what the default route of the task uses.
    capabilities: by upstream model; the key "*" is what unknown models are taken for.
    quota_group: "credential" when each credential has limits of its own, "account" when all
        credentials of the provider share one.
    quotas: the limits of each credential, as far as the provider publishes them.
    patience: how long silence is normal here; what the operator sets explicitly wins.
    discovers: True where `models` tells chat, vision and image models apart, so that its list is worth keeping.
    sources: documents that the wire format was taken from.
    """

    kind: str
    title: str
    base_url: str
    credentials: tuple[str, ...] = ()
    needs_credential: bool = True
    default_models: tuple[str, ...] = ()
    model_aliases: Mapping[str, str] = {}
    capabilities: Mapping[str, Capabilities] = {}
    quota_group: str = "credential"
    quotas: tuple[Quota, ...] = ()
    patience: Patience = Patience()
    discovers: bool = False
    sources: tuple[str, ...] = ()


class Settings(Struct, frozen=True):
    """One configured instance of a provider, from `antiphon.toml` and the environment.

    options: what only this kind understands (`[providers.x.options]`), validated by the provider.
    provider_options: extra fields for the body of a chat, by upstream model; "*" is for all of them.
    """

    name: str
    base_url: str
    headers: Mapping[str, str] = {}
    proxy: str | None = None
    models: tuple[str, ...] = ()
    aliases: Mapping[str, str] = {}
    capabilities: Mapping[str, Capabilities] = {}
    options: Mapping[str, object] = {}
    provider_options: Mapping[str, Mapping[str, object]] = {}
    verify_tls: bool = True
    connect_timeout: float = 5.0


class ChatCall(Struct, frozen=True):
    """One upstream call.

    prefix: the text already delivered that the answer must continue.
    continues: the messages themselves ask to continue an answer; as with a prefix, an end without a word is an end.
    """

    request: ChatRequest
    model: str
    secret: str | None
    prefix: str = ""
    continues: bool = False


class ImageCall(Struct, frozen=True):
    """One upstream call for `count` pictures (at most the deployment's max_count).

    `size` is resolved: what the deployment allows, or None for its default.
    """

    request: ImageRequest
    model: str
    secret: str | None
    count: int = 1
    first_index: int = 0
    size: tuple[int, int] | None = None


class LimitReport(Struct, frozen=True):
    """The provider has accepted the call. `limits`: what its response headers report before they apply."""

    limits: tuple[LimitFact, ...] = ()


class Provider(Protocol):
    settings: Settings

    @property
    def declaration(self) -> Declaration:
        """What this provider is: the adapter's, completed by its row of the catalogue."""
        ...

    def capabilities(self, model: str) -> Capabilities:
        """What this upstream model can do; declared, configured or discovered."""
        ...

    def chat(self, call: ChatCall) -> AsyncIterator[ChatEvent | LimitReport]:
        """Answers once and ends after Finish. Raises UpstreamFailure, also if the answer is not whole."""
        ...

    def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        """Draws once. Raises UpstreamFailure."""
        ...

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        """Asks the upstream which models it offers: a cheap request, also used by `antiphon check`.

        Raises UpstreamFailure.
        """
        ...

    async def close(self) -> None:
        """Closes sessions; calls running on them end with a failure."""
        ...


# --- how routing reads a provider ------------------------------------------------------------------

Event = ChatEvent | ImageEvent | LimitReport


class Socket(Protocol):
    """One connection of a call."""

    def abort(self) -> None:
        """Closes it now, unless it has gone back to the pool whole."""
        ...

    async def closed(self) -> None:
        """Returns once it is closed or in the pool."""
        ...


_sockets: ContextVar[list[Socket] | None] = ContextVar("sockets", default=None)


def opened(socket: Socket) -> None:
    """Registers a connection with the running call. For the HTTP kit."""
    held = _sockets.get()
    if held is not None:
        held.append(socket)


def farewell(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """A task that outlives its call, such as cancelling an order: its sockets belong to it."""
    context = copy_context()
    context.run(_sockets.set, None)
    return asyncio.create_task(work, name=name, context=context)


async def checked(events: AsyncIterator[Any]) -> AsyncGenerator[Event, None]:
    """What a provider's `chat` or `image` yields, validated. Raises UpstreamFailure; always close it."""
    held: list[Socket] = []
    try:
        while True:
            token = _sockets.set(held)
            try:
                event = await anext(events)
            finally:
                _sockets.reset(token)
            kind = type(event)
            if kind is Delta or kind is Reasoning:
                if type(event.text) is not str:
                    raise odd(event)
                if event.text:
                    yield event
            elif (good := _check(event)) is not None:
                yield good
    except StopAsyncIteration:
        return
    except UpstreamFailure:
        raise
    except Exception as error:
        raise _stumbled(error) from error
    finally:
        await _close(events, held)


async def models(provider: Provider, secret: str | None) -> list[ModelInfo]:
    """The provider's list, validated: a malformed item costs itself, a malformed field is unknown. Raises UpstreamFailure."""
    held: list[Socket] = []
    token = _sockets.set(held)
    try:
        listed = await provider.models(secret)
        return [good for info in listed if (good := _model(info)) is not None]
    except UpstreamFailure:
        raise
    except Exception as error:
        raise _stumbled(error) from error
    finally:
        _sockets.reset(token)
        await _shut(held)


async def _close(events: AsyncIterator[Any], held: list[Socket]) -> None:
    closing = getattr(events, "aclose", None)
    token = _sockets.set(held)
    try:
        if closing is not None:
            await closing()
    except Exception as error:  # noqa: BLE001 - the call is over; how its end fails tells nothing more
        if not isinstance(error, UpstreamFailure):
            log.warning("adapter failed while closing", error=type(error).__name__)
    finally:
        _sockets.reset(token)
        await _shut(held)


async def _shut(held: Sequence[Socket]) -> None:
    for socket in held:
        socket.abort()
    for socket in held:
        await socket.closed()


def _stumbled(error: Exception) -> UpstreamFailure:
    # Where it happened, not the message: that may hold words of the upstream.
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    log.warning("adapter failed", error=type(error).__name__, place=place)
    return UpstreamFailure(FailureKind.BAD_RESPONSE, "the provider's answer could not be understood", status=200)


def _check(event: Any) -> Event | None:
    kind = type(event)
    if kind is LimitReport:
        good = tuple(fact for fact in event.limits if _sensible(fact))
        return event if len(good) == len(event.limits) else LimitReport(good)
    check = CHECKS.get(kind)
    if check is None:
        raise odd(event)
    good_event: Event | None = check(event)
    return good_event


def _sensible(fact: Any) -> bool:
    if not isinstance(fact, LimitFact):
        return False
    numbers = (fact.window, fact.limit, fact.remaining, fact.resets_after)
    return all(value is None or ((parsed := number(value)) is not None and parsed >= 0) for value in numbers)


def _model(info: Any) -> ModelInfo | None:
    if not isinstance(info, ModelInfo) or not isinstance(info.name, str) or not info.name.strip():
        return None
    if len(info.name) > LONGEST_MODEL or not isinstance(info.capabilities, Capabilities):
        return None
    context = count(info.capabilities.context_tokens, MOST_TOKENS) or 0
    if context == info.capabilities.context_tokens:
        return info
    return msgspec.structs.replace(
        info, capabilities=msgspec.structs.replace(info.capabilities, context_tokens=context)
    )
