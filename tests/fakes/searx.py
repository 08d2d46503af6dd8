"""A search engine with the JSON API of SearXNG (documentation: dev/search_api)."""

from types import TracebackType
from typing import Any, Self

from aiohttp import web


class FakeSearx:
    """`results` is what every query finds; `queries` what was asked."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []
        self.queries: list[str] = []
        self.status = 200
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/search", self._search)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/search"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _search(self, request: web.Request) -> web.Response:
        assert request.query["format"] == "json"
        self.queries.append(request.query["q"])
        return web.json_response({"query": request.query["q"], "results": self.results}, status=self.status)
