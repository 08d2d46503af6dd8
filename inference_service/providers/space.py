"""Hugging Face Spaces that are Gradio apps, whatever they do: functions and parameters are read from the app itself.

Sources: Gradio's server and clients (4.11 to 6); Hugging Face documents on Spaces and ZeroGPU; recorded answers.
"""

import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct

from inference_service.domain import (
    Capabilities,
    ChatEvent,
    Delta,
    Finish,
    FinishReason,
    ImageEvent,
    ImagePart,
    Notice,
    Picture,
    Preview,
    Progress,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import sniff
from inference_service.providers import errors, gradio_queue
from inference_service.providers.base import ChatCall, Declaration, ImageCall, LimitReport, ModelInfo, Settings
from inference_service.providers.gradio_app import App, arguments, decode, read_app
from inference_service.providers.http import HttpClient, read, read_error

APP_AGE = 600.0  # seconds for which an app's description is believed
WAITING = ("BUILDING", "APP_STARTING", "RUNNING_BUILDING", "RUNNING_APP_STARTING", "SLEEPING")
START_TIME = 60.0
CHAT = Capabilities(
    chat=True, vision=True, settings=frozenset({"sampling.seed", "sampling.top_p", "sampling.temperature"})
)
IMAGE = Capabilities(
    image=True,
    settings=frozenset({"negative_prompt", "size", "aspect_ratio", "seed", "steps", "guidance_scale"}),
    size_step=32,
    min_side=256,
    max_side=2048,
)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.<name>.options]`. Functions by their API names; empty: the Space does not do that."""

    space: str = ""  # owner/name; else base_url
    chat_function: str = ""
    image_function: str = ""
    hub_url: str = "https://huggingface.co"


def host_of(space: str) -> str:
    """`owner/Some.Name` → https://owner-some-name.hf.space"""
    return f"https://{re.sub(r'[^a-z0-9]+', '-', space.lower()).strip('-')}.hf.space"


class Space:
    """Also the base of the presets, which only name functions."""

    declaration: ClassVar[Declaration] = Declaration(
        kind="space",
        title="Hugging Face Spaces (Gradio)",
        base_url="https://huggingface.co",
        credentials=("HF_TOKEN",),
        needs_credential=False,
        capabilities={"chat": CHAT, "image": IMAGE, "*": Capabilities()},
        sources=("Gradio", "Hugging Face documents: Spaces, ZeroGPU"),
    )
    chat_function: ClassVar[str] = ""
    image_function: ClassVar[str] = ""

    def __init__(self, settings: Settings, http: HttpClient) -> None:
        """Raises ValueError for options that this kind does not know."""
        self.settings = settings
        self.http = http
        try:
            self.options = msgspec.convert(dict(settings.options), Options)
        except msgspec.ValidationError as error:
            raise ValueError(f"options: {error}") from error
        own = settings.base_url != self.declaration.base_url.rstrip("/")
        self._host = host_of(self.options.space) if self.options.space and not own else settings.base_url
        self._app: App | None = None
        self._read_at = 0.0

    def capabilities(self, model: str) -> Capabilities:
        known = self.settings.capabilities.get(model)
        return known or self.declaration.capabilities.get(model) or self._by_options(model)

    def _by_options(self, model: str) -> Capabilities:
        functions = (self.options.chat_function, CHAT), (self.options.image_function, IMAGE)
        return next(
            (can for name, can in functions if name and name.strip("/") == model), self.declaration.capabilities["*"]
        )

    def _function_for(self, model: str, preset: str, configured: str) -> str:
        return configured or preset or model

    # --- calls ----------------------------------------------------------------------------------

    async def chat(self, call: ChatCall) -> AsyncIterator[ChatEvent | LimitReport]:
        """Answers with text that grows, or that comes whole at the end. The conversation is told as one text."""
        name = self._function_for(call.model, self.chat_function, self.options.chat_function)
        request = call.request
        question = (
            "\n\n".join(f"{turn.role.value}: {turn.text}" for turn in request.messages)
            if len(request.messages) > 1
            else request.messages[-1].text
        )
        images = [image for turn in request.messages for image in turn.images]
        wanted = {
            **dict.fromkeys(("question", "prompt", "message", "text", "inputs", "input"), question),
            "seed": request.sampling.seed,
            "top_p": request.sampling.top_p,
            "temperature": request.sampling.temperature,
        }
        said = ""
        async for made in self._run(name, wanted, images[-1:], call.secret):
            if not isinstance(made, gradio_queue.Output):
                yield made
                continue
            text = next((value for value in made.values if isinstance(value, str)), "")
            if not text.startswith(said):
                # The app rewrites what it has said: only a new beginning could show that.
                raise errors.failure(FailureKind.STREAM_ERROR, status=200)
            if len(text) > len(said):
                yield Delta(text[len(said) :])
                said = text
        yield Finish(FinishReason.STOP)

    async def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        name = self._function_for(call.model, self.image_function, self.options.image_function)
        request = call.request
        width, height = call.size or (None, None)
        wanted = {
            **dict.fromkeys(("prompt", "text", "input", "inputs"), request.prompt),
            "negative_prompt": request.negative_prompt or None,
            "seed": request.seed,
            "randomize_seed": request.seed is None,
            "width": width,
            "height": height,
            **dict.fromkeys(("num_inference_steps", "steps", "number_of_inference_steps"), request.steps),
            **dict.fromkeys(("guidance_scale", "guidance", "cfg_weight", "cfg_scale"), request.guidance_scale),
        }
        shown: str | None = None
        async for made in self._run(name, wanted, [request.input_image] if request.input_image else [], call.secret):
            if not isinstance(made, gradio_queue.Output):
                yield made
                continue
            files = [file for value in made.values for file in _files(value)]
            seed = next(
                (int(value) for value in made.values if isinstance(value, int | float) and not isinstance(value, bool)),
                request.seed,
            )
            if made.final:
                if not files:
                    raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
                for number, file in enumerate(files[: call.count]):
                    yield Picture(call.first_index + number, await self._fetch(file, call.secret), seed)
                yield Usage(images=min(len(files), call.count))
            elif files and files[0] != shown:
                shown = files[0]
                data = await self._fetch(shown, call.secret)
                yield Preview(call.first_index, sniff(data) or "image/webp", data)
        yield Finish(FinishReason.STOP)

    async def _run(
        self, name: str, wanted: Mapping[str, Any], images: Sequence[ImagePart], secret: str | None
    ) -> AsyncIterator[gradio_queue.Output | Progress | Notice]:
        app = await self._describe(secret)
        function = app.find(name)
        base = self._host + app.prefix
        given = dict(wanted)
        if images:
            uploaded = await self._upload(base, images[0], secret)
            given |= dict.fromkeys(("image", "input_image", "img"), uploaded)
        values, notices, _ = arguments(function, given)
        for notice in notices:
            yield notice
        try:
            async for made in gradio_queue.call(self.http, base, self._headers(secret), function, values):
                yield made
        except UpstreamFailure as failure:
            if failure.status >= 500:
                self._app = None  # its functions may have other numbers after a restart
            raise

    # --- the app ----------------------------------------------------------------------------------

    def _headers(self, secret: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}", "x-gradio-user": "api"} if secret else {"x-gradio-user": "api"}

    async def _describe(self, secret: str | None) -> App:
        if self._app is not None and time.monotonic() - self._read_at < APP_AGE:
            return self._app
        config = await self._get(f"{self._host}/config", secret)
        prefix = str(config.get("api_prefix") or "") if isinstance(config, dict) else ""
        try:
            info = await self._get(f"{self._host}{prefix}/info", secret)
        except UpstreamFailure:
            info = None  # labels do as names
        self._app, self._read_at = read_app(config, info), time.monotonic()
        return self._app

    async def _get(self, url: str, secret: str | None) -> Any:
        async with self.http.request("GET", url, headers=self._headers(secret), redirects=False) as response:
            if response.status != 200 or "json" not in response.content_type:
                body = await read_error(response)
                if "json" in response.content_type and response.status < 500:
                    raise errors.from_response(response.status, response.headers, body, gradio_queue.SIGNS)
                raise await self._why_not(response.status, secret)
            return decode(await read(response, 32 * 1024 * 1024))

    async def _why_not(self, status: int, secret: str | None) -> UpstreamFailure:
        """A Space that answers with a page instead of its app: asleep, building, paused, private or gone."""
        if status == 401:
            return UpstreamFailure(
                FailureKind.FORBIDDEN, "the Space is private, and the token may not read it", status=401
            )
        stage = await self._stage(secret)
        if stage in WAITING:
            words = f"the Space is not up yet ({stage.lower().replace('_', ' ')})"
            return UpstreamFailure(FailureKind.LOADING, words, status=503, wake_after=START_TIME)
        if stage:
            return UpstreamFailure(
                FailureKind.RETIRED, f"the Space is not running ({stage.lower().replace('_', ' ')})", status=status
            )
        if status == 404:
            return UpstreamFailure(FailureKind.MODEL_NOT_FOUND, "there is no such Space", status=404)
        return UpstreamFailure(FailureKind.UNAVAILABLE, "the Space does not answer as an app does", status=status)

    async def _stage(self, secret: str | None) -> str:
        if not self.options.space:
            return ""
        head = {"Authorization": f"Bearer {secret}"} if secret else {}
        url = f"{self.options.hub_url}/api/spaces/{quote(self.options.space, safe='/')}/runtime"
        try:
            async with self.http.request("GET", url, headers=head) as response:
                found = decode(await read(response, 65_536)) if response.status == 200 else {}
        except UpstreamFailure:
            return ""
        stage = str(found.get("stage", "")) if isinstance(found, dict) else ""
        return "" if stage == "RUNNING" else stage

    async def _upload(self, base: str, image: ImagePart, secret: str | None) -> dict[str, Any]:
        name = f"image.{image.mime.rpartition('/')[2]}"
        form = aiohttp.FormData()
        form.add_field("files", image.data, filename=name, content_type=image.mime)
        async with self.http.request("POST", f"{base}/upload", headers=self._headers(secret), form=form) as response:
            if response.status != 200:
                raise errors.from_response(
                    response.status, response.headers, await read_error(response), gradio_queue.SIGNS
                )
            paths = decode(await read(response, 65_536))
        if not (isinstance(paths, list) and paths and isinstance(paths[0], str)):
            raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
        about = {"path": paths[0], "orig_name": name, "mime_type": image.mime, "size": len(image.data)}
        return {**about, "meta": {"_type": "gradio.FileData"}}

    async def _fetch(self, path: str, secret: str | None) -> bytes:
        """A file of the app. Its `url` may be wrong, so the address is made from the path."""
        prefix = self._app.prefix if self._app else ""
        async with self.http.request(
            "GET", f"{self._host}{prefix}/file={quote(path)}", headers=self._headers(secret)
        ) as response:
            if response.status != 200:
                raise UpstreamFailure(
                    FailureKind.BAD_IMAGE, "the Space's picture could not be fetched", status=response.status
                )
            return await read(response, 64 * 1024 * 1024)

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        app = await self._describe(secret)
        return [ModelInfo(name, self.capabilities(name)) for name in app.functions]

    async def close(self) -> None:
        await self.http.close()


def _files(value: Any) -> list[str]:
    """Paths of the files in an output: one file, or a gallery of them."""
    match value:
        case {"path": str(path)}:
            return [path]
        case {"image": inner}:
            return _files(inner)
        case list():
            return [path for one in value for path in _files(one)]
    return []
