"""One call of a Gradio app's function: through the queue, in the app's protocol, or by a direct POST.

| Gradio | protocol | |
| --- | --- | --- |
| 3 | ws (not named) | one WebSocket; without a queue: POST /run/… |
| 4.0 – 4.8 | sse | a stream, and the arguments by POST when it asks for them |
| 4.0 – 4.8 | sse | a stream, and the arguments by POST when the app asks for them |

Source: Gradio's server and clients; recorded streams.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.gradio.app import DIFFERING, Function, decode
from inference_service.providers.gradio.messages import SIGNS, Made, Output, Reader
from inference_service.providers.kit import errors
from inference_service.providers.kit.http import HttpClient, chunks, read, read_error, transport_failure
from inference_service.providers.kit.sse import EventTooLargeError, SseParser
from inference_service.providers.seam import farewell

FAREWELL = 2.0  # seconds for telling an app that a call is cancelled
LARGEST_MESSAGE = 64 * 1024 * 1024


class Line(Struct, frozen=True):
    """How to reach one app: `base` with its prefix, headers with the credential."""

    http: HttpClient
    base: str
    headers: Mapping[str, str]
    protocol: str

    async def post(self, path: str, body: Any, largest: int = 65_536) -> Any:
        """Raises UpstreamFailure."""
        sent = msgspec.json.encode(body)
        async with self.http.request("POST", f"{self.base}{path}", headers=self.headers, json=sent) as response:
            if response.status != 200:
                raise await refused(response)
            return decode(await read(response, largest))


async def refused(response: aiohttp.ClientResponse) -> UpstreamFailure:
    return errors.from_response(response.status, response.headers, await read_error(response), SIGNS)


class Farewells:
    """Tells apps about cancelled calls, without delaying the caller."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, line: Line, body: dict[str, Any]) -> None:
        task = farewell(self._post(line, body), "gradio-cancel")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, line: Line, body: dict[str, Any]) -> None:
        # Before 4.29 only /reset existed; both answer 200 in any case.
        path = "/cancel" if line.protocol == "sse_v3" else "/reset"
        with contextlib.suppress(UpstreamFailure, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await line.post(path, body)

    async def close(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def call(
    line: Line, function: Function, arguments: list[Any], session: str, farewells: Farewells
) -> AsyncGenerator[Made, None]:
    """Ends after the final Output. Raises UpstreamFailure. Closing the iterator cancels the call in the app."""
    body = {
        "data": arguments,
        "event_data": None,
        "fn_index": function.index,
        "session_hash": session,
    }
    if not function.queued:
        talk = _direct(line, function, body)
    elif line.protocol == "ws":
        talk = _websocket(line, body)
    else:
        talk = _streamed(line, body, farewells)
    async with contextlib.aclosing(talk):
        async for event in talk:
            yield event
            if isinstance(event, Output) and event.final:
                return
    raise UpstreamFailure(FailureKind.STREAM_CUT, "the Space's stream stopped before its end", status=200)


async def _streamed(line: Line, body: dict[str, Any], farewells: Farewells) -> AsyncGenerator[Made, None]:
    """Joins the queue and reads the session's stream; until 4.8 the stream comes first and asks for the arguments."""
    first, event_id, ended = line.protocol == "sse", "", False
    where = {"session_hash": body["session_hash"]}
    if first:
        where["fn_index"] = str(body["fn_index"])
    else:
        event_id = await _join(line, body)
    reader = Reader(event_id, differing=line.protocol in DIFFERING)
    try:
        stream = _messages(line, "/queue/join" if first else "/queue/data", where)
        async with contextlib.aclosing(stream):
            async for messages in stream:
                for message in messages:
                    if isinstance(message, dict) and message.get("msg") == "send_data":
                        event_id = str(message.get("event_id") or "")
                        await line.post("/queue/data", {**body, "event_id": event_id})
                events = _newest([event for item in messages if (event := reader.read(item)) is not None])
                ended = bool(events) and isinstance(events[-1], Output) and events[-1].final
                for item in events:
                    yield item
                if ended:
                    return
    except UpstreamFailure as failure:
        ended = failure.kind is not FailureKind.STREAM_CUT
        raise
    finally:
        if event_id and not ended:
            cancelled = {"event_id": event_id, "session_hash": body["session_hash"], "fn_index": body["fn_index"]}
            farewells.say(line, cancelled)


async def _join(line: Line, body: dict[str, Any]) -> str:
    """The call's id."""
    answer = await line.post("/queue/join", {**body, "trigger_id": None})
    event_id = answer.get("event_id") if isinstance(answer, dict) else None
    if not isinstance(event_id, str):
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    return event_id


async def _websocket(line: Line, body: dict[str, Any]) -> AsyncGenerator[Made, None]:
    """Gradio 3: closing the socket removes the call from the queue."""
    reader = Reader(differing=False)
    who = {"fn_index": body["fn_index"], "session_hash": body["session_hash"]}
    async with line.http.websocket(f"{line.base}/queue/join", headers=line.headers, largest=LARGEST_MESSAGE) as socket:
        async for frame in socket:
            if frame.type is aiohttp.WSMsgType.ERROR:
                raise transport_failure(socket.exception() or ConnectionResetError())
            message = decode(frame.data.encode() if isinstance(frame.data, str) else frame.data)
            match message.get("msg") if isinstance(message, dict) else None:
                case "send_hash":
                    await socket.send_str(msgspec.json.encode(who).decode())
                case "send_data":
                    await socket.send_str(msgspec.json.encode(body).decode())
                case _:
                    event = reader.read(message)
                    if event is not None:
                        yield event
                    if isinstance(event, Output) and event.final:
                        return


async def _direct(line: Line, function: Function, body: dict[str, Any]) -> AsyncGenerator[Made, None]:
    """Without a queue: one POST that blocks until the function has ended."""
    answer = await line.post(f"/run/{function.name}", body, LARGEST_MESSAGE)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    yield Output(tuple(data), final=True)


async def _messages(line: Line, path: str, params: Mapping[str, str]) -> AsyncGenerator[list[Any], None]:
    """The decoded messages of one read; never an empty list."""
    head = {**line.headers, "Accept": "text/event-stream"}
    async with line.http.request("GET", f"{line.base}{path}", headers=head, params=params) as response:
        if response.status != 200:
            raise await refused(response)
        parser = SseParser(LARGEST_MESSAGE)
        try:
            async for data in chunks(response):
                if messages := [decode(event.data) for event in parser.feed(data)]:
                    yield messages
        except EventTooLargeError as error:
            raise UpstreamFailure(
                FailureKind.BAD_RESPONSE, "a message of the Space is too large", status=200
            ) from error
        if messages := [decode(event.data) for event in parser.flush()]:
            yield messages


def _newest(events: Sequence[Made]) -> list[Made]:
    """Of several states of the outputs that arrived together, only the last is worth showing."""
    last = max((place for place, event in enumerate(events) if isinstance(event, Output)), default=-1)
    return [event for place, event in enumerate(events) if place == last or not isinstance(event, Output)]
