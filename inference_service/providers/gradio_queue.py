"""One call through a Gradio app's queue: join, read the stream, apply the differences, cancel for real.

Source: Gradio's server and clients, protocols sse_v1, sse_v2, sse_v2.1 and sse_v3 (Gradio 4.11 to 6); recorded streams.
"""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from inference_service.domain import Notice, NoticeKind, Progress
from inference_service.failures import FailureKind, Scope, UpstreamFailure
from inference_service.providers import errors
from inference_service.providers.gradio_app import Function, decode
from inference_service.providers.gradio_diff import BadDiff, apply_all
from inference_service.providers.http import HttpClient, chunks, read, read_error
from inference_service.providers.sse import SseParser

CANCEL_TIME = 2.0
SIGNS: tuple[errors.Sign, ...] = (
    errors.Sign(FailureKind.OVERLOADED, r"no gpu (was|is) available|queue is full|queue timeout"),
    errors.Sign(
        FailureKind.QUOTA_EXHAUSTED,
        r"exceeded your .{0,40}quota|gpu limit|runs limit|pending credits",
        scope=Scope.ACCOUNT,
    ),
    errors.Sign(FailureKind.FORBIDDEN, r"illegal duration|larger than the maximum allowed"),
    errors.Sign(FailureKind.UNAUTHENTICATED, r"not authenticated|expired zerogpu proxy token", (200, 401)),
)
WAKE = re.compile(r"(?:(\d+) days?, )?(\d+):(\d{2}):(\d{2})")


class Output(Struct, frozen=True):
    """All outputs of the function as they are now; `final` once and last."""

    values: tuple[Any, ...]
    final: bool = False


async def call(
    http: HttpClient, base: str, headers: Mapping[str, str], function: Function, arguments: list[Any]
) -> AsyncIterator[Output | Progress | Notice]:
    """Raises UpstreamFailure. Closing the iterator cancels the call in the app."""
    session = secrets.token_hex(8)
    body = {
        "data": arguments,
        "event_data": None,
        "fn_index": function.index,
        "trigger_id": None,
        "session_hash": session,
    }
    async with http.request("POST", f"{base}/queue/join", headers=headers, json=msgspec.json.encode(body)) as response:
        if response.status != 200:
            raise errors.from_response(response.status, response.headers, await read_error(response), SIGNS)
        event_id = str((decode(await read(response, 65_536)) or {}).get("event_id", ""))
    ended = False
    try:
        head = {**headers, "Accept": "text/event-stream"}
        async with http.request(
            "GET", f"{base}/queue/data", headers=head, params={"session_hash": session}
        ) as response:
            if response.status != 200:
                raise errors.from_response(response.status, response.headers, await read_error(response), SIGNS)
            reader, parser = _Reader(event_id), SseParser()
            async for data in chunks(response):
                for event in parser.feed(data):
                    made = reader.read(decode(event.data))
                    if made is not None:
                        ended = isinstance(made, Output) and made.final
                        yield made
                    if ended:
                        return
        raise UpstreamFailure(FailureKind.STREAM_CUT, "the Space's stream ended without its end", status=200)
    except UpstreamFailure:
        ended = True
        raise
    finally:
        if not ended:
            await _cancel(
                http, base, headers, {"event_id": event_id, "session_hash": session, "fn_index": function.index}
            )


async def _cancel(http: HttpClient, base: str, headers: Mapping[str, str], body: dict[str, Any]) -> None:
    """Takes the call out of the queue, or ends it at its next step; also while we are being cancelled ourselves."""

    async def post() -> None:
        with contextlib.suppress(UpstreamFailure, TimeoutError):
            async with (
                asyncio.timeout(CANCEL_TIME),
                http.request("POST", f"{base}/cancel", headers=headers, json=msgspec.json.encode(body)),
            ):
                pass

    await asyncio.shield(asyncio.ensure_future(post()))


class _Reader:
    """From messages to what they mean; holds the outputs, to which differences are applied."""

    def __init__(self, event_id: str) -> None:
        self._event_id = event_id
        self._values: list[Any] | None = None

    def read(self, message: Any) -> Output | Progress | Notice | None:
        if not isinstance(message, dict) or (message.get("event_id") or self._event_id) != self._event_id:
            return None
        match message.get("msg"):
            case "estimation":
                return Progress("queued", queue_position=int(message.get("rank") or 0) + 1, eta=message.get("rank_eta"))
            case "process_starts":
                return Progress("generating", eta=message.get("eta"))
            case "progress":
                return _bar(message.get("progress_data") or [])
            case "heartbeat":
                return Progress("waiting" if self._values is None else "generating")
            case "log":
                text = " ".join(re.sub(r"<[^>]{0,300}>", " ", str(message.get("log") or "")).split())[:200]
                return Notice(NoticeKind.INFO, "", text) if text else None
            case "process_generating" | "process_streaming" if message.get("success", True):
                return Output(tuple(self._apply(message)))
            case "process_completed" | "process_generating":
                return self._completed(message)
            case "unexpected_error":
                raise errors.in_stream({"message": str(message.get("message"))}, SIGNS, began=self._values is not None)
        return None

    def _apply(self, message: dict[str, Any]) -> list[Any]:
        data = (message.get("output") or {}).get("data") or []
        try:
            # The first one is whole, later ones are differences, except where the protocol has none.
            differs = self._values is not None and message["msg"] == "process_generating" and _looks_like_diff(data)
            self._values = apply_all(self._values or [], data) if differs else list(data)
        except BadDiff as error:
            raise errors.failure(FailureKind.STREAM_ERROR, status=200) from error
        return self._values

    def _completed(self, message: dict[str, Any]) -> Output:
        output = message.get("output") or {}
        if message.get("success") and "data" in output:
            return Output(tuple(output["data"]), final=True)
        if message.get("success"):
            raise UpstreamFailure(FailureKind.STREAM_CUT, "the Space's call was cancelled", status=200)
        text = f"{output.get('title') or message.get('title') or ''}: {str(output.get('error') or '').strip(chr(39))}"
        failed = errors.in_stream({"message": text}, SIGNS, began=False)
        if failed.kind is FailureKind.QUOTA_EXHAUSTED and (found := WAKE.search(text)):
            days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
            failed.wake_after = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
        if failed.kind is FailureKind.STREAM_ERROR:
            failed = errors.failure(FailureKind.SERVER_ERROR, status=200)
        raise failed


def _looks_like_diff(data: list[Any]) -> bool:
    return all(
        isinstance(one, list)
        and all(isinstance(step, list) and len(step) == 3 and isinstance(step[1], list) for step in one)
        for one in data
    )


def _bar(bars: list[Any]) -> Progress:
    """The outermost of the nested bars."""
    if not bars or not isinstance(bars[0], dict):
        return Progress("generating")
    bar = bars[0]
    fraction = bar.get("progress")
    if fraction is None and bar.get("length"):
        fraction = (bar.get("index") or 0) / bar["length"]
    return Progress(str(bar.get("desc") or bar.get("unit") or "generating")[:80], fraction=fraction)
