"""POST /v1/chat/completions, as a stream and in one piece, over the Chat RPC's own handler."""

import time
from typing import Any

from aiohttp import web

from antiphon.v1 import chat_pb2, tools_pb2
from inference_service.api.large import apart
from inference_service.failures import Outcome, RequestFailure
from inference_service.http import body, sse
from inference_service.http.align import Alignment, Cutting, Misaligned
from inference_service.http.call import Facts, error_response, json_response
from inference_service.http.chat_answer import Chunks, finish_reason, message_of, token_logprobs, whole
from inference_service.http.chat_request import ChatOrder
from inference_service.http.labels import labels
from inference_service.http.problems import Problem
from inference_service.http.story import Story


class ChatExchange:
    """One chat. `limit`: of the body in bytes."""

    def __init__(self, request: web.Request, facts: Facts, limit: int) -> None:
        self._http, self._facts, self._limit = request, facts, limit
        self._created = int(time.time())
        self._story = Story()
        self._order: ChatOrder
        self._events: sse.EventStream | None = None
        self._chunks: Chunks | None = None
        self._text: Alignment | Cutting = Cutting()
        self._reasoning: list[str] = []
        self._calls: list[tools_pb2.ToolCall] = []
        self._logprobs: list[dict[str, Any]] = []
        self._finish = ""

    async def request(self) -> chat_pb2.ChatRequest:
        members, size = await body.read_json(self._http, self._limit)
        self._order = await apart(size, ChatOrder, members, labels(self._http.headers))
        if self._order.stream:
            self._events, self._text = sse.EventStream(self._http, self._headers), Alignment()
        return self._order.request

    def _headers(self) -> dict[str, str]:
        return {**self._facts.headers(), **self._story.headers(self._order.ignored)}

    # --- the answer ------------------------------------------------------------------------------

    async def respond(self, message: chat_pb2.ChatResponse) -> None:
        kind = message.WhichOneof("event")
        match kind:
            case "delta":
                await self._say(message.delta)
            case "reasoning":
                await self._think(message.reasoning)
            case "tool_call":
                await self._call(message.tool_call)
            case "logprobs":
                await self._weigh(token_logprobs(message.logprobs))
            case "handover":
                self._story.handed_over(message.handover)
                self._text.cut(message.handover.keep_chars)
            case "started":
                self._story.started(message.started)
            case "notice":
                self._story.noticed(message.notice)
                self._order.ignored.append(self.spell(message.notice.field))
            case "usage":
                self._story.used(message.usage)
            case "progress" if self._events is not None:
                self._events.waiting_for = sse.comment(message.progress)
            case "finished":
                self._end(message.finished)

    async def _say(self, text: str) -> None:
        try:
            text = self._text.feed(text)
        except Misaligned:
            raise interrupted() from None
        if text and self._events is not None:
            await self._send(self._made_chunks().text(text))

    async def _think(self, text: str) -> None:
        if self._events is not None:
            await self._send(self._made_chunks().reasoning(text))
        else:
            self._reasoning.append(text)

    async def _call(self, call: tools_pb2.ToolCall) -> None:
        self._calls.append(call)
        if self._events is not None:
            await self._send(self._made_chunks().tool_call(len(self._calls) - 1, call))

    async def _weigh(self, tokens: list[dict[str, Any]]) -> None:
        if self._events is not None:
            await self._send(self._made_chunks().logprobs(tokens))
        else:
            self._logprobs += tokens

    async def _send(self, data: bytes) -> None:
        assert self._events is not None  # noqa: S101 - called for streams only
        await self._events.send(data)

    def _made_chunks(self) -> Chunks:
        if self._chunks is None:
            order = self._order
            self._chunks = Chunks(
                self._facts.request_id, order.request.model, self._created, include_usage=order.include_usage
            )
        return self._chunks

    def _end(self, finished: chat_pb2.ChatFinished) -> None:
        try:
            self._text.finish()
        except Misaligned:
            raise interrupted() from None
        self._finish = finish_reason(finished.reason)
        self._story.finished(finished)

    # --- its end -----------------------------------------------------------------------------------

    async def finish(self, facts: Facts) -> web.StreamResponse:
        story = self._story
        if self._events is None:
            assert isinstance(self._text, Cutting)  # noqa: S101 - as `request` has chosen
            data = whole(
                facts.request_id,
                self._order.request.model,
                self._created,
                message_of(self._text.written.text(), "".join(self._reasoning), self._calls),
                self._logprobs if self._order.request.sampling.HasField("top_logprobs") else None,
                self._finish,
                story,
            )
            return json_response(data, facts, self._headers())
        chunks = self._made_chunks()
        last = chunks.finish(self._finish, story.vendor())
        if self._order.include_usage:
            last += chunks.usage(story.usage())
        await self._events.send(last + sse.DONE)
        return await self._events.end()

    async def fail(self, problem: Problem, facts: Facts) -> web.StreamResponse:
        if self._events is None or not self._events.begun:
            return error_response(problem, facts)
        await self._events.send(b"data: " + problem.body() + b"\n\n")
        return await self._events.end()

    def spell(self, field: str) -> str:
        return self._order.spell(field)

    def close(self) -> None:
        if self._events is not None:
            self._events.close()


def interrupted() -> RequestFailure:
    """What was sent cannot be taken back, and no deployment continues it."""
    text = "the answer was interrupted, and no deployment could continue it exactly where it stopped"
    return RequestFailure(Outcome.UNAVAILABLE, text, reason="stream_cut")
