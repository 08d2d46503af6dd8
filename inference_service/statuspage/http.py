"""HTTP for operators: the status page, metrics, and the two health endpoints of orchestrators."""

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web
from google.protobuf import json_format
from yarl import URL

from antiphon.config.load import ConfigError
from antiphon.config.model import Scope
from antiphon.webdoor import WebDoor
from inference_service.api import operations
from inference_service.api.door import BEARER
from inference_service.api.parts import Shared
from inference_service.statuspage.page import FILES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Reload = Callable[[], Awaitable[list[str]]]
Probe = Callable[[], Awaitable[list[dict[str, Any]]]]
INTENT = "X-Antiphon-Button"  # sent by the page's own buttons

# On every response, errors included.
HEADERS = {
    "Server": "antiphon",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
# Orchestrators use any name for these; they reveal nothing but yes or no.
PROBES = ("/healthz", "/readyz")


@web.middleware
async def _safe_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses host names that are not ours: a web page could point its own name here and read the answer."""
    server = request.app[SERVER]
    if request.path not in PROBES and not server.is_own_name(request.headers.get("Host", "")):
        text = "the status page is not known under this name; service.status_names in the configuration adds it\n"
        raise web.HTTPMisdirectedRequest(text=text)
    return await handler(request)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


class StatusServer:
    """`/` the page, `/api/status` its data, `/metrics`, `/healthz` (process is up), `/readyz` (can answer)."""

    def __init__(self, shared: Shared, reload: Reload, probe: Probe) -> None:
        """`reload` and `probe` are called by the page's two buttons."""
        self._reload, self._probe = reload, probe
        self._shared = shared
        self._probing = asyncio.Lock()  # one round of probes at a time, however often the button is pressed
        self._door: WebDoor | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the port is taken."""
        app = web.Application(middlewares=[_safe_name])
        app[SERVER] = self
        app.on_response_prepare.append(_add_headers)
        app.add_routes(
            [
                web.get("/", self._file),
                web.get("/{name:page[.](?:css|js)}", self._file),
                web.get("/api/status", self._status),
                web.get("/api/activity", self._activity),
                web.post("/api/reload", self._reload_now),
                web.post("/api/probe", self._probe_now),
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._live),
                web.get("/readyz", self._ready),
            ]
        )
        door = WebDoor(app)
        await door.start(host, port)
        self._door, self.port = door, door.port

    async def stop(self) -> None:
        if self._door is not None:
            await self._door.stop()

    def _check(self, request: web.Request) -> None:
        """If callers are configured, requires the token of an operator. The page keeps it in memory only."""
        tokens = self._shared.door.tokens
        if tokens.open:
            return
        bearer = BEARER.fullmatch(request.headers.get("Authorization", ""))
        caller = tokens.find(bearer[1]) if bearer else None
        if caller is None or not any(hmac.compare_digest(scope, Scope.OPERATE) for scope in caller[1].scopes):
            raise web.HTTPUnauthorized(text="an operator's token is required", headers={"WWW-Authenticate": "Bearer"})

    def is_own_name(self, host: str) -> bool:
        """An address, this machine's own names, or a name that the configuration lists."""
        try:
            name = (URL(f"http://{host}").host or "").removesuffix(".")
        except ValueError:
            return False
        settings = self._shared.door.settings
        own = {"localhost", socket.gethostname().lower(), settings.status_host.lower()}
        return _is_address(name) or name in own | {listed.lower() for listed in settings.status_names}

    async def _file(self, request: web.Request) -> web.Response:
        """The page itself holds no data; it requests what it shows."""
        text, mime = FILES[request.match_info.get("name", "page.html")]
        return web.Response(text=text, content_type=mime)

    async def _status(self, request: web.Request) -> web.Response:
        self._check(request)
        now = await operations.now(self._shared)
        text = json_format.MessageToJson(
            now, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
        )
        return web.Response(text=text, content_type="application/json")

    async def _activity(self, request: web.Request) -> web.Response:
        """Callers since the start, and the latest failed calls: classes and names, never text."""
        self._check(request)
        metrics = self._shared.metrics
        callers = [{"caller": name, **asdict(sums)} for name, sums in sorted(metrics.callers.sums.items())]
        errors = [
            {"at": moment, "deployment": end.deployment, "failure": end.failure, "http_status": end.http_status}
            for moment, end in metrics.last_errors()
        ]
        return web.json_response({"callers": callers, "errors": errors})

    def _check_intent(self, request: web.Request) -> None:
        """Only the page itself may use its buttons: a foreign page cannot send this header without our consent."""
        self._check(request)
        if request.headers.get(INTENT) != "yes":
            raise web.HTTPForbidden(text=f"the header {INTENT}: yes is missing")

    async def _reload_now(self, request: web.Request) -> web.Response:
        self._check_intent(request)
        try:
            changes = await self._reload()
        except ConfigError as error:
            return web.json_response({"problems": str(error).splitlines()}, status=400)
        return web.json_response({"changes": changes})

    async def _probe_now(self, request: web.Request) -> web.Response:
        """Requests the model list of every provider with every credential, which costs nothing."""
        self._check_intent(request)
        async with self._probing:
            return web.json_response({"rows": await self._probe()})

    async def _metrics(self, request: web.Request) -> web.Response:
        self._check(request)
        self._shared.metrics.see(await self._shared.router.snapshot())
        self._shared.metrics.live.set(self._shared.door.working)
        return web.Response(
            body=self._shared.metrics.render(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._shared.router.ready() and not self._shared.door.leaving
        lines = ["ready" if ready else "not ready", self._shared.router.problem]
        text = "".join(f"{line}\n" for line in lines if line)
        return web.Response(status=200 if ready else 503, text=text)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


SERVER = web.AppKey("server", StatusServer)
