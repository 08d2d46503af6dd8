"""Embeddings: the call, the vectors, and the documented ways to request them.

A provider that embeds has `embed(call)`; it makes one upstream call, picks no credential and does not retry, and raises
UpstreamFailure only.
Sources: API references of OpenAI, Mistral, Cloudflare and Hugging Face; huggingface_hub.
"""

import base64
import binascii
import math
import struct
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from inference_service.domain import Finish, FinishReason, Notice, NoticeKind, Usage
from inference_service.failures import FailureKind, UpstreamFailure
from inference_service.providers.kit import errors, values
from inference_service.providers.seam import LimitReport
from inference_service.providers.speech import Host, posted
from inference_service.unary import Embedded, EmbedRequest

MOST_INPUTS = 2_048
WORDS = ("embed", "/bge-", "bge-m3", "/e5-", "/gte-", "minilm", "nomic")


class EmbedCall(Struct, frozen=True):
    """One upstream call. dimensions: of each vector; None: the model's default. strict: refuse unsupported settings instead of dropping them."""

    model: str
    inputs: tuple[str, ...]
    secret: str | None
    dimensions: int | None = None
    strict: bool = False


class Embeddings(Struct, frozen=True):
    """One vector per input, in order, all of the same length."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None
    notices: tuple[Notice, ...] = ()
    limits: LimitReport | None = None


class Embedder(Protocol):
    """A provider that can embed."""

    async def embed(self, call: EmbedCall) -> Embeddings:
        """Embeds all inputs in one call. Raises UpstreamFailure."""
        ...


def embeds(model: str) -> bool:
    """Whether a model's name suggests that it embeds. Only for models that no list and no row describes."""
    return any(word in f"/{model.lower()}" for word in WORDS)


def checked(call: EmbedCall, *, dimensions: bool) -> tuple[Notice, ...]:
    """A notice for dimensions that have no effect. Raises UpstreamFailure if the call cannot be made at all."""
    if not call.inputs or any(not text for text in call.inputs):
        raise UpstreamFailure(FailureKind.BAD_REQUEST, "there is nothing to embed: every input needs a text")
    if len(call.inputs) > MOST_INPUTS:
        raise UpstreamFailure(FailureKind.UNSUPPORTED, f"this deployment embeds at most {MOST_INPUTS} texts per call")
    if call.dimensions is None or dimensions:
        return ()
    text = "This deployment does not honour dimensions; it had no effect."
    if call.strict:
        raise UpstreamFailure(
            FailureKind.FIELD_REFUSED, "this deployment does not honour dimensions", field="dimensions"
        )
    return (Notice(NoticeKind.DROPPED, "dimensions", text),)


async def over_openai(
    host: Host, url: str, headers: Mapping[str, str], call: EmbedCall, *, dimensions: str = "dimensions"
) -> Embeddings:
    """OpenAI's endpoint, which nearly every host has. `dimensions`: the field's name, empty if there is none."""
    notices = checked(call, dimensions=bool(dimensions))
    body: dict[str, Any] = {"model": call.model, "input": list(call.inputs)}
    if dimensions and call.dimensions is not None:
        body[dimensions] = call.dimensions
    answer, limits = await posted(host, url, headers, json=msgspec.json.encode(body))
    return read_embeddings(answer, call, notices, limits)


async def over_hugging_face(host: Host, url: str, headers: Mapping[str, str], call: EmbedCall) -> Embeddings:
    """The feature-extraction pipeline: a bare list of vectors. Raises UpstreamFailure."""
    notices = checked(call, dimensions=False)
    answer, limits = await posted(host, url, headers, json=msgspec.json.encode({"inputs": list(call.inputs)}))
    return read_embeddings(answer, call, notices, limits)


def read_embeddings(
    answer: Any, call: EmbedCall, notices: tuple[Notice, ...] = (), limits: LimitReport | None = None
) -> Embeddings:
    """Parses any documented shape. Raises UpstreamFailure(BAD_RESPONSE) unless there is one valid vector per input."""
    body = values.mapping(answer)
    if error := body.get("error"):
        raise errors.in_stream(error, began=False)
    body = values.mapping(body.get("result")) or body
    listed = body.get("data") if body else answer
    rows = listed if isinstance(listed, list) else []
    if rows and all(isinstance(row, dict) for row in rows):
        rows = [row.get("embedding") for row in sorted(rows, key=_index)]
    vectors = tuple(_vector(row) for row in rows)
    if len(vectors) != len(call.inputs) or len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    usage = values.mapping(body.get("usage"))
    tokens = values.count(usage.get("prompt_tokens", usage.get("total_tokens")))
    return Embeddings(vectors, None if tokens is None else Usage(tokens), notices, limits)


def _index(row: Mapping[str, Any]) -> int:
    return values.count(row.get("index")) or 0


def _vector(row: Any) -> tuple[float, ...]:
    """Numbers, or the base64 of 32-bit floats. Raises UpstreamFailure for anything else."""
    if isinstance(row, str):
        row = _unpacked(row)
    if not isinstance(row, list):
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    if len(row) == 1 and isinstance(row[0], list):  # some pipelines wrap each vector in another list
        row = row[0]
    if not all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for value in row
    ):
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200)
    return tuple(float(value) for value in row)


def _unpacked(text: str) -> list[float]:
    try:
        data = base64.b64decode(text, validate=True)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    except (binascii.Error, ValueError, struct.error) as error:
        raise errors.failure(FailureKind.BAD_RESPONSE, status=200) from error


async def asked(provider: Any, request: EmbedRequest, model: str, secret: str | None) -> AsyncGenerator[Any, None]:
    """The events of one embedding call. Raises UpstreamFailure, also if the provider cannot embed."""
    embed = getattr(provider, "embed", None)
    if embed is None:
        raise UpstreamFailure(FailureKind.UNSUPPORTED, "the provider does not embed", capability="embed")
    made: Embeddings = await embed(EmbedCall(model, request.inputs, secret, request.dimensions, request.strict))
    yield made.limits or LimitReport()
    for notice in made.notices:
        yield notice
    if made.usage is not None:
        yield made.usage
    yield Embedded(made.vectors)
    yield Finish(FinishReason.STOP)
