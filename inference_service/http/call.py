"""One HTTP request in the shape that the RPC handlers expect, so that both doors share admission, routing and accounting.

An `Exchange` translates: the HTTP request into the RPC's request, each message of the answer into HTTP, and an abort
into an error.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, Protocol

import grpc
from aiohttp import web
from google.protobuf.message import Message

from inference_service.api import limits
from inference_service.api.door import REQUEST_ID_KEY
from inference_service.http import problems
from inference_service.http.problems import Problem, Refusal
from inference_service.transport.peer import peer_of

KEY_HEADERS = ("api-key", "x-api-key")  # how Azure's clients, among others, send a token
TIMEOUT_HEADER = "x-antiphon-timeout"
SLACK = 1.0  # seconds within which a late answer is ended by its own handler


class Exchange(Protocol):
    """Translates one request and its answer."""

    async def request(self) -> Message:
        """The HTTP request. Raises Refusal."""

    async def respond(self, message: Any) -> None:
        """A message of the answer. Raises CancelledError when the caller has gone."""

    async def finish(self, facts: "Facts") -> web.StreamResponse:
        """The answer is whole."""

    async def fail(self, problem: Problem, facts: "Facts") -> web.StreamResponse:
        """The request has failed, perhaps in the middle of its answer."""

    def spell(self, field: str) -> str:
        """The caller's name for a field of the contract."""

    def close(self) -> None:
        """Called at the end, whatever it was."""


class Facts:
    """Headers of every answer."""

    def __init__(self) -> None:
        self.request_id = secrets.token_hex(16)  # the door's own, once it has read the request
        self.arrived = time.monotonic()
        self.limits: dict[str, str] = {}  # what the caller has left of them

    def headers(self) -> dict[str, str]:
        spent = str(int((time.monotonic() - self.arrived) * 1_000))
        own = {"X-Request-Id": self.request_id, "OpenAI-Processing-Ms": spent, "OpenAI-Version": "2020-10-01"}
        return {**own, **self.limits}


class HttpCall:
    """Implements `transport.Call` over one HTTP request."""

    def __init__(self, request: web.Request, exchange: Exchange, facts: Facts) -> None:
        self._request, self._exchange, self._facts = request, exchange, facts
        self._peer = peer_of(request.transport) if request.transport is not None else None
        self._trailing: tuple[tuple[str, Any], ...] = ()
        self._problem: Problem | None = None
        self._late = False

    async def run(self, method: Callable[["HttpCall"], Awaitable[None]]) -> web.StreamResponse:
        timer = self._watch_deadline()
        try:
            await method(self)
            return await self._exchange.finish(self._facts)
        except grpc.aio.AbortError:
            assert self._problem is not None  # noqa: S101 - set by whoever raises it
            return await self._exchange.fail(self._problem, self._facts)
        finally:
            self._exchange.close()
            if timer is not None:
                timer.cancel()

    def _watch_deadline(self) -> asyncio.TimerHandle | None:
        """For a caller that neither reads nor disconnects: a handler waiting for room cannot end its late call itself."""
        seconds = self.time_remaining()
        task = asyncio.current_task()
        if seconds is None or task is None:
            return None

        def expire() -> None:
            self._late = True
            if self._request.transport is not None:
                self._request.transport.abort()
            task.cancel()

        return asyncio.get_running_loop().call_later(seconds + SLACK, expire)

    # --- what a handler asks and says -----------------------------------------------------------

    def invocation_metadata(self) -> list[tuple[str, str]]:
        metadata = [(key.lower(), value) for key, value in self._request.headers.items()]
        if "authorization" not in self._request.headers:
            metadata += [
                ("authorization", f"Bearer {value}") for key, value in metadata if key in KEY_HEADERS and value.strip()
            ]
        return metadata

    def time_remaining(self) -> float | None:
        try:
            seconds = float(self._request.headers[TIMEOUT_HEADER])
        except (KeyError, ValueError):
            return None
        return seconds if 0 < seconds <= 86_400 else None

    def cancelled(self) -> bool:
        transport = self._request.transport
        return self._late or transport is None or transport.is_closing()

    def peer(self) -> str:
        return self._peer.address if self._peer is not None else "unknown"

    def auth_context(self) -> dict[str, list[bytes]]:
        return self._peer.names if self._peer is not None else {}

    def trailing_metadata(self) -> tuple[tuple[str, Any], ...]:
        return self._trailing

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._trailing = tuple(trailing_metadata)
        self._facts.request_id = next(
            (value for key, value in self._trailing if key == REQUEST_ID_KEY), self._facts.request_id
        )
        self._facts.limits = {key: value for key, value in self._trailing if key in limits.NAMES}

    async def read(self) -> Message:
        """The request of the RPC."""
        try:
            return await self._exchange.request()
        except Refusal as refusal:
            self._refuse(refusal.problem)

    async def write(self, message: Any) -> None:
        await self._exchange.respond(message)

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        trailing = tuple(trailing_metadata) or self._trailing
        self._refuse(problems.of_status(code, details, trailing, self._exchange.spell))

    def _refuse(self, problem: Problem) -> NoReturn:
        self._problem = problem
        raise grpc.aio.AbortError("the request was refused")


def json_response(body: bytes, facts: Facts, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
    return web.Response(
        body=body, status=status, content_type="application/json", headers={**facts.headers(), **(headers or {})}
    )


def error_response(problem: Problem, facts: Facts) -> web.Response:
    return json_response(problem.body(), facts, problem.headers, problem.status)
