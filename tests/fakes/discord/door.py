"""The HTTP door: who may come in, how fast, what is written down about it (topics/rate-limits)."""

import math
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.discord.errors import ApiError, unauthorized

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

API = "/api/v10"
INJECTED_WAIT = 0.1


@dataclass(frozen=True)
class Logged:
    """One request as it was answered. `t` is Unix time; status 0 is a connection that was cut."""

    t: float
    method: str
    path: str
    body: Any
    status: int
    bucket: str | None = None


BODY = web.RequestKey("body", object)
"""The body of a request as it was read, for the log."""


@dataclass
class Fault:
    """The next `times` matching requests are answered with this status; 0 cuts the connection."""

    method: str
    path: "re.Pattern[str]"
    status: int
    times: int


class Cut(Exception):
    """The connection is to break without an answer."""


class Door:
    """Middleware of everything below the API's root. Holds the faults that tests inject."""

    def __init__(self, world: "FakeDiscord") -> None:
        self._world = world
        self.faults: list[Fault] = []

    @web.middleware
    async def enter(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if not request.path.startswith(API):
            return await handler(request)
        world, path = self._world, request.path.removeprefix(API)
        headers: dict[str, str] = {}
        request[BODY] = None
        status = 0
        try:
            self._inject(request.method, path)
            self._authorize(request, path)
            self._limit(request, headers)
            answer = await handler(request)
            status = answer.status
        except ApiError as refused:
            answer, status = self._refused(request, path, refused, headers), refused.status
        except web.HTTPException as unknown:  # aiohttp's own: no such route, a body that is too large
            world.violation(f"{request.method} {path}: the fake knows no such door ({unknown.status})")
            body, status = {"message": f"{unknown.status}: {unknown.reason}", "code": 0}, unknown.status
            answer = web.json_response(body, status=status)
        except Cut:
            if request.transport is not None:
                request.transport.abort()
            answer = web.Response(status=500)  # nobody reads it
        # The library takes a 429 without this header for one of the network in front of Discord.
        answer.headers.update({"Via": "1.1 fake", **headers})
        if answer.content_type == "application/json":
            answer.headers["Content-Type"] = "application/json"  # without a charset, as Discord says it
        bucket = headers.get("X-RateLimit-Bucket")
        world.log.append(Logged(world.clock.now(), request.method, path, request[BODY], status, bucket))
        world.changed()
        return answer

    def _refused(self, request: web.Request, path: str, refused: ApiError, headers: dict[str, str]) -> web.Response:
        line = f"{request.method} {path}: {refused}"
        if refused.breach:
            self._world.violation(line)
        self._world.refusals.append(line)
        wait = refused.body.get("retry_after")
        if refused.status == 429 and wait is not None:
            headers["Retry-After"] = str(math.ceil(wait))
            headers["X-RateLimit-Scope"] = "global" if refused.body["global"] else "user"
            if refused.body["global"]:
                headers["X-RateLimit-Global"] = "true"
        return web.json_response(refused.body, status=refused.status)

    def _inject(self, method: str, path: str) -> None:
        for fault in self.faults:
            if fault.times and fault.method == method and fault.path.search(path):
                fault.times -= 1
                if fault.status == 0:
                    raise Cut
                extra = {"retry_after": INJECTED_WAIT, "global": False} if fault.status == 429 else None
                raise ApiError(fault.status, 0, "injected", extra=extra)

    def _authorize(self, request: web.Request, path: str) -> None:
        if path.startswith(("/webhooks/", "/interactions/")):
            return  # their token is in the path
        if request.headers.get("Authorization") != f"Bot {self._world.token}":
            raise ApiError(401, 0, "401: Unauthorized") if path == "/users/@me" else unauthorized()

    def _limit(self, request: web.Request, headers: dict[str, str]) -> None:
        """Puts the bucket's headers into `headers`, also when the request is refused for its haste."""
        now, buckets = time.monotonic(), self._world.buckets
        resource = request.match_info.route.resource
        route = (resource.canonical if resource else request.path).removeprefix(API)
        if not route.startswith(("/interactions/", "/webhooks/")):  # these do not count for the bot as a whole
            wait = buckets.take_global(now)
            if wait is not None:
                raise too_fast(request.path, wait, everywhere=True)
        verdict = buckets.take(request.method, route, dict(request.match_info), now)
        headers.update(verdict.headers(self._world.clock.now()))
        if not verdict.allowed:
            raise too_fast(request.path, verdict.reset_after, everywhere=False)


def too_fast(path: str, wait: float, *, everywhere: bool) -> ApiError:
    """A 429 that the bot has earned; `wait` in seconds, rounded up so that who obeys is never early."""
    extra = {"retry_after": math.ceil(wait * 1000) / 1000, "global": everywhere}
    scope = "the bot as a whole" if everywhere else "its bucket"
    return ApiError(429, 0, f"You are being rate limited ({path}, by {scope}).", breach=True, extra=extra)
