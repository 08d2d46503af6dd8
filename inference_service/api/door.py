"""Admission, the same for every RPC: who calls, what they may do, how long it may take, and how failures are reported."""

import asyncio
import contextlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NoReturn, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from antiphon.config.model import CallerConfig, Scope, Service
from inference_service import transport
from inference_service.api import large, limits, status
from inference_service.api.bodies import Bodies, TooMuch
from inference_service.api.turns import InvalidRequestError
from inference_service.api.validate import REQUEST_ID
from inference_service.failures import RequestFailure
from inference_service.usage.budgets import Budgets, BudgetSpent

log = structlog.get_logger(__name__)
LOCAL = "local"
BEARER = re.compile(r"bearer\s+(\S+)", re.IGNORECASE)
REQUEST_ID_KEY = "antiphon-request-id"
ANYBODY = CallerConfig(certificate="*", scopes=frozenset(Scope), max_streams=1_000_000)
# An authority signs certificates for many purposes, so operating the service takes a named caller.
CERTIFIED = ANYBODY.model_copy(update={"scopes": frozenset({Scope.CHAT, Scope.IMAGE})})

Context = transport.Call
Asked = TypeVar("Asked", bound=Message)


class Admission(Struct, frozen=True):
    """An admitted call. `deadline` in loop time, `size` of the request in bytes."""

    caller: str
    config: CallerConfig
    request_id: str
    deadline: float
    trace_parent: str = ""
    size: int = 0


class Tokens:
    """Callers by token and certificate. Every token comparison covers all of them, so it always takes the same time."""

    def __init__(self, callers: Mapping[str, CallerConfig], tokens: Mapping[str, str]) -> None:
        self._callers = callers
        self._tokens = [(name, tokens[name].encode()) for name in callers if name in tokens]
        self.certificates = any(caller.certificate for caller in callers.values())

    @property
    def open(self) -> bool:
        """No callers are configured: everybody who reaches the port may call."""
        return not self._callers

    def find(self, token: str, certificate: Collection[str] = ()) -> tuple[str, CallerConfig] | None:
        """The caller with this token and a certificate with these names (lower case)."""
        shown = token.encode(errors="surrogateescape")  # headers of HTTP may hold any bytes
        match = None
        for name, expected in self._tokens:
            if hmac.compare_digest(expected, shown):
                match = name
        if match is None:
            match = next(
                (name for name, caller in self._callers.items() if _is_certificate_alone(caller, certificate)), None
            )
        if match is None or not _fits(self._callers[match], certificate):
            return None
        return match, self._callers[match]


def _is_certificate_alone(caller: CallerConfig, certificate: Collection[str]) -> bool:
    return caller.token_env is None and _fits(caller, certificate)


def _fits(caller: CallerConfig, certificate: Collection[str]) -> bool:
    return caller.certificate is None or caller.certificate.lower() in certificate


def certificate_names(context: Context) -> frozenset[str]:
    """Common name and alternative names of the caller's certificate, in lower case; empty without mutual TLS."""
    shown = context.auth_context()
    names = (*shown.get("x509_common_name", ()), *shown.get("x509_subject_alternative_name", ()))
    return frozenset(bytes(name).decode(errors="replace").lower() for name in names)


def ignore(_: str, __: str) -> None:
    """Counts nothing."""


