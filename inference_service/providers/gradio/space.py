"""Hugging Face Spaces that are Gradio apps, whatever they do: functions and parameters are read from the app itself.

Sources: Gradio's server and clients (3.50 to 6); Hugging Face documents on Spaces and ZeroGPU; recorded answers.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

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
    Message,
    Picture,
    Preview,
    Role,
    TextPart,
    Usage,
)
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.pictures.normalise import sniff
from inference_service.providers.gradio import files, queue, sessions
from inference_service.providers.gradio.app import App, Function, decode, read_app
from inference_service.providers.gradio.arguments import Wanted, arguments, takes_history
from inference_service.providers.gradio.hub import host_of, why_not
from inference_service.providers.gradio.messages import SIGNS, Made, Output
from inference_service.providers.gradio.said import said_in, without_cursor
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.seam import ChatCall, Declaration, ImageCall, LimitReport, ModelInfo, Settings

APP_AGE = 600.0  # seconds for which an app's description is believed
LARGEST_CONFIG = 32 * 1024 * 1024
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
    """`[providers.<name>.options]`. Functions by their API names; empty: as the kind has it, else the model's name."""

    space: str = ""  # owner/name of any Space that offers the same app
    chat_function: str = ""
    image_function: str = ""
    hub_url: str = "https://huggingface.co"


