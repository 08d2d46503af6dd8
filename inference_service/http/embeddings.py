"""POST /v1/embeddings, over the Embed RPC's own handler."""

import base64
import sys
from array import array
from typing import Any

import msgspec
from aiohttp import web

from antiphon.v1 import embeddings_pb2
from inference_service.api.large import apart
from inference_service.http import body
from inference_service.http.call import Facts, error_response, json_response
from inference_service.http.chat_request import UNSUPPORTED_SETTINGS, caller, take_own
from inference_service.http.fields import Fields
from inference_service.http.labels import Labels, labels
from inference_service.http.problems import Problem, violated
from inference_service.http.story import Story

FORMATS = {"float": False, "base64": True}


class EmbedOrder:
    """A parsed request. `packed`: vectors are wanted as base64 of 32-bit floats."""

    def __init__(self, members: dict[str, Any], labels: Labels) -> None:
        """Raises Refusal."""
        fields = Fields(members)
        self.ignored: list[str] = []
        self.packed = fields.choice("encoding_format", FORMATS) or False
        self._single = isinstance(fields.peek("input"), str)
        self.request = embeddings_pb2.EmbedRequest(
            model=fields.text("model") or "",
            inputs=_inputs(fields),
            request_id=labels.request_id,
            replay=labels.replay,
            caller=caller(fields, self.ignored, labels),
        )
        if not self.request.model:
            fields.wrong("model", "is required")
        dimensions = fields.whole("dimensions", 2**32 - 1)
        if dimensions is not None:
            self.request.dimensions = dimensions
        take_own(fields, self.request, self.ignored, unsupported_setting=UNSUPPORTED_SETTINGS)
        self.ignored += fields.left()
        if fields.violations:
            raise violated(fields.violations)

    def spell(self, field: str) -> str:
        return "input" if self._single and field.startswith("inputs") else field.replace("inputs", "input", 1)


def _inputs(fields: Fields) -> list[str]:
    value = fields.any("input")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        fields.wrong("input", "is required: a string or a list of strings")
        return []
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            fields.wrong(f"input[{number}]", "must be a string: token ids mean something only to their own model")
            return []
    return texts


class EmbeddingsExchange:
    """One request for vectors. `limit`: of the body in bytes."""

    def __init__(self, request: web.Request, facts: Facts, limit: int) -> None:
        self._http, self._facts, self._limit = request, facts, limit
        self._story = Story()
        self._order: EmbedOrder
        self._answer: embeddings_pb2.EmbedResponse

    async def request(self) -> embeddings_pb2.EmbedRequest:
        members, size = await body.read_json(self._http, self._limit)
        self._order = await apart(size, EmbedOrder, members, labels(self._http.headers))
        return self._order.request

    async def respond(self, message: embeddings_pb2.EmbedResponse) -> None:
        self._answer = message
        self._story.unary(message)
        self._order.ignored += [self.spell(notice.field) for notice in message.notices]

    async def finish(self, facts: Facts) -> web.StreamResponse:
        size = self._answer.ByteSize()
        data = await apart(size, self._body)
        return json_response(data, facts, self._story.headers(self._order.ignored))

    def _body(self) -> bytes:
        read = self._story.usage()["prompt_tokens"]
        return msgspec.json.encode(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": index, "embedding": self._vector(embedding)}
                    for index, embedding in enumerate(self._answer.embeddings)
                ],
                "model": self._order.request.model,
                "usage": {"prompt_tokens": read, "total_tokens": read},
                "antiphon": self._story.vendor(),
            }
        )

    def _vector(self, embedding: embeddings_pb2.Embedding) -> list[float] | str:
        if not self._order.packed:
            return list(embedding.values)
        numbers = array("f", embedding.values)
        if sys.byteorder == "big":
            numbers.byteswap()
        return base64.b64encode(numbers.tobytes()).decode()

    async def fail(self, problem: Problem, facts: Facts) -> web.StreamResponse:
        return error_response(problem, facts)

    def spell(self, field: str) -> str:
        return self._order.spell(field)

    def close(self) -> None:
        """Nothing to release."""
