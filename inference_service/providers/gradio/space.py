"""Any Hugging Face Space that is a Gradio app: functions and parameters are read from the app itself.

Sources: Gradio's server and clients (3.50 to 6); Hugging Face documents on Spaces and ZeroGPU; recorded answers.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from inference_service.domain import Capabilities, ChatEvent, ImageEvent, ImagePart
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio import chatting, drawing, queue, sessions
from inference_service.providers.gradio.app import App, Function, decode, read_app
from inference_service.providers.gradio.arguments import NAMES, Wanted, arguments, honoured, most_pictures
from inference_service.providers.gradio.hub import host_of, why_not
from inference_service.providers.gradio.login import Cookies, log_in
from inference_service.providers.gradio.messages import SIGNS, Made
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import HttpClient, read, read_error
from inference_service.providers.seam import ChatCall, Declaration, ImageCall, LimitReport, ModelInfo, Settings

APP_AGE = 600.0  # seconds for which an app's description is cached
LARGEST_CONFIG = 32 * 1024 * 1024
CHAT = Capabilities(
    chat=True,
    vision=True,
    settings=frozenset(field for field in NAMES if field.startswith("sampling.")),
)
IMAGE = Capabilities(
    image=True,
    settings=frozenset({"negative_prompt", "size", "aspect_ratio", "seed", "steps", "guidance_scale"}),
    size_step=32,
    min_side=256,
    max_side=2048,
)


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.<name>.options]`. Functions by their API names; empty: the kind's default, else the model's name."""

    space: str = ""  # owner/name of any Space with the same app
    chat_function: str = ""
    image_function: str = ""
    login: bool = False  # the credential is the app's own "user:password"
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
        """Raises ValueError for unknown options."""
        self.settings = settings
        self.http = http
        try:
            self.options = msgspec.convert(dict(settings.options), Options)
        except msgspec.ValidationError as error:
            raise ValueError(f"options: {error}") from error
        own = settings.base_url != self.declaration.base_url.rstrip("/")
        self._host = host_of(self.options.space) if self.options.space and not own else settings.base_url
        self._space = self.options.space or ("" if own else self.space)
        self._described: tuple[App, float] | None = None
        self.sessions = sessions.Sessions()
        self._farewells = queue.Farewells()
        self._cookies = Cookies()

    # --- what it can do -----------------------------------------------------------------------------

    def capabilities(self, model: str) -> Capabilities:
        """As declared; once the app has described itself, with the settings and pictures that it actually accepts."""
        if model in self.settings.capabilities:
            return self.settings.capabilities[model]
        declared = self.declaration.capabilities.get(model) or self._by_options(model)
        function = self._known_function(model, declared)
        if function is None:
            return declared
        takes = most_pictures(function) > 0
        settings = declared.settings & honoured(function)
        if declared.chat:
            return msgspec.structs.replace(declared, vision=declared.vision and takes, settings=settings)
        return msgspec.structs.replace(declared, input_image=takes, settings=settings)

    def _by_options(self, model: str) -> Capabilities:
        functions = (self.options.chat_function, CHAT), (self.options.image_function, IMAGE)
        return next(
            (can for name, can in functions if name and name.strip("/") == model), self.declaration.capabilities["*"]
        )

    def _known_function(self, model: str, declared: Capabilities) -> Function | None:
        if self._described is None or not (declared.chat or declared.image):
            return None
        try:
            return self._described[0].find(self.function_name(model, chat=declared.chat))
        except UpstreamFailure:
            return None

    def function_name(self, model: str, *, chat: bool) -> str:
        if chat:
            return self.options.chat_function or self.chat_function or model
        return self.options.image_function or self.image_function or model

    # --- calls ----------------------------------------------------------------------------------

    def chat(self, call: ChatCall) -> AsyncGenerator[ChatEvent | LimitReport, None]:
        return chatting.chat(self, call)

    def image(self, call: ImageCall) -> AsyncGenerator[ImageEvent | LimitReport, None]:
        return drawing.image(self, call)

    async def ask(
        self, app: App, line: queue.Line, function: Function, wanted: Wanted, session: str
    ) -> AsyncGenerator[Made, None]:
        """One call of a function, from arguments to outputs. Raises UpstreamFailure."""
        values, notices = arguments(function, wanted)
        for notice in notices:
            yield notice
        try:
            async with aclosing(queue.call(line, function, values, session, self._farewells)) as making:
                async for event in making:
                    yield event
        except UpstreamFailure as failure:
            if failure.status >= 500 and self._described is not None and self._described[0] is app:
                self._described = None  # its functions may be numbered differently after a restart
            raise

    # --- the app ----------------------------------------------------------------------------------

    async def reach(self, secret: str | None) -> tuple[App, queue.Line]:
        """The app and the way to it, logged in if the app requires it. Raises UpstreamFailure."""
        if self.options.login and not self._cookies.knows(secret):
            await log_in(self.http, self._host, self._headers(secret), secret, self._cookies)
        app = await self._describe(secret)
        return app, queue.Line(self.http, self._host + app.prefix, self._headers(secret), app.protocol)

    def _headers(self, secret: str | None) -> dict[str, str]:
        head = {"x-gradio-user": "api", **self._cookies.header(secret)}
        if secret and not self.options.login:
            head["Authorization"] = f"Bearer {secret}"
        return head

    def forget_login(self, secret: str | None, failure: UpstreamFailure) -> UpstreamFailure:
        """A restarted app has forgotten every login; the next call logs in again."""
        if not (self.options.login and failure.status == 401 and self._cookies.knows(secret)):
            return failure
        self._cookies.forget(secret)
        return UpstreamFailure(FailureKind.SERVER_ERROR, "the Space has forgotten the login", status=401)

    async def _describe(self, secret: str | None) -> App:
        if self._described is not None and time.monotonic() - self._described[1] < APP_AGE:
            return self._described[0]
        config = await self._get(f"{self._host}/config", secret)
        prefix = str(config.get("api_prefix") or "") if isinstance(config, dict) else ""
        try:
            info = await self._get(f"{self._host}{prefix}/info", secret)
        except UpstreamFailure:
            info = None  # labels do as names
        app = read_app(config, info)
        self._described = app, time.monotonic()
        return app

    async def _get(self, url: str, secret: str | None) -> Any:
        async with self.http.request("GET", url, headers=self._headers(secret), redirects=False) as response:
            if response.status != 200 or "json" not in response.content_type:
                body = await read_error(response)
                if "json" in response.content_type and response.status < 500:
                    raise self.forget_login(
                        secret, errors.from_response(response.status, response.headers, body, SIGNS)
                    )
                raise await why_not(self.http, self.options.hub_url, self._space, response.status, secret)
            self._cookies.keep(secret, response)
            return decode(await read(response, LARGEST_CONFIG))

    async def models(self, secret: str | None) -> Sequence[ModelInfo]:
        app, _ = await self.reach(secret)
        return [
            ModelInfo(function.name, self.capabilities(function.name))
            for function in app.functions.values()
            if function.public
        ]

    async def close(self) -> None:
        await self._farewells.close()
        await self.http.close()