class Space:
    """Also the base of the presets, which only name a Space and its functions."""

    declaration: ClassVar[Declaration] = Declaration(
        kind="space",
        title="Hugging Face Spaces (Gradio)",
        base_url="https://huggingface.co",
        credentials=("HF_TOKEN",),
        needs_credential=False,
        capabilities={"chat": CHAT, "image": IMAGE, "*": Capabilities()},
        sources=("Gradio", "Hugging Face documents: Spaces, ZeroGPU"),
    )
    space: ClassVar[str] = ""
    chat_function: ClassVar[str] = ""
    image_function: ClassVar[str] = ""
    blank_picture: ClassVar[ImagePart | None] = None
    """What an app looks at that cannot answer without a picture, when there is none."""

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
        self._space = self.options.space or ("" if own else self.space)
        self._app: App | None = None
        self._read_at = 0.0
        self._sessions = sessions.Sessions()
        self._farewells = queue.Farewells()

    def capabilities(self, model: str) -> Capabilities:
        known = self.settings.capabilities.get(model)
        return known or self.declaration.capabilities.get(model) or self._by_options(model)

    def _by_options(self, model: str) -> Capabilities:
        functions = (self.options.chat_function, CHAT), (self.options.image_function, IMAGE)
        return next(
            (can for name, can in functions if name and name.strip("/") == model), self.declaration.capabilities["*"]
        )

    # --- calls ----------------------------------------------------------------------------------

    async def chat(self, call: ChatCall) -> AsyncIterator[ChatEvent | LimitReport]:
        """Answers with text that grows, or that comes whole at the end.

        What was said before goes where the app has a place for it: into its chatbot, into a session that remembers it,
        else in front of the question.
        """
        app, line = await self._reach(call.secret)
        function = app.find(self.options.chat_function or self.chat_function or call.model)
        turns = call.request.messages
        now = time.monotonic()
        session, told = "", turns[:-1]
        if function.remembers and (known := self._sessions.find(app.identity, told, now)):
            session, text = known, turns[-1].text
        elif takes_history(function):
            text = turns[-1].text
        else:
            text = _in_one(turns)
        session = session or sessions.fresh()
        images = [image for turn in turns for image in turn.images][-1:]
        if not images and self.blank_picture is not None:
            images = [self.blank_picture]
        sampling = call.request.sampling
        wanted = Wanted(
            text,
            await files.picture_value(line, app, images[0]) if images else None,
            told,
            {name: sampling.get(name) for name in ("seed", "top_p", "temperature")},
        )
        said = ""
        async with aclosing(self._ask(app, line, function, wanted, session)) as making:
            async for made in making:
                if not isinstance(made, Output):
                    yield made
                    continue
                text = said_in(made.values, function.outputs)
                grown = text if made.final else without_cursor(text)
                if grown.startswith(said):
                    if len(grown) > len(said):
                        yield Delta(grown[len(said) :])
                        said = grown
                elif made.final:
                    # The app has rewritten what it had said: only a new beginning could show that.
                    raise errors.failure(FailureKind.STREAM_ERROR, status=200)
        if function.remembers:
            answered = (*turns, Message(Role.ASSISTANT, (TextPart(said),)))
            self._sessions.keep(app.identity, answered, session, time.monotonic())
        yield Finish(FinishReason.STOP)

    async def image(self, call: ImageCall) -> AsyncIterator[ImageEvent | LimitReport]:
        app, line = await self._reach(call.secret)
        function = app.find(self.options.image_function or self.image_function or call.model)
        request = call.request
        width, height = call.size or (None, None)
        given = request.input_image
        named = {
            "negative_prompt": request.negative_prompt or None,
            "seed": request.seed,
            "randomize_seed": request.seed is None,
            "width": width,
            "height": height,
            "aspect_ratio": "{}:{}".format(*request.aspect_ratio) if request.aspect_ratio else None,
            **dict.fromkeys(("num_inference_steps", "steps", "number_of_inference_steps"), request.steps),
            **dict.fromkeys(("guidance_scale", "guidance", "cfg_weight", "cfg_scale"), request.guidance_scale),
        }
        picture = await files.picture_value(line, app, given) if given is not None else None
        wanted = Wanted(request.prompt, picture, (), named)
        shown: str | None = None
        async with aclosing(self._ask(app, line, function, wanted, sessions.fresh())) as making:
            async for made in making:
                if not isinstance(made, Output):
                    yield made
                    continue
                references = [file for value in made.values for file in files.pictures_of(value)]
                if made.final:
                    if not references:
                        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
                    seed = _seed(made.values, request.seed)
                    for number, file in enumerate(references[: call.count]):
                        yield Picture(call.first_index + number, await files.fetch(line, file), seed)
                    yield Usage(images=min(len(references), call.count))
                elif references and references[0] != shown:
                    shown = references[0]
                    data = await files.fetch(line, shown)
                    yield Preview(call.first_index, sniff(data) or "image/webp", data)
        yield Finish(FinishReason.STOP)

    async def _ask(
        self, app: App, line: queue.Line, function: Function, wanted: Wanted, session: str
    ) -> AsyncGenerator[Made, None]:
        values, notices = arguments(function, wanted)
        for notice in notices:
            yield notice
        try:
            async with aclosing(queue.call(line, function, values, session, self._farewells)) as making:
                async for made in making:
                    yield made
        except UpstreamFailure as failure:
            if failure.status >= 500 and self._app is app:
                self._app = None  # its functions may have other numbers after a restart
            raise

    # --- the app ----------------------------------------------------------------------------------

    def _headers(self, secret: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}", "x-gradio-user": "api"} if secret else {"x-gradio-user": "api"}

    async def _reach(self, secret: str | None) -> tuple[App, queue.Line]:
        app = await self._describe(secret)
        return app, queue.Line(self.http, self._host + app.prefix, self._headers(secret), app.protocol)

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
                    raise errors.from_response(response.status, response.headers, body, SIGNS)
                raise await why_not(self.http, self.options.hub_url, self._space, response.status, secret)
            return decode(await read(response, LARGEST_CONFIG))

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        app = await self._describe(secret)
        return [ModelInfo(one.name, self.capabilities(one.name)) for one in app.functions.values() if one.public]

    async def close(self) -> None:
        await self._farewells.close()
        await self.http.close()


def _in_one(turns: Sequence[Message]) -> str:
    """A conversation as one text, for an app that only takes a question."""
    if len(turns) == 1:
        return turns[0].text
    return "\n\n".join(f"{turn.role.value.capitalize()}: {turn.text}" for turn in turns)


def _seed(values: Sequence[Any], asked: int | None) -> int | None:
    """The seed that the app tells beside its picture."""
    told = (int(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool))
    return next(told, asked)
