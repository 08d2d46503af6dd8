"""POST /v1/images/generations and /v1/images/edits, over the Image RPC's own handler."""

import base64
import time
from typing import Any

import msgspec
from aiohttp import web

from antiphon.v1 import image_pb2
from inference_service.api.large import apart
from inference_service.http import body, sse
from inference_service.http.body import Upload
from inference_service.http.call import Facts, error_response, json_response
from inference_service.http.image_request import ImageOrder
from inference_service.http.labels import labels
from inference_service.http.problems import Problem, invalid
from inference_service.http.story import Story

encode = msgspec.json.encode


class ImageExchange:
    """One request for pictures. `limit`: size of the body in bytes. `edit`: the body is a form with a picture to start from."""

    def __init__(self, request: web.Request, facts: Facts, limit: int, *, edit: bool) -> None:
        self._http, self._facts, self._limit = request, facts, limit
        self._prefix = "image_edit" if edit else "image_generation"
        self._edit = edit
        self._story = Story()
        self._order: ImageOrder
        self._events: sse.EventStream | None = None
        self._header: image_pb2.ImageHeader
        self._chunks: list[bytes] = []
        self._made: list[dict[str, Any]] = []  # pictures of a non-streamed answer, or the last one of a stream
        self._previews: dict[int, int] = {}  # sent, by picture

    async def request(self) -> image_pb2.ImageRequest:
        told = labels(self._http.headers)
        if self._edit:
            members, picture = taken_apart(await body.read_form(self._http, self._limit))
            self._order = ImageOrder(members, picture, told, form=True)
        else:
            members, _ = await body.read_json(self._http, self._limit)
            self._order = ImageOrder(members, None, told, form=False)
        if self._order.stream:
            self._events = sse.EventStream(self._http, self._headers)
        return self._order.request

    def _headers(self) -> dict[str, str]:
        return {**self._facts.headers(), **self._story.headers(self._order.ignored)}

    # --- the answer ------------------------------------------------------------------------------

    async def respond(self, message: image_pb2.ImageResponse) -> None:
        match message.WhichOneof("event"):
            case "image":
                self._header = message.image
            case "chunk":
                self._chunks.append(message.chunk)
                if sum(map(len, self._chunks)) >= self._header.total_bytes:
                    await self._picture()
            case "preview":
                await self._preview(message.preview)
            case "started":
                self._story.started(message.started)
            case "handover":
                self._story.handed_over(message.handover)
            case "notice":
                self._story.noticed(message.notice)
                self._order.ignored.append(self.spell(message.notice.field))
            case "usage":
                self._story.used(message.usage)
            case "progress" if self._events is not None:
                self._events.waiting_for = sse.comment(message.progress)
            case "finished":
                self._story.finished(message.finished)

    async def _picture(self) -> None:
        data, header = b"".join(self._chunks), self._header
        self._chunks = []
        text = (await apart(len(data), base64.b64encode, data)).decode()
        event: dict[str, Any] = {"width": header.width, "height": header.height}
        if header.HasField("seed"):
            event["seed"] = header.seed
        kind = header.mime_type.rpartition("/")[2]
        content = {"url": f"data:{header.mime_type};base64,{text}"} if self._order.as_url else {"b64_json": text}
        shape = {"size": f"{header.width}x{header.height}", "output_format": kind}
        if self._events is None:
            self._made.append({**content, **shape, "antiphon": event})
            return
        # The usage of a stream is sent with its last picture, which waits for it.
        await self._send_last()
        self._made = [{**content, **shape, **self._look(), "antiphon": event}]

    def _look(self) -> dict[str, Any]:
        return {"created_at": int(time.time()), "quality": "auto", "background": "auto"}

    async def _preview(self, preview: image_pb2.Preview) -> None:
        sent = self._previews.get(preview.index, 0)
        if self._events is None or sent >= self._order.partial:
            return
        self._previews[preview.index] = sent + 1
        event = {
            "b64_json": base64.b64encode(preview.data).decode(),
            "partial_image_index": sent,
            "size": "auto",
            "output_format": preview.mime_type.rpartition("/")[2],
            **self._look(),
        }
        await self._send("partial_image", event)

    async def _send(self, kind: str, event: dict[str, Any]) -> None:
        assert self._events is not None  # noqa: S101 - called for streams only
        name = f"{self._prefix}.{kind}"
        await self._events.send(f"event: {name}\ndata: ".encode() + encode({"type": name, **event}) + b"\n\n")

    async def _send_last(self, **more: Any) -> None:
        for event in self._made:
            await self._send("completed", {**event, **more})
        self._made = []

    # --- its end -----------------------------------------------------------------------------------

    async def finish(self, facts: Facts) -> web.StreamResponse:
        if self._events is not None:
            await self._send_last(usage=self._usage(), antiphon=self._story.vendor())
            return await self._events.end()
        answer = {"created": int(time.time()), "data": self._made, "usage": self._usage()}
        if self._made:
            answer |= {name: self._made[0][name] for name in ("size", "output_format")}
        answer["antiphon"] = self._story.vendor()
        size = sum(len(picture.get("b64_json") or picture["url"]) for picture in self._made)
        return json_response(await apart(size, encode, answer), facts, self._headers())

    def _usage(self) -> dict[str, Any]:
        sums = self._story.usage()
        read, written = sums["prompt_tokens"], sums["completion_tokens"]
        return {
            "input_tokens": read,
            "output_tokens": written,
            "total_tokens": read + written,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": read},
        }

    async def fail(self, problem: Problem, facts: Facts) -> web.StreamResponse:
        if self._events is None or not self._events.begun:
            return error_response(problem, facts)
        await self._send_last()
        await self._events.send(b"event: error\ndata: " + problem.body() + b"\n\n")
        return await self._events.end()

    def spell(self, field: str) -> str:
        return ImageOrder.spell(field)

    def close(self) -> None:
        if self._events is not None:
            self._events.close()


def taken_apart(form: dict[str, list[str | Upload]]) -> tuple[dict[str, str], Upload]:
    """The strings of a form, and its picture. Raises Refusal."""
    pictures = form.pop("image", [])
    if "mask" in form:
        raise invalid("mask", "is not supported by any deployment", "unsupported_parameter")
    if len(pictures) != 1 or not isinstance(pictures[0], Upload):
        problem = f"{len(pictures)} were sent" if len(pictures) != 1 else "a string was sent"
        raise invalid("image", f"must be one file, a picture to start from; {problem}")
    texts = {name: values[-1] for name, values in form.items() if isinstance(values[-1], str)}
    return texts, pictures[0]