class Door:
    """Runs handlers. `settings` and `tokens` are exchanged by a reload."""

    def __init__(
        self, settings: Service, tokens: Tokens, budgets: Budgets, refused: Callable[[str, str], None] = ignore
    ) -> None:
        """`refused`: called with the caller and the limit whenever a limit refuses a request."""
        self.settings, self.tokens = settings, tokens
        self.budgets, self._refused = budgets, refused
        self.leaving = self.draining = False  # soon; now
        self.live: dict[tuple[str, str], asyncio.Task[Any]] = {}  # by caller and request id
        self.working = 0  # chats and pictures among them
        self._bodies = Bodies()

    async def run(
        self,
        context: Context,
        kind: type[Asked],
        scope: Scope | None,
        longest: float,
        handle: Callable[[Asked, Admission], Awaitable[None]],
    ) -> None:
        """One RPC from beginning to end. `longest`: seconds if the caller sets no deadline. `scope` None: any.

        No part of the body is read before the caller is known and has room: until then gRPC holds at most one window
        of it, however much the caller sends.
        """
        name, config, parent = await self._authenticate(context, scope)
        # Watching is free: rates and budgets limit work.
        counted = scope in (Scope.CHAT, Scope.IMAGE)
        remaining = context.time_remaining()
        allowed = longest if remaining is None else min(remaining, longest)
        deadline = asyncio.get_running_loop().time() + allowed
        request_id = secrets.token_hex(16)
        await self._make_room(context, name, config, request_id, counted=counted)
        self.live[name, request_id] = asyncio.current_task()  # type: ignore[assignment] # a handler is always a task
        self.working += counted
        stack = contextlib.ExitStack()
        try:
            request, size = await self._read(context, kind, name, deadline)
            stack.enter_context(self._bodies.hold(name, size, self.settings.max_request_bytes))
            given_id = getattr(request, "request_id", "")
            # An invalid id is refused later; until then it must not get into metadata.
            if given_id and REQUEST_ID.fullmatch(given_id):
                await self._rename(context, name, request_id, given_id)
                request_id = given_id
            structlog.contextvars.bind_contextvars(request_id=request_id, caller=name)
            if counted:
                await self._spend(context, name, config)
            await handle(request, Admission(name, config, request_id, deadline, parent, size))
        except RequestFailure as failure:
            await status.refuse_failure(context, failure)
        except InvalidRequestError as invalid:
            await status.refuse_violations(context, invalid.violations)
        except TooMuch as much:
            await self._spent(context, name, f"has {much} running already", 1.0, "max_request_bytes")
        except (grpc.aio.AbortError, grpc.aio.InternalError, grpc.RpcError):
            raise
        except asyncio.CancelledError:
            if self.draining and not context.cancelled():
                asyncio.current_task().uncancel()  # type: ignore[union-attr] # a handler is always a task
                await self._goodbye(context)
            raise
        except Exception as error:  # whatever happened, the caller gets a code and an id, and no internals
            log.exception("request failed unexpectedly", exc_info=error)
            text = f"internal error: look for {request_id} in the service's log"
            await status.refuse(context, grpc.StatusCode.INTERNAL, text, status.info("INTERNAL"))
        finally:
            stack.close()
            self.live.pop((name, request_id), None)
            self.working -= counted
            self.budgets.leave(name, working=counted)

    async def _read(self, context: Context, kind: type[Asked], name: str, deadline: float) -> tuple[Asked, int]:
        """The one message of a request, and its size in bytes."""
        try:
            async with asyncio.timeout_at(deadline), self._bodies.reading(name):
                data = await context.read()
        except TimeoutError:
            text = "the request did not arrive in time"
            await status.refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, text, status.info("DEADLINE_EXCEEDED"))
        if isinstance(data, kind):  # a translating door has built the message itself
            return data, data.ByteSize()
        if not isinstance(data, bytes):  # gRPC's end marker
            await status.refuse(
                context, grpc.StatusCode.INVALID_ARGUMENT, "the caller sent no request", status.info("INVALID")
            )
        try:
            return await large.parse(kind, data), len(data)
        except DecodeError:
            text = f"the message is not a {kind.DESCRIPTOR.full_name}"
            await status.refuse(context, grpc.StatusCode.INVALID_ARGUMENT, text, status.info("INVALID"))

    async def _rename(self, context: Context, name: str, request_id: str, given_id: str) -> None:
        if (name, given_id) in self.live:
            text = f"a request with the id {given_id!r} is running"
            await status.refuse(context, grpc.StatusCode.ALREADY_EXISTS, text, status.info("REQUEST_ID_RUNNING"))
        context.set_trailing_metadata(((REQUEST_ID_KEY, given_id),))
        self.live[name, given_id] = self.live.pop((name, request_id))

    async def _authenticate(self, context: Context, scope: Scope | None) -> tuple[str, CallerConfig, str]:
        parent, token = "", ""
        for key, value in context.invocation_metadata() or ():
            if key == "authorization" and (match := BEARER.fullmatch(str(value))):
                token = match[1]
            elif key == "traceparent":
                parent = str(value)
        if self.tokens.open:
            tls = self.settings.tls
            name, config = LOCAL, CERTIFIED if tls is not None and tls.client_ca is not None else ANYBODY
        else:
            name, config = await self._identify(context, token)
        if scope is not None and scope not in config.scopes:
            text = f"the caller {name!r} lacks the scope {scope.value!r}"
            await status.refuse(
                context, grpc.StatusCode.PERMISSION_DENIED, text, status.info("SCOPE_MISSING", scope=scope.value)
            )
        return name, config, parent

    async def _identify(self, context: Context, token: str) -> tuple[str, CallerConfig]:
        certificate = certificate_names(context) if self.tokens.certificates else frozenset()
        caller = self.tokens.find(token, certificate)
        if caller is None:
            if token:
                text = "the token is not known" + (", or not with this certificate" if certificate else "")
            elif certificate:
                text = "no caller is named for this certificate alone: see [service.callers]"
            else:
                text = "a token is needed: send it as 'authorization: Bearer …'"
            await status.refuse(context, grpc.StatusCode.UNAUTHENTICATED, text, status.info("UNAUTHENTICATED"))
        return caller

    async def _make_room(
        self, context: Context, name: str, config: CallerConfig, request_id: str, *, counted: bool
    ) -> None:
        context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
        if self.draining:
            await self._goodbye(context)
        if len(self.live) >= self.settings.max_streams:
            self._refused(name, "service.max_streams")
            text = f"the service is already answering {self.settings.max_streams} requests, its maximum"
            await status.refuse(
                context, grpc.StatusCode.RESOURCE_EXHAUSTED, text, status.info("SERVICE_BUSY"), status.retry_info(1)
            )
        try:
            self.budgets.open(name, config, working=counted)
        except BudgetSpent as spent:
            await self._spent(context, name, f"has used its {spent.what}", spent.retry_after, spent.limit)

    async def _spend(self, context: Context, name: str, config: CallerConfig) -> None:
        try:
            limits.tell(context, await self.budgets.enter(name, config))
        except BudgetSpent as spent:
            limits.tell(context, spent.left)
            await self._spent(context, name, f"has used its {spent.what}", spent.retry_after, spent.limit)

    async def _spent(self, context: Context, name: str, text: str, retry_after: float, limit: str) -> NoReturn:
        self._refused(name, limit)
        await status.refuse(
            context,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"the caller {name!r} {text}",
            status.info("CALLER_LIMIT"),
            status.retry_info(retry_after),
        )

    @staticmethod
    async def _goodbye(context: Context) -> NoReturn:
        context.set_trailing_metadata((*(context.trailing_metadata() or ()), (status.PUSHBACK_KEY, "300")))
        text = "the service is shutting down; ask again, another replica answers"
        await status.refuse(context, grpc.StatusCode.UNAVAILABLE, text, status.info("DRAINING"), status.retry_info(0.3))
