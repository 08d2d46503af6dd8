"""The OpenAI-compatible door: HTTP in front of the same handlers that serve gRPC."""

import ssl
import time
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import unquote

import structlog
from aiohttp import web

from antiphon.config.model import Service
from antiphon.webdoor import WebDoor
from inference_service import tls
from inference_service.api.parts import Shared
from inference_service.api.servicers import inference_methods
from inference_service.http import body, cors
from inference_service.http.call import Exchange, Facts, HttpCall, error_response
from inference_service.http.chat import ChatExchange
from inference_service.http.embeddings import EmbeddingsExchange
from inference_service.http.images import ImageExchange
from inference_service.http.models import ModelsExchange
from inference_service.http.problems import Problem, not_found
from inference_service.http.transcriptions import TranscriptionExchange
from inference_service.transport.server import listening

log = structlog.get_logger(__name__)
LINGER = 2.0  # seconds for a caller that is still sending a refused body
MOST_CONNECTIONS, LONGEST_LINE = 4_096, 8_190
KEEPALIVE = 75.0  # seconds that an idle connection is kept; longer than most clients keep theirs
Handler = Callable[[web.Request, Facts], Awaitable[web.StreamResponse]]


class HttpServer:
    """`start`, then `stop`. Requests that are running at the stop may finish within its grace."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._since = int(time.time())
        self._web: WebDoor | None = None
        self._routes: dict[str, dict[str, Handler]] = {
            "": {"GET": self._welcome, "HEAD": self._welcome},
            "health": {"GET": self._welcome, "HEAD": self._welcome},
            "models": {"GET": partial(self._models, None)},
            "chat/completions": {"POST": self._chat},
            "images/generations": {"POST": partial(self._image, edit=False)},
            "images/edits": {"POST": partial(self._image, edit=True)},
            "embeddings": {"POST": self._embed},
            "audio/transcriptions": {"POST": self._transcribe},
        }
        self._methods = inference_methods(shared)
        self.port = 0

    async def start(self, service: Service) -> None:
        """Raises OSError if the port is taken, and TlsProblem."""
        app = web.Application()
        app.on_response_prepare.append(self._add_headers)
        app.router.add_route("*", "/{path:.*}", self._dispatch, expect_handler=body.expect)
        context: ssl.SSLContext | None = tls.context(service.tls, "http/1.1") if service.tls is not None else None
        web_door = WebDoor(
            app,
            MOST_CONNECTIONS,
            handler_cancellation=True,
            lingering_time=LINGER,
            keepalive_timeout=KEEPALIVE,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        await web_door.start_on(listening(service.http_host, service.http_port, share=service.workers > 1), context)
        self._web, self.port = web_door, web_door.port

    def leave(self) -> None:
        """Accepts no new connections."""
        if self._web is not None:
            self._web.leave()

    async def stop(self) -> None:
        if self._web is not None:
            await self._web.stop()

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = "antiphon"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.update(cors.headers(request, self._shared.door.settings.http_cors))
        if self._shared.door.leaving:
            response.force_close()

    # --- requests ----------------------------------------------------------------------------------

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        facts = Facts()
        origins = self._shared.door.settings.http_cors
        if cors.is_preflight(request):
            return web.Response(status=204, headers=cors.permissions(request, origins))
        if self._shared.door.tokens.open and cors.is_foreign(request, origins):
            return error_response(cors.REFUSED, facts)
        name = normal(request.path)
        methods = self._routes.get(name)
        if methods is None and name.startswith("models/"):
            # aiohttp decodes a path, but leaves an encoded slash as it is.
            methods = {"GET": partial(self._models, unquote(name.removeprefix("models/")))}
        if methods is None:
            return error_response(not_found(request.path), facts)
        handler = methods.get(request.method)
        if handler is None:
            allowed = ", ".join(methods)
            text = f"{request.method[:20]} is not allowed here; use {allowed}"
            problem = Problem(405, "invalid_request_error", "method_not_allowed", text, headers={"Allow": allowed})
            return error_response(problem, facts)
        structlog.contextvars.clear_contextvars()  # requests of one connection are unrelated
        try:
            return await handler(request, facts)
        except Exception as error:  # whatever happened, the caller gets a code and an id, and no internals
            log.exception("request failed unexpectedly", request_id=facts.request_id, exc_info=error)
            text = f"internal error: look for {facts.request_id} in the service's log"
            return error_response(Problem(500, "server_error", "internal_error", text), facts)

    async def _welcome(self, _: web.Request, facts: Facts) -> web.StreamResponse:
        return web.Response(text="alive\n", headers=facts.headers())

    async def _models(self, name: str | None, request: web.Request, facts: Facts) -> web.StreamResponse:
        return await self._run("ListModels", request, facts, ModelsExchange(name, self._since))

    async def _chat(self, request: web.Request, facts: Facts) -> web.StreamResponse:
        return await self._run("Chat", request, facts, ChatExchange(request, facts, self._limit))

    async def _image(self, request: web.Request, facts: Facts, *, edit: bool) -> web.StreamResponse:
        return await self._run("Image", request, facts, ImageExchange(request, facts, self._limit, edit=edit))

    async def _embed(self, request: web.Request, facts: Facts) -> web.StreamResponse:
        return await self._run("Embed", request, facts, EmbeddingsExchange(request, facts, self._limit))

    async def _transcribe(self, request: web.Request, facts: Facts) -> web.StreamResponse:
        exchange = TranscriptionExchange(request, facts, self._limit, self._shared.router.knows)
        return await self._run("Transcribe", request, facts, exchange)

    @property
    def _limit(self) -> int:
        return self._shared.door.settings.max_request_bytes

    async def _run(self, rpc: str, request: web.Request, facts: Facts, exchange: Exchange) -> web.StreamResponse:
        return await HttpCall(request, exchange, facts).run(self._methods[rpc])


def normal(path: str) -> str:
    """Clients join a base URL with or without "/v1" and slashes to a path: "//v1//models/" is "models"."""
    parts = [part for part in path.split("/") if part]
    while parts[:1] == ["v1"]:
        parts = parts[1:]
    return "/".join(parts)
