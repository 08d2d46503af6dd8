"""The AI Horde: volunteers write and draw, in the order of their clients' kudos. It works without a key, but slowly.

Chat goes through the Horde's OpenAI-compatible proxy, as its catalogue row says; pictures have their own queue.

An order is submitted, polled until it is done, and fetched once. An order that nobody waits for any more is
cancelled. Pictures drawn without a personal key are always shared with LAION.
Sources: the AI Horde's server (API v2) and its integration guide.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from inference_service.domain import Capabilities, ChatEvent, ImageEvent, Notice, NoticeKind, Progress
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.catalogue import load
from inference_service.providers.kit import errors, limits
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.openai.provider import OpenAI
from inference_service.providers.pictures.drawing import data_uri, deliver
from inference_service.providers.pictures.jobs import MOST_MISSED, PASSING, ask
from inference_service.providers.pictures.results import decode, read_results
from inference_service.providers.pictures.seeds import LARGEST, seed_for
from inference_service.providers.pictures.style import dropped, given
from inference_service.providers.seam import (
    ChatCall,
    Declaration,
    ImageCall,
    LimitReport,
    ModelInfo,
    Settings,
    farewell,
)

K = FailureKind
ANONYMOUS = "0000000000"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 5.0  # seconds between two polls; the server's answer is a second old at most
SPACING = 0.7  # seconds between any two polls of this process: 90 a minute are allowed per address
FAREWELL = 2.0  # seconds that cancelling an order may take
CAN = Capabilities(
    image=True,
    settings=frozenset({"negative_prompt", "size", "aspect_ratio", "seed", "steps", "guidance_scale"}),
    size_step=64,
    min_side=64,
    max_side=1536,
    max_count=4,
    input_image=True,
)
# What the catalogue row does not cover, because chat never needs it.
RETURN_CODES: Mapping[str, tuple[FailureKind, str]] = {
    "TooManySteps": (K.UNSUPPORTED, "the AI Horde does not allow that many steps"),
    "InvalidSize": (K.UNSUPPORTED, "the AI Horde does not allow this size"),
    "RequestNotFound": (K.SERVER_ERROR, "the AI Horde no longer knows the request"),
    "RequestExpired": (K.TIMEOUT, "the request has expired at the AI Horde"),
    "Locked": (K.UNAVAILABLE, "the AI Horde is temporarily locked"),
}


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    text_url: str = "https://oai.aihorde.net/v1"  # the proxy for chat
    contact: str = "none"  # how the AI Horde's operators can reach the user, part of Client-Agent
    slow_workers: bool = True  # false costs kudos


class AIHorde:
    declaration: ClassVar[Declaration] = Declaration(
        kind="aihorde",
        title="AI Horde",
        base_url="https://aihorde.net/api/v2",
        credentials=("AIHORDE_API_KEY", "AI_HORDE_API_KEY", "HORDE_API_KEY", "STABLE_HORDE_API_KEY"),
        needs_credential=False,
        default_models=("FLUX.1-dev", "AlbedoBase XL (SDXL)"),
        capabilities={"*": CAN},
        discovers=True,
        sources=("AI Horde API v2 (server source)", "AI Horde integration guide"),
    )

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        """Raises ValueError for unknown options."""
        self.settings, self.http = settings, http
        try:
            self.options = msgspec.convert(dict(settings.options), Options)
        except msgspec.ValidationError as error:
            raise ValueError(f"options: {error}") from error
        written = msgspec.structs.replace(settings, base_url=self.options.text_url, options={})
        self._text = OpenAI(written, http, load.shipped()["aihorde"], "aihorde")
        self.dialect = self._text.dialect
        self._next_question = 0.0
        self._farewells: set[asyncio.Task[None]] = set()

    def capabilities(self, model: str) -> Capabilities:
        """Models that write are named after their server: "koboldcpp/…"."""
        if model in self.settings.capabilities:
            return self.settings.capabilities[model]
        return self._text.capabilities(model) if "/" in model else CAN

    def headers(self, secret: str | None) -> dict[str, str]:
        return {"apikey": secret or ANONYMOUS, "Client-Agent": f"antiphon:0.1:{self.options.contact}"}

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        try:
            parsed = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            parsed = None
        code = str(parsed.get("rc")) if isinstance(parsed, dict) else ""
        if code not in RETURN_CODES:
            return errors.from_response(status, headers, body, self.dialect)
        kind, words = RETURN_CODES[code]
        return UpstreamFailure(kind, words, status=status)

    def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        return self._text.chat(call)

    # --- pictures -----------------------------------------------------------------------------

    async def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        for notice in dropped(call.request, CAN.settings):
            yield notice
        seed, _ = seed_for(call.request, LARGEST)
        order, changes = await self._submit(call, seed)
        yield LimitReport()
        for notice in changes:
            yield notice
        ended = False
        try:
            async with aclosing(self._until_done(order, call)) as waiting:
                async for progress in waiting:
                    yield progress
            answer = await ask(self, f"{self.settings.base_url}/generate/status/{order}", self.headers(call.secret))
            ended = True
        finally:
            if not ended:
                self._cancel(order, call.secret)
        results = read_results(answer, self.settings.base_url)
        async with aclosing(deliver(self.http, results, call, seed if call.count == 1 else None)) as delivering:
            async for event in delivering:
                yield event

    async def _submit(self, call: ImageCall, seed: int) -> tuple[str, list[Notice]]:
        """The order's id, and what the Horde changed in it. Raises UpstreamFailure."""
        body = msgspec.json.encode(await self._order(call, seed))
        url = f"{self.settings.base_url}/generate/async"
        async with self.http.request("POST", url, headers=self.headers(call.secret), json=body) as response:
            if response.status not in (200, 202):
                raise self.failure(response.status, response.headers, await read_error(response))
            answer = decode(await read(response, 1024 * 1024))
        order = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(order, str) or not order.replace("-", "").isalnum():
            raise errors.failure(K.BAD_RESPONSE, status=200)
        return order, _changes(answer.get("warnings"))

    async def _order(self, call: ImageCall, seed: int) -> dict[str, Any]:
        request = call.request
        words = f"{request.prompt} ### {request.negative_prompt}" if request.negative_prompt else request.prompt
        width, height = call.size or (1024, 1024)
        flux = "flux" in call.model.lower()
        params = given(
            # Distilled models are drawn without guidance.
            sampler_name="k_euler" if flux else None,
            cfg_scale=request.guidance_scale if request.guidance_scale is not None else (1 if flux else None),
            steps=request.steps or (4 if "schnell" in call.model.lower() else None),
            width=width,
            height=height,
            seed=str(seed),
            n=call.count,
        )
        order: dict[str, Any] = {
            "prompt": words,
            "params": params,
            "models": [call.model],
            "nsfw": False,
            "censor_nsfw": True,
            "r2": True,
            "shared": False,
            "slow_workers": self.options.slow_workers,
            "replacement_filter": True,
            # A smaller picture is better than none, unless the caller says otherwise.
            "allow_downgrade": not request.strict,
        }
        if request.input_image is not None:
            picture = (await data_uri(call)).partition(",")[2]
            order |= {"source_image": picture, "source_processing": "img2img"}
        return order

    async def _until_done(self, order: str, call: ImageCall) -> AsyncGenerator[Progress, None]:
        """The place in the queue until the order is done. Raises UpstreamFailure if it never will be."""
        url, pause, missed = f"{self.settings.base_url}/generate/check/{order}", FIRST_PAUSE, 0
        while True:
            await self._turn()
            try:
                state, missed = await ask(self, url, self.headers(call.secret)), 0
            except UpstreamFailure as failure:
                missed += 1
                if failure.kind not in PASSING or missed >= MOST_MISSED:
                    raise
                state = None
            if isinstance(state, dict):
                if state.get("done") is True:
                    return
                if state.get("faulted") is True:
                    raise UpstreamFailure(K.SERVER_ERROR, "the AI Horde gave up the request", status=200)
                if state.get("is_possible") is False:
                    raise UpstreamFailure(K.UNAVAILABLE, "no worker of the AI Horde can draw this now", status=200)
                yield progress_of(state)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.3)

    async def _turn(self) -> None:
        """Spreads the polls of all orders, because the limit applies to the address."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_question)
        self._next_question = at + SPACING
        await asyncio.sleep(at - now)

    def _cancel(self, order: str, secret: str | None) -> None:
        task = farewell(self._delete(order, secret), "aihorde-cancel")
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def _delete(self, order: str, secret: str | None) -> None:
        url = f"{self.settings.base_url}/generate/status/{order}"
        with contextlib.suppress(UpstreamFailure, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                async with self.http.request("DELETE", url, headers=self.headers(secret)) as response:
                    await read_error(response)

    # --- the rest -------------------------------------------------------------------------------

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        """Models that a worker serves right now."""
        models: list[ModelInfo] = []
        for kind in ("image", "text"):
            url = f"{self.settings.base_url}/status/models?type={kind}"
            answer = await ask(self, url, self.headers(secret))
            if not isinstance(answer, list):
                raise errors.failure(K.BAD_RESPONSE, status=200)
            served = [worker for worker in answer if isinstance(worker, dict) and _number(worker.get("count"))]
            names = [name for worker in served if isinstance(name := worker.get("name"), str)]
            models += [ModelInfo(name, self.capabilities(name)) for name in names]
        return models

    async def close(self) -> None:
        await asyncio.gather(*self._farewells, return_exceptions=True)
        await self.http.close()


def progress_of(state: Mapping[str, Any]) -> Progress:
    """What the caller sees of an order: its place while it waits, then that it is being drawn."""
    place, eta = _number(state.get("queue_position")), _number(state.get("wait_time"))
    waiting = _number(state.get("waiting")) and not _number(state.get("processing"))
    return Progress(
        "queued" if waiting else "generating",
        queue_position=int(place) if waiting and place else None,
        eta=min(eta, limits.LONGEST) if eta else None,
    )


def _number(value: object) -> float:
    """A positive number; 0 for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
        return float(value)
    return 0.0


def _changes(warnings: object) -> list[Notice]:
    """What the Horde reduced so that the order could be accepted."""
    notices = []
    for warning in warnings if isinstance(warnings, list) else ():
        code = str(warning.get("code", "")) if isinstance(warning, dict) else ""
        if "Steps" in code:
            notices.append(Notice(NoticeKind.CHANGED, "steps", "The AI Horde used fewer steps."))
        elif "Size" in code or "Resolution" in code or "Downgrade" in code:
            notices.append(Notice(NoticeKind.CHANGED, "size", "The AI Horde made the picture smaller."))
    return notices
