"""HTTP for operators: the status page, metrics, and the two questions of orchestrators."""

import hmac

from aiohttp import web
from google.protobuf import json_format

from antiphon.config.model import Scope
from inference_service.api import operations
from inference_service.api.door import BEARER
from inference_service.api.parts import Shared
from inference_service.statuspage.page import PAGE

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:",
}


class StatusServer:
    """`/` the page, `/api/status` its data, `/metrics`, `/healthz` (lives), `/readyz` (can answer)."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError when the port is taken."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/api/status", self._status),
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._live),
                web.get("/readyz", self._ready),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _check(self, request: web.Request) -> None:
        """With callers configured an operator's token is needed: as a header, or in the page's own storage."""
        tokens = self._shared.door.tokens
        if tokens.open:
            return
        given = BEARER.fullmatch(request.headers.get("Authorization", ""))
        found = tokens.find(given[1]) if given else None
        if found is None or not any(hmac.compare_digest(scope, Scope.OPERATE) for scope in found[1].scopes):
            raise web.HTTPUnauthorized(
                text="an operator's token is needed", headers={"WWW-Authenticate": "Bearer", **HEADERS}
            )

    async def _page(self, _: web.Request) -> web.Response:
        """The page holds nothing; what it shows it asks for."""
        return web.Response(text=PAGE, content_type="text/html", headers=HEADERS)

    async def _status(self, request: web.Request) -> web.Response:
        self._check(request)
        now = await operations.now(self._shared)
        text = json_format.MessageToJson(
            now, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
        )
        return web.Response(text=text, content_type="application/json", headers=HEADERS)

    async def _metrics(self, request: web.Request) -> web.Response:
        self._check(request)
        self._shared.metrics.see(await self._shared.router.snapshot())
        self._shared.metrics.live.set(self._shared.door.working)
        return web.Response(
            body=self._shared.metrics.render(),
            headers={**HEADERS, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="alive\n", headers=HEADERS)

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._shared.router.ready() and not self._shared.door.leaving
        lines = ["ready" if ready else "not ready", self._shared.router.problem]
        text = "".join(f"{line}\n" for line in lines if line)
        return web.Response(status=200 if ready else 503, text=text, headers=HEADERS)
