"""The way in, the same for every RPC: who calls, what they may, how long it may take, and how it ends when it fails."""

import asyncio
import hmac
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import structlog
from msgspec import Struct

from antiphon.config.model import CallerConfig, Scope, Service
from inference_service.api import status
from inference_service.failures import RequestFailure
from inference_service.usage.budgets import Budgets, BudgetSpent

log = structlog.get_logger(__name__)
LOCAL = "local"
BEARER = re.compile(r"bearer\s+(\S+)", re.IGNORECASE)
REQUEST_ID_KEY = "antiphon-request-id"
ANYBODY = CallerConfig(token_env="", scopes=frozenset(Scope), max_streams=1_000_000)

Context = grpc.aio.ServicerContext[Any, Any]


class Admission(Struct, frozen=True):
    """Who was let in. `deadline` in loop time."""

    caller: str
    config: CallerConfig
    request_id: str
    deadline: float
    trace_parent: str = ""


class Tokens:
    """Callers by token. Every comparison looks at all of them and takes the same time."""

    def __init__(self, callers: Mapping[str, CallerConfig], tokens: Mapping[str, str]) -> None:
        self._known = [(name, callers[name], tokens[name].encode()) for name in callers]

    @property
    def open(self) -> bool:
        """Nobody is named: whoever reaches the port may call."""
        return not self._known

    def find(self, token: str) -> tuple[str, CallerConfig] | None:
        given = token.encode()
        found = None
        for name, config, known in self._known:
            if hmac.compare_digest(known, given):
                found = (name, config)
        return found


class Door:
    """Runs handlers. `settings` and `tokens` are exchanged by a reload."""

    def __init__(self, settings: Service, tokens: Tokens, budgets: Budgets) -> None:
        self.settings, self.tokens = settings, tokens
        self.budgets = budgets
        self.draining = False
        self.live: dict[str, asyncio.Task[Any]] = {}
        self.working = 0  # chats and pictures among them

    async def run(
        self,
        context: Context,
        scope: Scope | None,
        given_id: str,
        longest: float,
        handle: Callable[[Admission], Awaitable[None]],
    ) -> None:
        """One RPC from beginning to end. `longest`: seconds when the caller sets no deadline. `scope` None: any."""
        name, config, parent = await self._authenticate(context, scope)
        request_id = given_id or uuid.uuid4().hex
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
        # Looking costs nothing: rates and budgets are for work.
        counted = scope in (Scope.CHAT, Scope.IMAGE)
        await self._admit(context, name, config, request_id, counted=counted)
        self.live[request_id] = asyncio.current_task()  # type: ignore[assignment] # a handler is always a task
        structlog.contextvars.bind_contextvars(request_id=request_id, caller=name)
        self.working += counted
        remaining = context.time_remaining()
        allowed = longest if remaining is None else min(remaining, longest)
        admission = Admission(name, config, request_id, asyncio.get_running_loop().time() + allowed, parent)
        try:
            await handle(admission)
        except RequestFailure as failure:
            await status.refuse_failure(context, failure)
        except (grpc.aio.AbortError, grpc.RpcError):
            raise
        except asyncio.CancelledError:
            if self.draining and not context.cancelled():
                asyncio.current_task().uncancel()  # type: ignore[union-attr] # a handler is always a task
                await self._goodbye(context)
            raise
        except Exception as error:  # whatever it is, the caller gets a code and an id, and nothing of it
            log.exception("request failed unexpectedly", exc_info=error)
            await status.refuse(
                context,
                grpc.StatusCode.INTERNAL,
                f"an error inside the service; its log knows it as {request_id}",
                status.info("INTERNAL"),
            )
        finally:
            self.live.pop(request_id, None)
            self.working -= counted
            if counted:
                self.budgets.leave(name)

    async def _authenticate(self, context: Context, scope: Scope | None) -> tuple[str, CallerConfig, str]:
        parent, token = "", ""
        for key, value in context.invocation_metadata() or ():
            if key == "authorization" and (match := BEARER.fullmatch(str(value))):
                token = match[1]
            elif key == "traceparent":
                parent = str(value)
        if self.tokens.open:
            return LOCAL, ANYBODY, parent
        found = self.tokens.find(token)
        if found is None:
            text = "the token is not known" if token else "a token is needed: send it as 'authorization: Bearer …'"
            await status.refuse(context, grpc.StatusCode.UNAUTHENTICATED, text, status.info("UNAUTHENTICATED"))
        name, config = found
        if scope is not None and scope not in config.scopes:
            text = f"the caller {name!r} lacks the scope {scope.value!r}"
            await status.refuse(
                context, grpc.StatusCode.PERMISSION_DENIED, text, status.info("SCOPE_MISSING", scope=scope.value)
            )
        return name, config, parent

    async def _admit(
        self, context: Context, name: str, config: CallerConfig, request_id: str, *, counted: bool
    ) -> None:
        if self.draining:
            await self._goodbye(context)
        if request_id in self.live:
            text = f"a request with the id {request_id!r} is running"
            await status.refuse(context, grpc.StatusCode.ALREADY_EXISTS, text, status.info("REQUEST_ID_RUNNING"))
        if len(self.live) >= self.settings.max_streams:
            text = f"the service answers {self.settings.max_streams} requests at once already"
            await status.refuse(
                context, grpc.StatusCode.RESOURCE_EXHAUSTED, text, status.info("SERVICE_BUSY"), status.retry_info(1)
            )
        if not counted:
            return
        try:
            await self.budgets.enter(name, config)
        except BudgetSpent as spent:
            text = f"the caller {name!r} has used its {spent.what}"
            await status.refuse(
                context,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                text,
                status.info("CALLER_LIMIT"),
                status.retry_info(spent.retry_after),
            )

    @staticmethod
    async def _goodbye(context: Context) -> None:
        context.set_trailing_metadata((*(context.trailing_metadata() or ()), (status.PUSHBACK_KEY, "300")))
        text = "the service is shutting down; ask again, another replica answers"
        await status.refuse(context, grpc.StatusCode.UNAVAILABLE, text, status.info("DRAINING"), status.retry_info(0.3))
